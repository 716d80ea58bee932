"""From what scikit-learn's users hold, arrays and lists of texts, to what a network reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from torch import Tensor

from neat_deep.data import (
    Dataset,
    DataSettings,
    DataSpec,
    ImageSource,
    ImageSplit,
    LabelledImages,
    LabelledTexts,
    Split,
    TextSource,
    image_dataset,
    text_dataset,
)
from neat_deep.data.encoding import TextEncoding
from neat_deep.data.texts.text_dataset import encode_texts
from neat_deep.estimator.errors import InputError

BRIGHTEST = 255
AT_ONCE = 1024  # images that are scaled together, in wider numbers


@dataclass(frozen=True)
class ImageReader:
    """Reads arrays of images as an estimator was fitted to them: `low` becomes 0 and `high` 255, what is beyond is cut.

    `shape` is one example's: (H, W), (H, W, C), or (F,) for a row of F numbers, an image of one row.
    """

    shape: tuple[int, ...]
    low: float
    high: float

    def read(self, X: Any) -> Tensor:
        """The images as uint8 (N, C, H, W); raises `ValueError`, and `TypeError` for what holds no numbers."""
        array = _numbers(X)
        if array.shape[1:] != self.shape:
            if array.ndim == 2 and len(self.shape) == 1:  # in scikit-learn's words, which its checks know
                got, allowed = array.shape[1], self.shape[0]
                raise InputError(
                    f"X has {got} features, but NeuralSearchClassifier is expecting {allowed} features as input"
                )
            raise InputError(f"X: got examples of shape {array.shape[1:]}, allowed: {self.shape}, as in fit")
        return self._bytes(array)

    def split(self, X: Any, spec: DataSpec) -> ImageSplit:
        """The images, without labels, for a network of `spec`; raises as `read`."""
        images = self.read(X)
        return ImageSplit(images, torch.zeros(len(images), dtype=torch.long), spec)

    def dataset(self, X: Any, labels: Tensor, names: tuple[str, ...], settings: DataSettings) -> Dataset:
        """Train and validation parts of labelled images; raises as `read`, and `DataError` for too few."""
        return image_dataset(ImageSource(names, LabelledImages(self.read(X), labels), None), settings)

    def _bytes(self, array: Any) -> Tensor:
        height, width, channels = _height_width_channels(self.shape)
        values = np.empty(array.shape, dtype=np.uint8)
        for start in range(0, len(array), AT_ONCE):
            part = array[start : start + AT_ONCE]
            if part.dtype != np.uint8 or (self.low, self.high) != (0, BRIGHTEST):
                shares = (part.astype(np.float64) - self.low) / ((self.high - self.low) or 1.0)
                part = np.rint(np.clip(shares, 0, 1) * BRIGHTEST)
            values[start : start + AT_ONCE] = part
        pixels = torch.from_numpy(values).reshape(-1, height, width, channels)
        return pixels.permute(0, 3, 1, 2)  # (N, C, H, W)


@dataclass(frozen=True)
class TextReader:
    """Reads lists of texts; `encoding` is None until a data set was made of them."""

    encoding: TextEncoding | None = None

    def split(self, X: Any, spec: DataSpec) -> Split:
        """The texts, without labels, for a network of `spec`; raises `ValueError`, and `DataError` for no token."""
        texts = _texts(X)
        assert self.encoding is not None
        return encode_texts(_labelled(texts, torch.zeros(len(texts), dtype=torch.long)), self.encoding, spec)

    def dataset(self, X: Any, labels: Tensor, names: tuple[str, ...], settings: DataSettings) -> Dataset:
        """Train and validation parts of labelled texts; raises as `split`, and `DataError` for too few."""
        return text_dataset(TextSource(names, _labelled(_texts(X), labels), None, None), settings)


Reader = ImageReader | TextReader


def reader_for(X: Any) -> Reader:
    """The reader of the examples that an estimator is fitted to.

    uint8 is taken as it is; other numbers are scaled, the least of all of them to 0 and the greatest to 255. Raises
    `ValueError`, and `TypeError` for what holds no numbers.
    """
    if _holds_texts(X):
        return TextReader()
    array = _numbers(X)
    shape = array.shape[1:]
    _height_width_channels(shape)
    if array.dtype == np.uint8:
        return ImageReader(shape, 0, BRIGHTEST)
    return ImageReader(shape, float(array.min()), float(array.max()))


def image_shape(reader: ImageReader) -> tuple[int, int]:
    """Height and width of the images."""
    return _height_width_channels(reader.shape)[:2]


def read_labels(y: Any, count: int) -> tuple[Any, Tensor]:
    """The classes in their order, and each example's as a number of 0 to their count - 1.

    Raises `ValueError` for what are no classes, for a single class, and for a class of one example, of which none
    would be left to validate on.
    """
    if y is None:
        raise InputError("NeuralSearchClassifier requires y to be passed, but the target y is None")
    y = column_or_1d(check_array(y, ensure_2d=False, allow_nd=True, dtype=None, input_name="y"), warn=True)
    check_classification_targets(y)
    if len(y) != count:
        raise InputError(f"X and y: got inconsistent numbers of samples, {count} and {len(y)}")
    classes, numbers, counts = np.unique(y, return_inverse=True, return_counts=True)
    if len(classes) < 2:
        raise InputError(f"y: got 1 class, '{classes[0]}', allowed: 2 or more classes")
    if counts.min() < 2:
        rare = classes[counts.argmin()]
        raise InputError(f"y: class '{rare}': got 1 sample, allowed: 2 or more (one to train on, one to validate on)")
    return classes, torch.from_numpy(numbers.reshape(-1).astype(np.int64))


def count_examples(X: Any) -> int:
    """How many examples there are."""
    return len(X) if hasattr(X, "__len__") else len(np.asarray(X))


def _holds_texts(X: Any) -> bool:
    if isinstance(X, str | bytes):
        raise InputError(f"X: got one {type(X).__name__}, allowed: a list of texts, or an array of images")
    if not isinstance(X, list | tuple) and not (hasattr(X, "dtype") and getattr(X, "ndim", 0) == 1):
        return False
    return len(X) > 0 and isinstance(next(iter(X)), str)


def _texts(X: Any) -> tuple[str, ...]:
    if not _holds_texts(X):
        shape = f" of shape {X.shape}" if hasattr(X, "shape") else ""
        raise InputError(f"X: got {type(X).__name__}{shape}, allowed: a list of one or more texts, as in fit")
    for number, text in enumerate(X, 1):
        if not isinstance(text, str):
            raise InputError(f"X: text {number}: got {type(text).__name__}, allowed: str")
    return tuple(str(text) for text in X)


def _labelled(texts: Sequence[str], labels: Tensor) -> LabelledTexts:
    return LabelledTexts(tuple(texts), labels, tuple(f"X: text {number}" for number in range(1, len(texts) + 1)))


def _numbers(X: Any) -> Any:
    return check_array(X, allow_nd=True, input_name="X")


def _height_width_channels(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """The sizes of an image of (F,), (H, W) or (H, W, C); raises `InputError` for others."""
    if len(shape) == 1:
        return 1, shape[0], 1
    if len(shape) == 2:
        return shape[0], shape[1], 1
    if len(shape) != 3 or 0 in shape:
        raise InputError(f"X: got shape {('N', *shape)}, allowed: (N, H, W), (N, H, W, C), (N, F) or a list of texts")
    height, width, channels = shape
    if height in (1, 3) and min(width, channels) > 4:
        raise InputError(
            f"X: got shape {('N', *shape)}, allowed: (N, H, W, C), the channels last; "
            f"X.transpose(0, 2, 3, 1) makes {('N', width, channels, height)} of it"
        )
    return height, width, channels
