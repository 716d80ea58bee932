"""From settings to a data set: read, split in three, normalised or tokenised by what is trained on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from neat_deep.base.errors import ConfigError, DataError
from neat_deep.data.images.image_split import ImageSource, ImageSplit, LabelledImages, channel_statistics
from neat_deep.data.registry import DATASETS, IN_MEMORY
from neat_deep.data.settings import DataSettings
from neat_deep.data.spec import Dataset, DataSpec
from neat_deep.data.splits import stratified_split, stratified_subset
from neat_deep.data.texts.text_dataset import TextParts, make_text_dataset
from neat_deep.data.texts.text_split import TextSource, join_texts


def load_dataset(settings: DataSettings, parts: TextParts | None = None) -> Dataset:
    """Read the training examples, split them, and find out how to normalise or tokenise them.

    `parts` replace tokenizer, vocabulary or word vectors of a text data set. The test part is only checked, so that
    damage is met before the search and not after it; `read_test` alone hands it over. Raises `DataError` for files
    of either part that are missing, damaged or too few, and `ConfigError` for a `train_limit` that leaves a class
    out, for `parts` of images, and for data that only the program that made them has.
    """
    if settings.dataset == IN_MEMORY:
        raise ConfigError(
            f"got '{IN_MEMORY}', data that a Python program had in its memory; allowed: a data set in "
            "files, or fit with warm_start=True in a program that has them"
        )
    source = _read(settings)
    if isinstance(source, TextSource):
        return text_dataset(source, settings, parts)
    if parts is not None:
        raise ConfigError(f"parts: got some for '{settings.dataset}', allowed: for data sets of texts")
    return image_dataset(source, settings)


def _read(settings: DataSettings) -> ImageSource | TextSource:
    """What the data set's reader returns, which a user may have written."""
    source: ImageSource | TextSource = DATASETS.load(settings.dataset)(settings)
    kind = TextSource if DATASETS.get(settings.dataset).rank == 1 else ImageSource
    if not isinstance(source, kind):
        raise DataError(
            f"data set '{settings.dataset}': its reader returned {type(source).__name__}, allowed: {kind.__name__}"
        )
    return source


def text_dataset(source: TextSource, settings: DataSettings, parts: TextParts | None = None) -> Dataset:
    """The data set of a source of one's own, as torchtext's are; raises what `load_dataset` raises.

    Where the source has no validation part, or the settings do not want it as it is, validation is split from train,
    or from both.
    """
    if source.validation is not None and not settings.text.own_validation:
        source = replace(source, train=join_texts(source.train, source.validation), validation=None)
        _check_splittable(source)
    labels, classes = source.train.labels, len(source.class_names)
    if source.validation is None:
        train, validation = _split(labels, settings, classes)
    else:
        train, validation = _thin_out(labels, source.validation.labels, settings, classes)
    return make_text_dataset(settings.dataset, source, train, validation, settings.text, parts or TextParts())


def _check_splittable(source: TextSource) -> None:
    labels, places = source.train.labels, source.train.places
    for label, count in enumerate(labels.bincount(minlength=len(source.class_names)).tolist()):
        if count == 1:
            place = places[int((labels == label).nonzero())]
            raise DataError(
                f"{place}: texts of class '{source.class_names[label]}': got 1, allowed: 2 or more (one to train on,"
                " one to validate on)"
            )


def image_dataset(source: ImageSource, settings: DataSettings) -> Dataset:
    """The data set of a source of one's own; raises what `load_dataset` raises."""
    images, labels = source.train
    if source.validation is None:
        train, validation = _split(labels, settings, len(source.class_names))
        held_out = source.train
    else:
        held_out = source.validation
        train, validation = _thin_out(labels, held_out.labels, settings, len(source.class_names))
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
        validation=ImageSplit(held_out.images[validation], held_out.labels[validation], spec),
        note=source.note,
        load_test=None if source.read_test is None else partial(_test_split, source.read_test, spec),
    )


def _split(labels: Tensor, settings: DataSettings, num_classes: int) -> tuple[Tensor, Tensor]:
    """The indices to train on and to validate on.

    A limit thins out both sides of the one split, so that what validates a quick run never trains a full one.
    """
    train, validation = stratified_split(labels, settings.validation, settings.split_seed)
    kept, kept_validation = _thin_out(labels[train], labels[validation], settings, num_classes)
    return train[kept], validation[kept_validation]


def _thin_out(train: Tensor, validation: Tensor, settings: DataSettings, num_classes: int) -> tuple[Tensor, Tensor]:
    """The indices of what `train_limit` leaves of either part's labels, shared out as they are."""
    limit, count = settings.train_limit, len(train) + len(validation)
    if not limit or limit >= count:
        return torch.arange(len(train)), torch.arange(len(validation))
    if limit < 2 * num_classes:
        raise ConfigError(
            f"train_limit: got {limit}, allowed: {2 * num_classes} or more (one example of each of {num_classes}"
            " classes to train on and one to validate on), or 0 for all"
        )
    validating = min(max(round(limit * len(validation) / count), num_classes), limit - num_classes)
    return (
        stratified_subset(train, limit - validating, settings.split_seed),
        stratified_subset(validation, validating, settings.split_seed),
    )


def _test_split(read_test: Callable[[], LabelledImages], spec: DataSpec) -> ImageSplit:
    images, labels = read_test()
    return ImageSplit(images, labels, spec)
