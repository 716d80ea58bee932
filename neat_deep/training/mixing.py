"""Images mixed with each other while a network is trained: mixup and CutMix."""

from __future__ import annotations

import math
import random
from typing import NamedTuple

from torch import Tensor

from neat_deep.data import Batch, DataSpec
from neat_deep.data.spec import check_holds_images
from neat_deep.training.settings import TrainingSettings


class Mixed(NamedTuple):
    """A batch whose images are `share` (0..1) of their own and the rest of others, of the classes `others` (B,)."""

    batch: Batch
    others: Tensor
    share: float


class Mixer:
    """Mixes the images of a batch, each with the one before it, as `mixup` and `cutmix` of the settings say.

    mixup adds images (Zhang et al., arXiv 1710.09412, eq. 1), CutMix pastes a rectangle of the other (Yun et al., arXiv
    1905.04899, section 3.1). The share of a batch is drawn from Beta(a, a), a the setting. With both, each batch
    has the one or the other by chance.
    """

    def __init__(self, settings: TrainingSettings, seed: int) -> None:
        self._mixup, self._cutmix = settings.mixup, settings.cutmix
        self._random = random.Random(seed)  # torch draws from no Beta with a generator of one's own

    def __call__(self, batch: Batch) -> Mixed:
        """Batches are shuffled, so the image before is any other."""
        others = batch.inputs.roll(1, 0)
        if self._cutmix and (not self._mixup or self._random.random() < 0.5):
            inputs, share = self._paste(batch.inputs, others)
        else:
            share = self._random.betavariate(self._mixup, self._mixup)
            inputs = batch.inputs.lerp(others, 1 - share)
        return Mixed(batch._replace(inputs=inputs), batch.labels.roll(1, 0), share)

    def _paste(self, images: Tensor, others: Tensor) -> tuple[Tensor, float]:
        """Images (B, C, H, W) with a rectangle of the others, and the share of an image that is its own still."""
        height, width = images.shape[2:]
        side = math.sqrt(1 - self._random.betavariate(self._cutmix, self._cutmix))  # of the rectangle, of the image's
        top, bottom = self._span(height, side)
        left, right = self._span(width, side)
        images = images.clone()
        images[:, :, top:bottom, left:right] = others[:, :, top:bottom, left:right]
        return images, 1 - (bottom - top) * (right - left) / (height * width)

    def _span(self, length: int, share: float) -> tuple[int, int]:
        """Where `share` of the pixels lie around a middle that is drawn; they may reach over the border."""
        middle, half = self._random.randrange(length), round(length * share) / 2
        return max(0, math.floor(middle - half)), min(length, math.floor(middle + half))


def check_mixing(settings: TrainingSettings, data: DataSpec) -> None:
    """Raise `ConfigError` for images that are to be mixed where the data set holds texts."""
    for key in ("mixup", "cutmix"):
        value = getattr(settings, key)
        if value:
            check_holds_images(key, value, data)
