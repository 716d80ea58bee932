"""The format `onnx`: a file for ONNX Runtime, and for the many programs that read ONNX."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.export import ExportedProgram

from neat_deep.base.errors import ArchitectureError, ConfigError
from neat_deep.export.models import OUTPUT, Model
from neat_deep.export.tracing import dimensions_of, first_line

PACKAGES = ("onnx", "onnxscript", "onnxruntime")  # the extra `onnx`
ENTRY = "neat_deep"  # the description's name among the file's metadata


def check_installed() -> None:
    """Raise `ConfigError` where a package of the extra `onnx` is missing or broken."""
    for package in PACKAGES:
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise ConfigError(
                f"format 'onnx': the package {package} cannot be imported ({error}); install it with: pip install"
                " 'neat-deep[onnx]'"
            ) from None


def encode(program: ExportedProgram, model: Model, description: str) -> bytes:
    """The file's bytes, weights and all; raises `ArchitectureError` for what ONNX has no operation for."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about torch's own code
            onnx_program = torch.onnx.export(
                program,
                input_names=[model.inputs],
                output_names=[OUTPUT],
                dynamic_shapes=(dimensions_of(model),),  # for their names
                external_data=False,
                dynamo=True,
                verbose=False,
            )
    except torch.onnx.errors.OnnxExporterError as error:
        raise ArchitectureError(f"torch.onnx cannot write the network: {first_line(error)}") from None
    assert onnx_program is not None
    onnx_program.model.metadata_props[ENTRY] = description
    content: bytes = onnx_program.model_proto.SerializeToString()
    return content


def load(path: Path) -> Callable[[Tensor], Tensor]:
    """An ONNX file of ours, ready to run on the CPU."""
    runtime = importlib.import_module("onnxruntime")
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    return lambda inputs: torch.from_numpy(session.run(None, {given.name: inputs.numpy()})[0])
