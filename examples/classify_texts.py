"""Let a trained network classify texts of your own.

    python examples/classify_texts.py runs/sst2_neat/trained.pt "a film that moves" "two hours that I want back"
    python examples/classify_texts.py runs/sst2_neat/trained.pt --file reviews.txt     # a text a line

`neat-deep classify` does the same, for images too.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from neat_deep.cli.classifying import classify_texts
from neat_deep.cli.running import call_with_options, run_script
from neat_deep.training.prediction import load_text_classifier


def classify(
    network: Annotated[Path, typer.Argument(help="trained.pt of a run on texts.")],
    texts: Annotated[list[str] | None, typer.Argument(metavar="TEXT...", help="Texts to classify.")] = None,
    file: Annotated[
        Path | None, typer.Option(help="More texts, one a line; empty lines are left out.", show_default=False)
    ] = None,
) -> None:
    """Print a line a text: class, probability, text."""
    classify_texts(load_text_classifier(network), texts or [], file)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, classify."""
    call_with_options(classify, arguments, __doc__ or "")


if __name__ == "__main__":
    run_script(main)
