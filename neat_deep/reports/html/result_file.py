"""What a finished run says of itself in its `result.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neat_deep.base.errors import StoreError
from neat_deep.base.files import read_text

RESULT = "result.json"
TRAINED = "trained.pt"


def read_result(folder: Path) -> Mapping[str, Any]:
    """What stands in a run's `result.json`, empty where there is none or none that a whole run wrote."""
    path = folder / RESULT
    if not path.is_file():
        return {}
    try:
        result = json.loads(read_text(path, "result", StoreError))
    except ValueError:
        return {}
    return result if isinstance(result, dict) else {}


def number(result: Mapping[str, Any], name: str) -> float | None:
    """A number of it, None where it is absent."""
    value = result.get(name)
    return float(value) if isinstance(value, int | float) else None


def accuracies(result: Mapping[str, Any], name: str = "test_accuracies") -> tuple[float, ...]:
    """Figures of the final trainings, one a seed; none where there is no result, or no test part."""
    values = result.get(name)
    return tuple(float(v) for v in values if isinstance(v, float | int)) if isinstance(values, list) else ()
