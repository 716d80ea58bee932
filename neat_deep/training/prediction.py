"""What a trained network says about images and texts that no data set holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import torch
from torch import Tensor

from neat_deep.base.errors import ArchitectureError, DataError
from neat_deep.data import DataSpec, Split
from neat_deep.data.encoding import TextEncoding
from neat_deep.data.images.image_files import MODES, read_images
from neat_deep.data.images.image_split import ImageSplit
from neat_deep.data.texts.text_dataset import encode_texts
from neat_deep.data.texts.text_split import LabelledTexts, TextSplit
from neat_deep.networks.network import Network
from neat_deep.training.fit import prepare
from neat_deep.training.trained_file import load_data_facts, load_encoding, load_for_images

BATCH_SIZE = 256


@dataclass(frozen=True)
class Prediction:
    """The likeliest class of one example, and the probability that the network gives it (0..1)."""

    class_name: str
    probability: float


class ImageClassifier:
    """A trained network for images; called with the paths of image files, which are read as `image_folder`'s are.

    They are turned upright, stretched to the training images' size, and become grey where those were; of an animation
    the first picture is read. Otherwise they should look like those images (MNIST's digits are white on black).
    """

    def __init__(self, network: Network, spec: DataSpec) -> None:
        if spec.shape[0] not in MODES:
            allowed = " or ".join(map(str, MODES))
            raise ArchitectureError(f"a network for images of {spec.shape[0]} channels, allowed: {allowed}")
        self.network = _ready(network)
        self.spec = spec

    @torch.no_grad()
    def __call__(self, images: Sequence[PathLike[str] | str]) -> list[Prediction]:
        """A prediction for each image, in order; raises `DataError`, naming the file."""
        if isinstance(images, str | PathLike):
            raise DataError("images: got one path, allowed: a list of paths")
        if not isinstance(images, Sequence):
            raise DataError(f"images: got {type(images).__name__}, allowed: a list of paths")
        for number, image in enumerate(images, 1):
            if not isinstance(image, str | PathLike):
                raise DataError(f"image {number}: got {type(image).__name__}, allowed: a path")
        paths = [Path(image) for image in images]
        predictions: list[Prediction] = []
        for start in range(0, len(paths), BATCH_SIZE):
            pixels = read_images(paths[start : start + BATCH_SIZE], self.spec.shape)
            unlabelled = ImageSplit(pixels, torch.zeros(len(pixels), dtype=torch.long), self.spec)
            predictions += _predict(self.network, unlabelled, self.spec)
        return predictions


class TextClassifier:
    """A trained network for texts, with the tokenizer that it was trained with; called with texts."""

    def __init__(self, network: Network, spec: DataSpec, encoding: TextEncoding) -> None:
        self.network = _ready(network)
        self.spec = spec
        self.encoding = encoding

    @torch.no_grad()
    def __call__(self, texts: Sequence[str]) -> list[Prediction]:
        """A prediction for each text, in order; raises `DataError` for a text without a token and what is no text."""
        if isinstance(texts, str):
            raise DataError("texts: got one text, allowed: a list of texts")
        for number, text in enumerate(texts, 1):
            _check_text(text, f"text {number}")
        if not texts:
            return []
        places = tuple(f"text {number}" for number in range(1, len(texts) + 1))
        unlabelled = LabelledTexts(tuple(texts), torch.zeros(len(texts), dtype=torch.long), places)
        split = encode_texts(unlabelled, self.encoding, self.spec)
        return _predict(self.network, split, self.spec)


def load_image_classifier(path: Path | str) -> ImageClassifier:
    """The classifier of a `trained.pt` that was trained on images, on the CPU; raises `ArchitectureError`.

    Like `load_network` it runs no code that a file holds.
    """
    return ImageClassifier(*load_for_images(path))


def load_text_classifier(path: Path | str) -> TextClassifier:
    """The classifier of a `trained.pt` that was trained on texts, on the CPU; raises `ArchitectureError`.

    Like `load_network` it runs no code that a file holds.
    """
    return TextClassifier(*load_encoding(path))


def load_classifier(path: Path | str) -> ImageClassifier | TextClassifier:
    """The classifier of a `trained.pt` for what it was trained on, images or texts; raises `ArchitectureError`."""
    return load_text_classifier(path) if load_data_facts(path).rank == 1 else load_image_classifier(path)


@torch.no_grad()
def class_probabilities(network: Network, split: Split) -> Tensor:
    """The probability of each class (0..1) for each example of a split, in their order: (N, classes), on the CPU.

    `network` is in evaluation mode; it computes where its weights are. Raises `ArchitectureError` for outputs that are
    not finite.
    """
    split = split.to(next(network.parameters()).device)
    logits = torch.cat([network(*batch.arguments) for batch in split.eval_batches(BATCH_SIZE)]).double().cpu()
    if not logits.isfinite().all():
        raise ArchitectureError(
            "the network's outputs are not finite numbers: its weights, or its data's facts, are not"
        )
    probabilities = logits.softmax(1)
    if not isinstance(split, TextSplit):
        return probabilities
    by_length = split.lengths.cpu().argsort(stable=True)  # the order in which a split hands out its texts
    return probabilities[by_length.argsort()]


def _ready(network: Network) -> Network:
    """In evaluation mode, its weights laid out as in training, which is faster on images."""
    prepare(network, next(network.parameters()).device)
    return network.eval()


def _predict(network: Network, split: Split, spec: DataSpec) -> list[Prediction]:
    """A prediction for each example of a split, in their order."""
    best = class_probabilities(network, split).max(1)
    return [
        Prediction(spec.class_names[index], probability)
        for index, probability in zip(best.indices.tolist(), best.values.tolist(), strict=True)
    ]


def _check_text(text: object, where: str) -> None:
    if not isinstance(text, str):
        raise DataError(f"{where}: got {type(text).__name__}, allowed: str")
    try:
        text.encode()
    except UnicodeEncodeError:  # a command line's bytes that are no UTF-8
        raise DataError(f"{where}: not UTF-8 text: {text.encode('utf-8', 'replace').decode()!r:.60}") from None
