"""Recipes of training at equal seconds: they run, keep to their seconds, and go on where they stopped."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import recipes
from neat_deep.base.errors import ConfigError
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.training.settings import TrainingSettings
from neat_deep.training.suitability import check_training_settings
from tests.support.random_cells import DIGITS_INI
from tests.support.toy_data import SPEC

ARCHITECTURE = Architecture(CellGraph(1, (CellNode((Edge(0, "sep_conv_3"),)),)), Skeleton(channels=4, cells=2))
SECONDS = 1.5


def compared(folder: Path, *options: str) -> dict[str, Any]:
    ARCHITECTURE.save(folder / "architecture.json")
    asked = [str(folder / "architecture.json"), "--config", str(DIGITS_INI), "--seconds", str(SECONDS), "--json"]
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        recipes.main([*asked, *options])
    figures: dict[str, Any] = json.loads(printed.getvalue().splitlines()[-1])
    return figures


@pytest.mark.slow
def test_recipes_have_the_same_seconds(tmp_path: Path) -> None:
    names = ["as the file says", "sizes 4 6 8", "1.5 times the channels"]
    options = ("--channels", "8", "--keep", str(tmp_path / "kept.json"), "--recipes")
    figures = compared(tmp_path, *options, *names)
    rows = figures["rows"]
    assert [row["recipe"] for row in rows] == names
    for row in rows:
        assert 0.7 * SECONDS < row["seconds"] < SECONDS + 0.5  # it ends within a step of them, or with its epochs
        assert 0.5 < row["accuracy"] <= 1 and 0.5 < row["mirrored"] <= 1
    plain, growing, wide = rows
    assert plain["parameters"] == growing["parameters"] < wide["parameters"]
    assert compared(tmp_path, *options, *names) == figures


@pytest.mark.parametrize("side", [8, 32])
def test_every_recipe_can_be_trained_and_differs_from_the_files_own(side: int) -> None:
    spec = replace(SPEC, shape=(3, side, side))
    settings = TrainingSettings(
        progressive_sizes=(side // 2, side),
        label_smoothing=0.1,
        augmentation=replace(TrainingSettings().augmentation, erase=2),
    )
    applied = {name: recipe.apply(settings, ARCHITECTURE) for name, recipe in recipes.recipes(settings, side).items()}
    first, *others = applied.values()
    assert first == (settings, ARCHITECTURE)
    assert first not in others and len({*map(str, others)}) == len(others)
    for changed, _ in applied.values():
        check_training_settings(changed, spec)


def test_mirror_images_are_counted_as_much_as_the_images() -> None:
    class Left(nn.Module):
        """Sees the left half only."""

        def forward(self, images: Tensor) -> Tensor:
            half = images[..., : images.shape[3] // 2].mean((1, 2, 3))
            return torch.stack([half, torch.zeros_like(half)], 1)

    images = torch.zeros(1, 1, 4, 4)
    images[..., :2] = 2.0
    expected = (torch.tensor([2.0, 0.0]).softmax(0) + torch.tensor([0.0, 0.0]).softmax(0)) / 2
    torch.testing.assert_close(recipes.Mirrored(Left())(images).exp(), expected[None])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--recipes", "magic"), "--recipes: got 'magic', allowed: 'as the file says', 'their own size"),
        (("--seconds", "0"), "--seconds: got 0.0, allowed: more than 0"),
        (("--recipes", "no erasing"), "got 'no erasing', which is what the file says; allowed: others"),
        (("--channels", "900"), "recipe '1.5 times the channels': channels after the last reduction: got 5400"),
        (("--channels", "0"), "--channels: got 0, allowed: 1 or more"),
    ],
)
def test_what_cannot_be_compared_is_refused(options: tuple[str, ...], says: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=says):
        compared(tmp_path, *options)
