"""From an architecture to a trained network and its score on the untouched test set."""

from __future__ import annotations

import dataclasses
import json
import pickle
import typing
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from neat_deep.architecture import Architecture
from neat_deep.data import Dataset, DataSpec
from neat_deep.documents import parse_json, take_fields, take_items
from neat_deep.errors import ArchitectureError, NeatDeepError, OutputError
from neat_deep.files import replacing
from neat_deep.network import Network, build_network, count_macs, count_parameters
from neat_deep.randomness import derive_seed
from neat_deep.training import Evaluation, Progress, TrainingSettings, evaluate, fit

FORMAT = "neat-deep trained network"
VERSION = 1
PARTS = {"format": str, "version": int, "architecture": str, "data": str, "weights": dict}  # of the file


@dataclass(frozen=True)
class Trained:
    """A network that was trained from scratch, and what it scored and cost."""

    network: Network
    architecture: Architecture
    data: DataSpec
    test: Evaluation
    parameters: int
    macs: int  # multiply-accumulates of one example's forward pass
    seconds: float

    def save(self, path: Path | str) -> None:
        """Write architecture, data facts and weights to one file that `load_network` reads; raises `OutputError`."""
        content = {
            "format": FORMAT,
            "version": VERSION,
            "architecture": self.architecture.to_json(),
            "data": json.dumps(dataclasses.asdict(self.data)),
            "weights": {name: tensor.cpu() for name, tensor in self.network.state_dict().items()},
        }
        with replacing(path) as beside:
            try:
                torch.save(content, beside)
            except RuntimeError as error:  # torch's writer says so when the disk is full
                raise OutputError(f"cannot write {path} (is the disk full?): {str(error).splitlines()[0]}") from None


def retrain(
    architecture: Architecture,
    dataset: Dataset,
    settings: TrainingSettings,
    *,
    device: torch.device,
    seed: int,
    on_step: Callable[[Progress], None] | None = None,
) -> Trained:
    """Train from scratch on train and validation together, then read the test set once."""
    network = build_network(architecture, dataset.spec, seed=derive_seed(seed, "weights"))
    everything = dataset.train_and_validation()
    test_examples = dataset.read_test()  # before the training, so that a damaged file costs none; scored once, after it
    report = fit(network, everything, settings, device=device, seed=derive_seed(seed, "training"), on_step=on_step)
    test = evaluate(network, test_examples, device=device)
    return Trained(
        network,
        architecture,
        dataset.spec,
        test,
        count_parameters(network),
        count_macs(network, dataset.spec),
        report.seconds,
    )


def load_network(path: Path | str) -> Network:
    """The trained network of a file that `Trained.save` wrote, in evaluation mode; raises `ArchitectureError`.

    The file is read with `weights_only=True`: it cannot run code.
    """
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ArchitectureError(f"cannot read trained network {path}: {error.strerror or error}") from None
    except (RuntimeError, pickle.UnpicklingError, EOFError) as error:
        raise ArchitectureError(f"{path}: not a trained network: {str(error).splitlines()[0]}") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ArchitectureError(f"{path}: not a trained network of neat-deep")
    if content.get("version") != VERSION:
        raise ArchitectureError(f"{path}: version: got {content.get('version')}, allowed: {VERSION}")
    try:
        parts = take_fields(content, "the file", PARTS)
        network = build_network(Architecture.from_json(parts["architecture"]), _decode_spec(parts["data"]), seed=0)
        _load_weights(network, parts["weights"])
    except NeatDeepError as error:
        raise ArchitectureError(f"{path}: {error}") from None
    network.eval()
    return network


def _decode_spec(text: str) -> DataSpec:
    hints = typing.get_type_hints(DataSpec)
    items = {name: typing.get_args(hint)[0] for name, hint in hints.items() if typing.get_origin(hint) is tuple}
    values = take_fields(parse_json(text), "data", {name: list if name in items else hints[name] for name in hints})
    values.update({name: take_items(values[name], f"data: {name}", kind) for name, kind in items.items()})
    spec = DataSpec(**values)
    lengths = {1: 1, 2: 3}  # of the shape: (L,) and (C, H, W)
    if len(spec.shape) != lengths.get(spec.rank) or min(*spec.shape, spec.num_classes) < 1:
        raise ArchitectureError(
            f"data: got rank {spec.rank}, shape {spec.shape} and {spec.num_classes} classes, "
            "allowed: rank 1 with (L,), rank 2 with (C, H, W), and 1 or more of everything"
        )
    return spec


def _load_weights(network: Network, weights: dict[Any, Any]) -> None:
    """Put weights in their places; raises `ArchitectureError` for what is missing, unknown or of another shape."""
    places = network.state_dict()
    for name in weights:
        if name not in places:
            raise ArchitectureError(f"weights: unknown name {name!r}; the architecture has no such part")
    for name, place in places.items():
        if name not in weights:
            raise ArchitectureError(f"weights: '{name}' is missing")
        got = weights[name]
        found = f"{got.dtype} of shape {tuple(got.shape)}" if isinstance(got, Tensor) else type(got).__name__
        allowed = f"{place.dtype} of shape {tuple(place.shape)}"
        if found != allowed:
            raise ArchitectureError(f"weights: {name}: got {found}, allowed: {allowed}")
    network.load_state_dict(weights)
