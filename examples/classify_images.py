"""Let a trained network classify images of your own.

    python examples/classify_images.py runs/my_images/trained.pt cat.jpg holiday/     # of a folder, the images in it

`neat-deep classify` does the same, for texts too.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from neat_deep.cli.classifying import classify_images
from neat_deep.cli.running import call_with_options, run_script
from neat_deep.training.prediction import load_image_classifier


def classify(
    network: Annotated[Path, typer.Argument(help="trained.pt of a run on images.")],
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Image files, or folders that hold some.")],
) -> None:
    """Print a line an image: class, probability, file."""
    classify_images(load_image_classifier(network), images)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, classify."""
    call_with_options(classify, arguments, __doc__ or "")


if __name__ == "__main__":
    run_script(main)
