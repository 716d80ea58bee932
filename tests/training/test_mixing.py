"""mixup and CutMix: images that are mixed with others, and losses that count both classes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from neat_deep.base.errors import ConfigError
from neat_deep.data import Batch, DataSpec
from neat_deep.training.fit import fit
from neat_deep.training.mixing import Mixer
from neat_deep.training.settings import TrainingSettings
from neat_deep.training.suitability import check_training_settings
from tests.support.toy_data import SPEC, stripes

CPU = torch.device("cpu")
MIXUP, CUTMIX = TrainingSettings(mixup=0.4), TrainingSettings(cutmix=1.0)


def flat(count: int, height: int = 8, width: int = 6) -> Batch:
    """Image i is i everywhere, and of the class i."""
    numbers = torch.arange(count)
    return Batch(numbers.float()[:, None, None, None].expand(count, 2, height, width).contiguous(), numbers)


@given(st.integers(0, 1000))
def test_mixup_adds_images_and_classes_with_one_share(seed: int) -> None:
    batch = flat(5)
    mixed = Mixer(MIXUP, seed)(batch)
    assert 0 <= mixed.share <= 1
    assert torch.equal(mixed.batch.labels, batch.labels)
    expected = mixed.share * batch.labels + (1 - mixed.share) * mixed.others
    torch.testing.assert_close(mixed.batch.inputs, expected[:, None, None, None].expand(5, 2, 8, 6))


@given(st.integers(0, 1000), st.floats(0.05, 5))
def test_cutmix_counts_each_class_by_its_pixels(seed: int, alpha: float) -> None:
    batch = flat(5)
    mixed = Mixer(replace(CUTMIX, cutmix=alpha), seed)(batch)
    own = mixed.batch.inputs == batch.inputs
    others = mixed.batch.inputs == mixed.others[:, None, None, None]
    assert (own ^ others).all()  # each pixel is of the one or the other
    assert own.float().mean() == pytest.approx(mixed.share, abs=1e-6)
    rows, columns = others[0, 0].any(1), others[0, 0].any(0)
    assert torch.equal(others[0, 0], rows[:, None] & columns)  # a rectangle
    assert torch.equal(batch.inputs, flat(5).inputs)


def test_the_shares_are_drawn_from_beta() -> None:
    """Beta(a, a) has the mean 1/2 and the variance 1 / (8 a + 4)."""
    mixer = Mixer(TrainingSettings(mixup=0.5), 1)
    shares = torch.tensor([mixer(flat(2)).share for _ in range(4000)])
    assert shares.mean() == pytest.approx(0.5, abs=0.03)
    assert shares.var() == pytest.approx(1 / 8, abs=0.01)


def test_with_both_a_batch_has_the_one_or_the_other() -> None:
    mixer = Mixer(TrainingSettings(mixup=1.0, cutmix=1.0), 3)
    images = [mixer(flat(2)).batch.inputs[1] for _ in range(200)]
    assert 60 < sum(bool(image.min() == image.max()) for image in images) < 140


def test_one_seed_mixes_alike() -> None:
    def shares(seed: int) -> list[float]:
        mixer = Mixer(MIXUP, seed)
        return [mixer(flat(2)).share for _ in range(5)]

    assert shares(1) == shares(1) != shares(2)


class Notes(nn.Module):
    """A model that notes what it was called with."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.tensor([0.3, -0.2]))
        self.inputs = torch.empty(0)

    def forward(self, images: Tensor) -> Tensor:
        self.inputs = images
        return self.bias + images.mean((1, 2, 3))[:, None] * torch.tensor([1.0, -1.0])


@pytest.mark.parametrize("settings", [MIXUP, CUTMIX])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_counts_both_classes(settings: TrainingSettings, smoothing: float) -> None:
    """Against the cross-entropy with the mixed labels, as both papers have it."""
    train, model, losses = stripes(8, 0), Notes(), []
    before = model.bias.detach().clone()
    asked = replace(settings, epochs=1, batch_size=8, label_smoothing=smoothing)
    fit(model, train, asked, device=CPU, seed=5, on_step=lambda progress: losses.append(progress.loss))
    (batch,) = train.train_batches(8, torch.Generator().manual_seed(5))
    mixed = Mixer(asked, 5)(batch)
    torch.testing.assert_close(model.inputs, mixed.batch.inputs)
    logits = before + model.inputs.mean((1, 2, 3))[:, None] * torch.tensor([1.0, -1.0])
    labels = mixed.share * F.one_hot(batch.labels, 2) + (1 - mixed.share) * F.one_hot(mixed.others, 2)
    labels = (1 - smoothing) * labels + smoothing / 2
    assert losses == [pytest.approx(float(F.cross_entropy(logits, labels)), rel=1e-5)]


@pytest.mark.parametrize("key", ["mixup", "cutmix"])
def test_texts_are_not_mixed(key: str) -> None:
    texts: DataSpec = replace(SPEC, rank=1, shape=(6,), vocabulary=9)
    with pytest.raises(ConfigError, match=f"{key}: got 0.2, allowed: 0, since the data set 'stripes' holds texts"):
        check_training_settings(TrainingSettings(**{key: 0.2}), texts)  # type: ignore[arg-type]
