"""Devices by name."""

from __future__ import annotations

import pytest
import torch

from neat_deep.base.devices import get_device
from neat_deep.base.errors import DeviceError


def test_devices() -> None:
    assert get_device("cpu") == torch.device("cpu")
    assert get_device("auto").type in ("cpu", "cuda")
    for name in ("tpu", "cuda:99", "xyz", "meta", "hpu", "mps"):
        with pytest.raises(DeviceError, match=f"device '{name}' cannot be used here; allowed: auto, cpu"):
            get_device(name)
