"""Let a trained network classify texts of your own.

python examples/classify_texts.py runs/sst2_neat/trained.pt "a film that moves" "two hours that I want back"
python examples/classify_texts.py runs/sst2_neat/trained.pt --file reviews.txt     # a text a line
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from neat_deep.base.errors import ConfigError
from neat_deep.cli.overrides import run_script
from neat_deep.data.texts.tsv import read_lines
from neat_deep.training.prediction import load_text_classifier


def main(arguments: Sequence[str] | None = None) -> None:
    """Classify, print a line a text: class, probability, text."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("network", type=Path, help="trained.pt of a run on texts")
    parser.add_argument("texts", nargs="*", help="texts to classify")
    parser.add_argument("--file", type=Path, help="more texts, one a line; empty lines are left out")
    options = parser.parse_args(arguments)
    texts = list(options.texts)
    if options.file is not None:
        texts += [line for line in read_lines(options.file) if line.strip()]
    if not texts:
        raise ConfigError("texts: got none, allowed: texts on the command line, or --file with a text a line")
    classifier = load_text_classifier(options.network)
    for text, found in zip(texts, classifier(texts), strict=True):
        print(f"{found.class_name}\t{100 * found.probability:.1f}%\t{text}")


if __name__ == "__main__":
    run_script(main)
