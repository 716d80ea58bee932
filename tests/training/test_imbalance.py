"""Few examples of one class, many of another: the figures that show it, and the setting that helps."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, f1_score
from sklearn.utils.class_weight import compute_class_weight
from torch import Tensor, nn

from neat_deep.base.errors import ConfigError
from neat_deep.data import DataSpec
from neat_deep.data.images.image_split import ImageSplit
from neat_deep.scoring.metrics import METRICS, Measured
from neat_deep.training.class_weights import BALANCED, NO_WEIGHTS, loss_weights
from neat_deep.training.fit import evaluate, fit
from neat_deep.training.settings import TrainingSettings

CPU = torch.device("cpu")


class Says(nn.Module):
    """Guesses what the first pixels say."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.none = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.one_hot((255 * x[:, 0, 0, 0]).round().long(), self.classes).float()


def split(labels: list[int], guesses: list[int], classes: int) -> ImageSplit:
    spec = DataSpec("toy", 2, classes, tuple(map(str, range(classes))), (1, 2, 2), (0.0,), (1.0,))
    images = torch.tensor(guesses, dtype=torch.uint8)[:, None, None, None].expand(-1, 1, 2, 2).clone()
    return ImageSplit(images, torch.tensor(labels), spec)


@pytest.mark.parametrize(
    ("labels", "guesses", "classes"),
    [
        ([0] * 1500 + [1] * 3, [0] * 1503, 2),
        ([0] * 40 + [1] * 3, [0] * 39 + [1] * 2 + [0] * 2, 2),
        ([0, 1, 2, 2, 2, 2, 2], [0, 2, 2, 2, 1, 2, 0], 3),
        ([0, 0, 2, 2], [0, 1, 2, 2], 3),
        ([0, 0, 2, 2], [0, 0, 2, 2], 5),
    ],
)
def test_the_figures_are_those_of_scikit_learn(labels: list[int], guesses: list[int], classes: int) -> None:
    data = split(labels, guesses, classes)
    found = evaluate(Says(classes), data, device=CPU, batch_size=7)
    assert found.balanced_accuracy == pytest.approx(balanced_accuracy_score(labels, guesses))
    assert found.macro_f1 == pytest.approx(f1_score(labels, guesses, average="macro"))
    assert found.accuracy == sum(a == b for a, b in zip(labels, guesses, strict=True)) / len(labels)
    assert found.examples == len(labels)
    expected = confusion_matrix(labels, guesses, labels=range(classes))
    assert found.confusion == tuple(map(tuple, expected.tolist()))


class Sure(nn.Module):
    """Guesses class 0 with the probability that the first pixel says, in percent."""

    def __init__(self) -> None:
        super().__init__()
        self.none = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        share = (255 * x[:, 0, 0, 0]).round() / 100
        return torch.stack([share, 1 - share], dim=1).log()


@pytest.mark.parametrize(
    ("labels", "percents", "expected"),
    [
        ([0, 0, 0, 1], [75, 75, 75, 75], 0.0),  # right as often as it says
        ([0, 0, 0, 0], [75, 75, 75, 75], 0.25),
        ([0, 1, 0, 0], [60, 60, 90, 90], (2 * 0.1 + 2 * 0.1) / 4),  # too sure in one bin, not sure enough in another
        ([1, 0, 0, 1], [100, 100, 99, 99], 0.495),  # one bin, 1 in it
    ],
)
def test_the_calibration_error_is_that_of_the_paper(labels: list[int], percents: list[int], expected: float) -> None:
    found = evaluate(Sure(), split(labels, percents, 2), device=CPU, batch_size=3)
    assert found.calibration_error == pytest.approx(expected, abs=1e-6)


def test_both_are_metrics_of_a_search() -> None:
    data = split([0] * 9 + [1], [0] * 10, 2)
    for name, value in (("balanced_accuracy", 0.5), ("macro_f1", (18 / 19) / 2)):
        assert METRICS.load(name)(Measured(Says(2), data.spec, data, {})) == pytest.approx(value)


@pytest.mark.parametrize("labels", [[0] * 9 + [1], [0, 1, 1, 2, 2, 2], [0, 0, 1, 1], [1] * 5 + [0] * 2])
def test_the_weights_are_those_of_scikit_learn(labels: list[int]) -> None:
    expected = compute_class_weight("balanced", classes=torch.tensor(sorted(set(labels))).numpy(), y=labels)
    found = loss_weights(BALANCED, torch.tensor(labels))
    assert found is not None and found.tolist() == pytest.approx(expected.tolist())
    assert loss_weights(NO_WEIGHTS, torch.tensor(labels)) is None


@pytest.mark.parametrize("rare", [3, 6, 10])
def test_balanced_weights_find_the_rare_class(rare: int) -> None:
    generator = torch.Generator().manual_seed(rare)
    labels = torch.tensor([0] * 300 + [1] * rare)
    centres = torch.where(labels == 0, 110, 145)[:, None, None, None]
    noise = 25 * torch.randn(len(labels), 1, 2, 2, generator=generator)
    spec = DataSpec("toy", 2, 2, ("often", "rare"), (1, 2, 2), (0.5,), (0.1,))
    data = ImageSplit((centres + noise).clamp(0, 255).to(torch.uint8), labels, spec)
    plain = TrainingSettings(epochs=6, batch_size=32, learning_rate=0.05)
    found = []
    for settings in (plain, replace(plain, class_weights="balanced")):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
        fit(model, data, settings, device=CPU, seed=1)
        found.append(evaluate(model, data, device=CPU).balanced_accuracy)
    assert found[1] > found[0] and found[1] > 0.8


def test_an_unknown_weight_is_refused() -> None:
    with pytest.raises(ConfigError, match="class_weights: got 'heavy', allowed: none, balanced"):
        TrainingSettings(class_weights="heavy")
