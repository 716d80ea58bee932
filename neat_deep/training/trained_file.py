"""The file of a trained network, `trained.pt`: written, and read without running what it holds."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from neat_deep.base.checks import check_choice
from neat_deep.base.errors import ArchitectureError, DataError, NeatDeepError
from neat_deep.base.fields import parse_json, read_object
from neat_deep.base.tensor_files import FileKind
from neat_deep.data import DataSpec
from neat_deep.data.encoding import TextEncoding
from neat_deep.data.settings import CUTS, END
from neat_deep.data.texts.tokens import encoder_from_json
from neat_deep.networks.network import Network, build_as_ordered, build_network
from neat_deep.networks.plan import plan_network
from neat_deep.space.architecture import Architecture
from neat_deep.training.fit import Evaluation

# 2 brought facts about texts, 3 their encoding; 4 lacks the weights of parts that nobody reads; before 5 a cell was
# ordered by the names of its ops, of which one may have two.
VERSION = 5
TRAINED = FileKind(
    "trained network", "neat-deep", "neat-deep trained network", VERSION, range(1, VERSION + 1), ArchitectureError
)


@dataclass(frozen=True)
class _Encoding:
    """The part of a file that says how texts became token numbers; `encoder` is empty where no file can hold it."""

    encoder: str
    max_length: int
    cut: str = END


@dataclass(frozen=True)
class _Parts:
    """What a file of a trained network holds."""

    format: str
    version: int
    architecture: str
    data: str
    weights: dict[Any, Any]
    encoding: dict[Any, Any] = dataclasses.field(default_factory=dict)  # none for images, nor before version 3


@dataclass(frozen=True)
class Trained:
    """A network that was trained from scratch, what it scored on the test set, if there was one, and what it cost."""

    network: Network
    architecture: Architecture
    data: DataSpec
    scored: Evaluation | None
    parameters: int
    macs: int  # multiply-accumulates of one example's forward pass
    seconds: float
    encoding: TextEncoding | None = None

    @property
    def test(self) -> Evaluation:
        """The score on the test set; raises `DataError` where there was none."""
        if self.scored is None:
            raise DataError(f"data set '{self.data.name}': it has no test part that the network was scored on")
        return self.scored

    def save(self, path: Path | str) -> None:
        """Write architecture, data facts, weights and the encoding of texts to one file; raises `OutputError`.

        `load_network` reads it, and `load_image_classifier` or `load_text_classifier`, unless a caller's own tokenizer
        made the tokens of texts.
        """
        content = {
            "architecture": self.architecture.to_json(),
            "data": json.dumps(dataclasses.asdict(self.data)),
            "weights": {name: tensor.cpu() for name, tensor in self.network.state_dict().items()},
        }
        if self.encoding is not None:
            encoder, max_length, cut = self.encoding
            kept = {"encoder": encoder.to_json(), "max_length": max_length}
            # The end is all that earlier programs know.
            content["encoding"] = kept if cut == END else {**kept, "cut": cut}
        TRAINED.save(content, path)


def load_network(path: Path | str) -> Network:
    """The trained network of a file that `Trained.save` wrote, in evaluation mode; raises `ArchitectureError`.

    The file is read with `weights_only=True`: it cannot run code. A network for texts understands the token numbers of
    its own encoding alone (`load_encoding`): those of `Dataset.for_retraining`, not of the data set searched on.
    """
    return _read(path)[0]


def load_data_facts(path: Path | str) -> DataSpec:
    """What a trained network's file says about its data: images or texts, shape, classes; raises as `load_network`."""
    return _read(path)[1]


def load_for_images(path: Path | str) -> tuple[Network, DataSpec]:
    """A trained network as `load_network` reads it, and its data's facts; raises `ArchitectureError`, for texts too."""
    network, spec, _ = _read(path)
    if spec.rank != 2:
        raise ArchitectureError(f"{path}: trained on texts; allowed: a network trained on images")
    expected = {"class_names": spec.num_classes, "mean": spec.shape[0], "std": spec.shape[0]}
    for key, count in expected.items():
        if len(getattr(spec, key)) != count:
            raise ArchitectureError(f"{path}: data: {key}: got {len(getattr(spec, key))}, allowed: {count}")
    if not all(deviation > 0 for deviation in spec.std):
        raise ArchitectureError(f"{path}: data: std: got {spec.std}, allowed: numbers above 0")
    return network, spec


def load_encoding(path: Path | str) -> tuple[Network, DataSpec, TextEncoding]:
    """A trained network as `load_network` reads it, its data's facts, and how their texts became token numbers.

    Raises `ArchitectureError`, also for a network for images or one whose tokenizer was a caller's own.
    """
    network, spec, encoding = _read(path)
    if encoding is None:
        reason = "trained on images" if spec.rank == 2 else "of an older version, which kept no tokenizer"
        raise ArchitectureError(f"{path}: {reason}; allowed: a network trained on texts")
    try:
        values = read_object(_Encoding, encoding, "encoding")
        if not values.encoder:
            raise ArchitectureError(
                "its tokenizer was torchtext's or a caller's own, which no file holds; allowed: load_network"
            )
        check_choice("encoding: cut", values.cut, CUTS)
        encoder = encoder_from_json(values.encoder)
        if encoder.size != spec.vocabulary or values.max_length < 1:
            raise ArchitectureError(
                f"encoding: got {encoder.size} tokens and a length of {values.max_length}, allowed:"
                f" {spec.vocabulary}, as the network has, and 1 or more"
            )
    except NeatDeepError as error:
        raise ArchitectureError(f"{path}: {error}") from None
    return network, spec, TextEncoding(encoder, values.max_length, values.cut)


def _read(path: Path | str) -> tuple[Network, DataSpec, dict[Any, Any] | None]:
    content = TRAINED.load(path)
    try:
        parts = read_object(_Parts, content, "the file")
        spec = _decode_spec(parts.data)
        architecture = Architecture.from_json(parts.architecture)
        if parts.version >= 5:
            network = build_network(architecture, spec, seed=0)
        else:
            ordered = dataclasses.replace(architecture, cell=architecture.cell.canonical_as_named())
            network = build_as_ordered(ordered, spec, seed=0)
        weights = parts.weights if parts.version >= 4 else _without_unread(parts.weights, architecture)
        _load_weights(network, weights)
    except NeatDeepError as error:
        raise ArchitectureError(f"{path}: {error}") from None
    network.eval()
    return network, spec, parts.encoding or None


def _decode_spec(text: str) -> DataSpec:
    spec = read_object(DataSpec, parse_json(text), "data")
    lengths = {1: 1, 2: 3}  # of the shape: (L,) and (C, H, W)
    if len(spec.shape) != lengths.get(spec.rank) or min(*spec.shape, spec.num_classes) < 1:
        raise ArchitectureError(
            f"data: got rank {spec.rank}, shape {spec.shape} and {spec.num_classes} classes, "
            "allowed: rank 1 with (L,), rank 2 with (C, H, W), and 1 or more of everything"
        )
    return spec


def _without_unread(weights: dict[Any, Any], architecture: Architecture) -> dict[Any, Any]:
    """The weights but for those of cells and reductions that nobody reads, which versions before 4 built too."""
    skeleton, cell = architecture.skeleton, architecture.cell
    everything = plan_network(skeleton, cell.num_inputs, range(cell.num_inputs))
    built = plan_network(skeleton, cell.num_inputs, cell.used_inputs())
    unread = tuple(f"{name}." for name in everything.names() - built.names())
    return {name: value for name, value in weights.items() if not str(name).startswith(unread)}


def _load_weights(network: Network, weights: dict[Any, Any]) -> None:
    """Put weights in their places; raises `ArchitectureError` for what is missing, unknown or of another shape."""
    places = network.state_dict()
    for name in weights:
        if name not in places:
            raise ArchitectureError(f"weights: unknown name {name!r}; the architecture has no such part")
    for name, place in places.items():
        if name not in weights:
            raise ArchitectureError(f"weights: '{name}' is missing")
        value = weights[name]
        got = f"{value.dtype} of shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
        allowed = f"{place.dtype} of shape {tuple(place.shape)}"
        if got != allowed:
            raise ArchitectureError(f"weights: {name}: got {got}, allowed: {allowed}")
    network.load_state_dict(weights)
