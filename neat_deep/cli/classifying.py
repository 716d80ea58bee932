"""Let a trained network classify images or texts of one's own: a line each, with class and probability."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from neat_deep.base.errors import ConfigError
from neat_deep.cli.trained_run import trained_file
from neat_deep.data.images.folder_listing import PassedOver, class_images
from neat_deep.data.settings import NEWEST_READING
from neat_deep.data.texts.rows import read_lines
from neat_deep.training.prediction import ImageClassifier, Prediction, TextClassifier, load_classifier


def classify(network: Path, inputs: Sequence[str], file: Path | None = None) -> None:
    """Classify images or texts, as `network` was trained on; it is a `trained.pt` or the folder of a run.

    `inputs` are paths of images or folders of them, or texts; `file` holds more texts, one a line. Raises
    `ArchitectureError`, `ConfigError` and `DataError`.
    """
    classifier = load_classifier(trained_file(network))
    if isinstance(classifier, TextClassifier):
        classify_texts(classifier, inputs, file)
    elif file is not None:
        raise ConfigError(f"--file: got {file}, allowed for a network for images: none; name the images instead")
    else:
        classify_images(classifier, [Path(place) for place in inputs])


def classify_images(classifier: ImageClassifier, places: Sequence[Path]) -> None:
    """Print a line an image; of a folder, for the images in it and in its subfolders.

    What else lies there is passed over, which a line on standard error tells.
    """
    if not places:
        raise ConfigError("images: got none, allowed: image files, or folders that hold some")
    paths: list[Path] = []
    for place in places:
        if not place.is_dir():
            paths.append(place)
            continue
        passed = PassedOver()
        paths += class_images(place, 1, NEWEST_READING, passed)
        if passed.paths:
            print(f"{place}: {passed.note(place)}", file=sys.stderr)
    _print(classifier(paths), paths)


def classify_texts(classifier: TextClassifier, texts: Sequence[str], file: Path | None = None) -> None:
    """Print a line a text; of `file`, for each line that is not empty."""
    texts = list(texts)
    for text in texts:
        if _is_path(text):
            raise ConfigError(f"texts: got the file {text}, allowed: texts; --file {text} reads a text from each line")
    if file is not None:
        texts += [line for line in read_lines(file) if line.strip()]
    if not texts:
        raise ConfigError("texts: got none, allowed: texts on the command line, or --file with a text a line")
    _print(classifier(texts), texts)


def _is_path(text: str) -> bool:
    """Whether a text of the command line is rather the path of a file, which is there."""
    path = Path(text)
    try:
        return path.is_file() and (bool(path.suffix) or len(path.parts) > 1)  # a word alone may be a text
    except (OSError, ValueError):  # too long for a path, or with a character that none may have
        return False


def _print(predictions: Sequence[Prediction], inputs: Iterable[object]) -> None:
    for item, prediction in zip(inputs, predictions, strict=True):
        print(f"{prediction.class_name}\t{100 * prediction.probability:.1f}%\t{item}")
