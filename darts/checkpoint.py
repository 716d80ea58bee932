"""The state of a search after an epoch, in one file that holds no code: a search resumed from it ends the same."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from darts.derivation import Derived
from darts.history import EpochSummary, history_from_json, history_to_json
from darts.older_checkpoint import drop_other_names
from darts.settings import DartsSettings
from darts.supernet import Supernet
from neat_deep.base.errors import ArchitectureError, SearchError
from neat_deep.base.fields import values_before
from neat_deep.base.tensor_files import FileKind
from neat_deep.data import Augmentation, DataSpec
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.op_names import plain_name
from neat_deep.training.class_weights import NO_WEIGHTS

log = logging.getLogger(__name__)

VERSION = 2  # in 1 an op with two names was two candidates
START, CLASS_WEIGHTS = "cell to start from", "[Training] class_weights"
CHECKPOINT = FileKind("checkpoint", "a search by DARTS", "neat-deep darts search", VERSION, (1, 2), SearchError)


@dataclass(frozen=True)
class Identity:
    """What makes a search the one that it is: a checkpoint of another one cannot be gone on from."""

    settings: DartsSettings
    skeleton: Skeleton
    data: DataSpec
    seed: int
    augmentation: Augmentation
    examples: str  # a digest of them all, by what they are for, and of word vectors
    start: str | None = None  # the digest of the cell that the alphas favoured at first, if one was given
    class_weights: str = NO_WEIGHTS

    def facts(self) -> dict[str, Any]:
        """All of it as plain values, by the name that a user knows it by."""
        facts = self._named(asdict)
        facts["data set examples"] = self.examples
        facts["[Run] seed"] = self.seed
        facts[START] = self.start
        facts[CLASS_WEIGHTS] = self.class_weights
        return json.loads(json.dumps(facts))

    def facts_before(self) -> dict[str, Any]:
        """The facts that a checkpoint may lack, since an older program did not know them: what that program did."""
        facts = self._named(lambda part: values_before(type(part)))
        facts[START] = None
        facts[CLASS_WEIGHTS] = NO_WEIGHTS
        return json.loads(json.dumps(facts))

    def _named(self, values: Callable[[Any], Mapping[str, Any]]) -> dict[str, Any]:
        # The data with the mean and std of the training images: those of another split are others.
        parts = {
            "[Darts] ": self.settings,
            "[Network] ": self.skeleton,
            "data set ": self.data,
            "[Training] augmentation_": self.augmentation,
        }
        return {
            f"{place}{key}".removesuffix(" name"): value
            for place, part in parts.items()
            for key, value in values(part).items()
        }


def save_checkpoint(
    path: Path,
    identity: Identity,
    supernet: Supernet,
    optimizers: Sequence[torch.optim.Optimizer],
    history: Sequence[EpochSummary],
    kept: Derived | None,
) -> None:
    """Write the state after `len(history)` epochs, and the cell that is kept so far.

    The file is whole or absent. Raises `OutputError`.
    """
    content = {
        "identity": json.dumps(identity.facts()),
        "supernet": supernet.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
        "history": history_to_json(history),
        "kept": None if kept is None else {"cell": Architecture(kept.cell).to_json(), "strengths": kept.strengths},
    }
    CHECKPOINT.save(content, path)


def load_checkpoint(
    path: Path, identity: Identity, supernet: Supernet, optimizers: Sequence[torch.optim.Optimizer]
) -> tuple[list[EpochSummary], Derived | None]:
    """Put supernet and optimizers into the state of a checkpoint; return the epochs that led there and the kept cell.

    Raises `SearchError` for a file that is none or is damaged, and for a checkpoint of another search, naming what
    differs.
    """
    content = CHECKPOINT.load(path)
    options = identity.settings.op_options
    try:
        stored = json.loads(content["identity"])
        # Older programs' supernets had the n-grams of the network.
        stored.setdefault("[Darts] ngrams", bool(stored.get("[Network] ngrams")))
        _check_identity(path, {**identity.facts_before(), **stored}, identity.facts())
        if content["version"] == 1 and any(plain_name(op) != op for op in options):
            content = drop_other_names(content, options, supernet, optimizers)
            log.warning("%s: an op with two names was two candidates; from here on it is one", path)
        content["supernet"].setdefault("alphas.alive", supernet.alphas.alive)  # older programs left all candidates
        supernet.load_state_dict(content["supernet"])
        for optimizer, state in zip(optimizers, content["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        kept = content["kept"]
        if kept is not None:
            kept = Derived(Architecture.from_json(kept["cell"]).cell, kept["strengths"])
        return history_from_json(content["history"]), kept
    except (LookupError, AttributeError, TypeError, ValueError, RuntimeError, ArchitectureError) as error:
        reason = " ".join(str(error).split())
        raise SearchError(f"{path}: a damaged checkpoint: {type(error).__name__}: {reason}") from None


def _check_identity(path: Path, stored: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    for key in sorted(own.keys() | stored.keys()):
        if stored.get(key) != own.get(key):
            raise SearchError(
                f"{path} is a checkpoint of another search: {key}: it has {stored.get(key)}, this search "
                f"{own.get(key)}; allowed: all as it was begun"
            )
