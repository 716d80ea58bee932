"""What is exported: the network of a `trained.pt`, or the vote of a run's best networks, with its data's facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from neat_deep.base.errors import ArchitectureError, ConfigError
from neat_deep.data import DataSpec
from neat_deep.data.encoding import PADDING_TOKEN, TextEncoding
from neat_deep.export.models import ImageModel, Model, TextModel
from neat_deep.training.ensemble import VOTE, Ensemble, vote_members
from neat_deep.training.trained_file import load_data_facts, load_encoding, load_for_images

COLOURS = (1, 3)  # channels that images can be converted between: grey and RGB


@dataclass(frozen=True)
class Source:
    """A network in evaluation mode, its data's facts, and, for texts, how they became token ids."""

    network: nn.Module
    spec: DataSpec
    encoding: TextEncoding | None

    def model(self, channels: int | None = None) -> Model:
        """The network with its preprocessing and its softmax.

        `channels` are those of the images that go in, of which it makes what the network was trained on; without them
        it is those. Raises `ConfigError` for others than it can convert, and `ArchitectureError`.
        """
        if self.encoding is not None:
            if channels is not None:
                raise ConfigError(f"channels: got {channels}, allowed for a network for texts: none")
            return TextModel(self.network, self.spec, self.padding()).eval().requires_grad_(False)
        own = self.spec.shape[0]
        allowed = COLOURS if own in COLOURS else (own,)
        if channels is not None and channels not in allowed:
            raise ConfigError(f"channels: got {channels}, allowed: {' or '.join(map(str, allowed))}")
        return ImageModel(self.network, self.spec, channels or own).eval().requires_grad_(False)

    def vocabulary(self) -> list[str]:
        """The token of each id; nothing for a network for images."""
        return [] if self.encoding is None else list(self.encoding.encoder.words())

    def padding(self) -> int:
        """The id that fills up short texts; raises `ArchitectureError` where the vocabulary has none."""
        try:
            return self.vocabulary().index(PADDING_TOKEN)
        except ValueError:
            raise ArchitectureError(f"its vocabulary has no token {PADDING_TOKEN} to fill up short texts") from None


def load_source(path: Path) -> Source:
    """The network of a `trained.pt`, or for an `ensemble.json` the networks beside it, which vote.

    Raises `ArchitectureError`, also for a network for texts whose tokenizer was a caller's own.
    """
    if path.name != VOTE:
        return _load_one(path)
    members = [_load_one(member) for member in vote_members(path)]
    first = members[0]
    for member in members:
        if (member.spec, _as_text(member.encoding)) != (first.spec, _as_text(first.encoding)):
            raise ArchitectureError(f"{path}: its networks were trained on different data")
    return Source(Ensemble([member.network for member in members]), first.spec, first.encoding)


def _load_one(path: Path) -> Source:
    if load_data_facts(path).rank == 2:
        network, spec = load_for_images(path)
        return Source(network, spec, None)
    network, spec, encoding = load_encoding(path)
    if len(spec.class_names) != spec.num_classes:
        raise ArchitectureError(f"{path}: data: class_names: got {len(spec.class_names)}, allowed: {spec.num_classes}")
    return Source(network, spec, encoding)


def _as_text(encoding: TextEncoding | None) -> Sequence[object]:
    return () if encoding is None else (encoding.encoder.to_json(), encoding.max_length, encoding.cut)
