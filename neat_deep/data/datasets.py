"""Data sets by name: read, split in three, normalised by what is trained on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from torch import Tensor

from neat_deep.checks import check_range
from neat_deep.data.images import ImageSource, ImageSplit, LabelledImages, channel_statistics
from neat_deep.data.spec import Dataset, DataSpec
from neat_deep.data.splits import check_share, stratified_split, stratified_subset
from neat_deep.errors import ConfigError, unknown_name


@dataclass(frozen=True)
class DataSettings:
    """Which data set, and how it is split; raises `UnknownNameError` or `ConfigError` on creation."""

    dataset: str
    root: str = "data"
    validation: float = 0.1  # share of the training images that selects; the rest trains
    split_seed: int = 0
    image_size: int = 32  # `image_folder` resizes its images to this side
    train_limit: int = 0  # training and validation images together, each class at its share; 0: all

    def __post_init__(self) -> None:
        if self.dataset not in DATASETS:
            raise unknown_name("data set", self.dataset, DATASETS)
        check_share("validation", self.validation)
        check_range("split_seed", self.split_seed, low=0, high=2**62)
        check_range("image_size", self.image_size, low=4, high=1024)  # less shows nothing, more fills the memory
        check_range("train_limit", self.train_limit, low=0)


def load_dataset(settings: DataSettings) -> Dataset:
    """Read the training images, split them, and find out how to normalise; the test images are only checked.

    Raises `DataError` for files of either part that are missing, damaged or too few, and `ConfigError` for a
    `train_limit` that leaves a class out.
    """
    source = DATASETS[settings.dataset](settings)
    images, labels = source.train
    train, validation = _split(labels, settings, len(source.class_names))
    mean, std = channel_statistics(images[train])
    spec = DataSpec(
        name=settings.dataset,
        rank=2,
        num_classes=len(source.class_names),
        class_names=source.class_names,
        shape=tuple(images.shape[1:]),
        mean=mean,
        std=std,
    )
    return Dataset(
        spec=spec,
        train=ImageSplit(images[train], labels[train], spec),
        validation=ImageSplit(images[validation], labels[validation], spec),
        load_test=partial(_test_split, source.read_test, spec),
    )


# The readers are imported when their data set is asked for: scikit-learn and torchvision together take longer to
# import than everything else, and a script that is called wrongly should say so at once.


def _digits(_: DataSettings) -> ImageSource:
    from neat_deep.data.digits import read_digits

    return read_digits()


def _mnist(settings: DataSettings) -> ImageSource:
    from neat_deep.data.torchvision_sets import read_mnist

    return read_mnist(_root(settings))


def _fashion_mnist(settings: DataSettings) -> ImageSource:
    from neat_deep.data.torchvision_sets import read_fashion_mnist

    return read_fashion_mnist(_root(settings))


def _cifar10(settings: DataSettings) -> ImageSource:
    from neat_deep.data.torchvision_sets import read_cifar10

    return read_cifar10(_root(settings))


def _image_folder(settings: DataSettings) -> ImageSource:
    from neat_deep.data.image_folder import read_image_folder

    return read_image_folder(_root(settings), settings.image_size)


DATASETS: dict[str, Callable[[DataSettings], ImageSource]] = {
    "digits": _digits,
    "mnist": _mnist,
    "fashion_mnist": _fashion_mnist,
    "cifar10": _cifar10,
    "image_folder": _image_folder,
}


def _root(settings: DataSettings) -> Path:
    return Path(settings.root).expanduser()


def _split(labels: Tensor, settings: DataSettings, num_classes: int) -> tuple[Tensor, Tensor]:
    """The indices to train on and to validate on.

    A limit thins out both sides of the one split, so that what validates a quick run never trains a full one.
    """
    train, validation = stratified_split(labels, settings.validation, settings.split_seed)
    limit = settings.train_limit
    if not limit or limit >= len(labels):
        return train, validation
    if limit < 2 * num_classes:
        raise ConfigError(
            f"train_limit: got {limit}, allowed: {2 * num_classes} or more (one image of each of {num_classes} classes"
            " to train on and one to validate on), or 0 for all"
        )
    validating = min(max(round(limit * settings.validation), num_classes), limit - num_classes)
    return (
        train[stratified_subset(labels[train], limit - validating, settings.split_seed)],
        validation[stratified_subset(labels[validation], validating, settings.split_seed)],
    )


def _test_split(read_test: Callable[[], LabelledImages], spec: DataSpec) -> ImageSplit:
    images, labels = read_test()
    return ImageSplit(images, labels, spec)
