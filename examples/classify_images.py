"""Let a trained network classify images of your own.

python examples/classify_images.py runs/my_images/trained.pt cat.jpg holiday/     # of a folder, the images in it
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from neat_deep.cli.overrides import run_script
from neat_deep.data.images.image_files import list_images
from neat_deep.training.prediction import load_image_classifier


def main(arguments: Sequence[str] | None = None) -> None:
    """Classify, print a line an image: class, probability, file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("network", type=Path, help="trained.pt of a run on images")
    parser.add_argument("images", type=Path, nargs="+", help="image files, or folders that hold some")
    options = parser.parse_args(arguments)
    classifier = load_image_classifier(options.network)
    paths = list[Path]()
    for place in options.images:
        paths += list_images(place, least=1) if place.is_dir() else [place]
    for path, found in zip(paths, classifier(paths), strict=True):
        print(f"{found.class_name}\t{100 * found.probability:.1f}%\t{path}")


if __name__ == "__main__":
    run_script(main)
