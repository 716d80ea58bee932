"""From an architecture to a trained network and its score on the untouched test set."""

from __future__ import annotations

import dataclasses
import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from neat_deep.architecture import Architecture
from neat_deep.data import Dataset, DataSpec
from neat_deep.errors import ArchitectureError
from neat_deep.files import replacing
from neat_deep.network import Network, build_network, count_macs, count_parameters
from neat_deep.randomness import derive_seed
from neat_deep.training import Evaluation, Progress, TrainingSettings, evaluate, fit

FORMAT = "neat-deep trained network"
VERSION = 2
READABLE_VERSIONS = (1, 2)  # version 2 has facts about texts


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
        """Write architecture, data facts and weights to one file that `load_network` reads."""
        content = {
            "format": FORMAT,
            "version": VERSION,
            "architecture": self.architecture.to_json(),
            "data": json.dumps(dataclasses.asdict(self.data)),
            "weights": {name: tensor.cpu() for name, tensor in self.network.state_dict().items()},
        }
        with replacing(path) as beside:
            torch.save(content, beside)


def retrain(
    architecture: Architecture,
    dataset: Dataset,
    settings: TrainingSettings,
    *,
    device: torch.device,
    seed: int,
    on_step: Callable[[Progress], None] | None = None,
) -> Trained:
    """Train from scratch on train and validation together, then score the test set once.

    With early stopping the validation part stops the training instead of adding to it.
    """
    network = build_network(architecture, dataset.spec, seed=derive_seed(seed, "weights"), vectors=dataset.vectors)
    stopping = settings.early_stopping > 0
    examples = dataset.train if stopping else dataset.train_and_validation()
    test_examples = dataset.read_test()  # before the training, so that a damaged file costs none; scored once, after it
    report = fit(
        network,
        examples,
        settings,
        device=device,
        seed=derive_seed(seed, "training"),
        validation=dataset.validation if stopping else None,
        on_step=on_step,
    )
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
    if content.get("version") not in READABLE_VERSIONS:
        allowed = ", ".join(map(str, READABLE_VERSIONS))
        raise ArchitectureError(f"{path}: version: got {content.get('version')}, allowed: {allowed}")
    data: dict[str, Any] = json.loads(content["data"])
    values: Any = {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}
    spec = DataSpec(**values)
    network = build_network(Architecture.from_json(content["architecture"]), spec, seed=0)
    network.load_state_dict(content["weights"])
    network.eval()
    return network
