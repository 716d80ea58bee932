"""Settings of a training that no training could use."""

from __future__ import annotations

import math
from typing import Any

import pytest

from neat_deep.base.errors import ConfigError
from neat_deep.training.settings import TrainingSettings


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": 0}, "epochs: got 0, allowed: 1 or more"),
        ({"batch_size": 1}, "batch_size: got 1, allowed: 2 or more"),
        ({"optimizer": "rmsprop"}, "optimizer: got 'rmsprop', allowed: adamw, adam, sgd, nesterov"),
        (
            {"optimizer": "nesterov", "momentum": 0.0},
            "momentum with optimizer = nesterov: got 0.0, allowed: more than 0",
        ),
        ({"mixup": -0.1}, "mixup: got -0.1, allowed: 0 to 100"),
        ({"cutmix": math.inf}, "cutmix: got inf"),
        ({"learning_rate": 0.0}, "learning_rate: got 0.0, allowed: more than 0"),
        ({"learning_rate": math.nan}, "learning_rate: got nan"),
        ({"weight_decay": -1.0}, "weight_decay: got -1.0"),
        ({"schedule": "step"}, "schedule: got 'step'"),
        ({"warmup": 1.0}, "warmup: got 1.0"),
        ({"label_smoothing": 1.0}, "label_smoothing: got 1.0"),
        ({"ema": 1.0}, "ema: got 1.0"),
        ({"early_stopping": -1}, "early_stopping: got -1, allowed: 0 or more"),
        ({"precision": "int8"}, "precision: got 'int8', allowed: float32, bfloat16, float16"),
    ],
)
def test_bad_settings(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TrainingSettings(**values)
