"""Fixtures for real data, which lies in the folder that NEAT_DEEP_DATA names."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from neat_deep.base.plugins import load_installed_plugins
from neat_deep.base.registry import registration_scope
from neat_deep.data import Dataset, DataSettings, load_dataset

load_installed_plugins()  # outside of every scope


@pytest.fixture
def registrations() -> Iterator[None]:
    """What a test registers, in whatever registry, is gone after it."""
    with registration_scope():
        yield


@pytest.fixture(scope="module")
def no_pictures() -> Iterator[None]:
    """Drawing takes most of such a small run's time, and has its own tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("neat_deep.reports.recorder.try_picture", lambda drawing, path: None)
        patch.setattr("neat_deep.reports.recorder.plot_history", lambda history, path: None)
        yield


@pytest.fixture
def needs_optuna(request: pytest.FixtureRequest) -> None:
    """Optuna is an extra: without it, tests that name it are left out."""
    if "optuna" in request.node.name:
        pytest.importorskip("optuna")


@pytest.fixture(scope="session")
def real_data() -> str:
    """The folder of real data sets."""
    root = os.environ.get("NEAT_DEEP_DATA")
    if not root:
        pytest.skip("NEAT_DEEP_DATA names no folder with real data")
    return root


@pytest.fixture(scope="session")
def mnist(real_data: str) -> Dataset:
    """The original MNIST images."""
    return load_dataset(DataSettings("mnist", real_data))
