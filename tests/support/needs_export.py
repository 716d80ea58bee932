"""What tests of export need: a torch that can do it, and for ONNX the packages of an extra."""

from __future__ import annotations

import pytest
import torch

from neat_deep.export.onnx_format import PACKAGES
from neat_deep.export.tracing import OLDEST, can_export

needs_export = pytest.mark.skipif(
    not can_export(), reason=f"torch {torch.__version__} is older than {'.'.join(map(str, OLDEST))}"
)


def needs_packages(format: str) -> None:
    """Skip a test where what writes the format is not installed."""
    for package in PACKAGES if format == "onnx" else ():
        pytest.importorskip(package)
