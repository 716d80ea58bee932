"""Which evaluation scores a candidate, and what its network inherits from those before it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from neat_deep.base.errors import InheritanceError
from neat_deep.scoring.candidate import Candidate
from neat_deep.scoring.inheritance import Ancestor, Heritage, Piece, name_inheritance, plan_inheritance
from neat_deep.scoring.known import KnownEvaluations
from neat_deep.space.architecture import Architecture
from neat_deep.space.cell_graph import CellGraph
from neat_deep.space.morphism import Morphism


@dataclass(frozen=True)
class Entry:
    """A candidate of the generation that is scored: `key` names the evaluation that scores it, which its twins share.

    `architecture` is as it is kept (`tidy`), with the candidate's own node keys. It starts from `pieces` of its
    parents, or from all that `heritage` says.
    """

    candidate: Candidate
    digest: str
    architecture: Architecture
    key: str
    pieces: tuple[Piece, ...] = ()
    heritage: Heritage | None = None


class Kinship:
    """The candidates that the next may descend from: those of the generation before, and older ones that live on."""

    def __init__(self, known: KnownEvaluations, *, inherit: bool, top: int) -> None:
        self._known = known
        self._inherit = inherit
        self._top = top
        self._kin: dict[int, Entry] = {}
        self._newest: frozenset[int] = frozenset()  # the numbers of the generation before
        self._ancestors: dict[int, Ancestor] = {}

    def follow(self, entries: Iterable[Entry]) -> None:
        """Let these be the generation before; it may be handed over in parts, the older ones before it."""
        newest = {entry.candidate.number: entry for entry in entries}
        self._kin |= newest
        self._newest = frozenset(newest)

    def retain(self, living: Collection[int]) -> None:
        """Let nobody be a parent but the generation before, and the older ones whose numbers are given."""
        self._kin = {number: kin for number, kin in self._kin.items() if number in self._newest or number in living}

    def __len__(self) -> int:
        return len(self._kin)

    def needed_weights(self) -> set[tuple[str, int]]:
        """Key and rung of the trained weights that children may still need."""
        return {(ancestor.key, ancestor.rung) for ancestor in self._all_ancestors().values()}

    def keep(self, kept: Collection[tuple[str, int]]) -> set[tuple[str, int]]:
        """Offer only the weights that were kept; returns key and rung of those that are offered."""
        self._ancestors = {n: a for n, a in self._all_ancestors().items() if (a.key, a.rung) in kept}
        return {(ancestor.key, ancestor.rung) for ancestor in self._ancestors.values()}

    def enter(self, candidate: Candidate, digest: str, architecture: Architecture) -> Entry:
        """The candidate's place in the generation.

        A candidate that lives on, and a child that computes what a parent computes, is that network: it shares its
        evaluation. Otherwise the key is the digest, with the name of what was inherited. Raises `InheritanceError` for
        a candidate of a morphism whose parent's weights are not kept.
        """
        if candidate.morphism is not None:
            heritage = self._heritage(candidate, candidate.morphism)
            return Entry(candidate, digest, architecture, f"{digest}-{heritage.name()}", heritage=heritage)
        key: str = digest
        pieces: tuple[Piece, ...] = ()
        if self._inherit:
            shared = self._shared_evaluation(candidate, digest)
            if shared is not None:
                key = shared
            else:
                parents = [self._ancestors[parent] for parent in candidate.parents if parent in self._ancestors]
                pieces = plan_inheritance(_built_cell(architecture), parents)
                key = f"{digest}-{name_inheritance(pieces)}" if pieces else digest
        return Entry(candidate, digest, architecture, key, pieces)

    def _heritage(self, candidate: Candidate, morphism: Morphism) -> Heritage:
        if not self._inherit:
            raise InheritanceError("inherit: got False, allowed with network morphism: True")
        (parent,) = candidate.parents
        ancestor = self._ancestors.get(parent)
        if ancestor is None:
            raise InheritanceError(
                f"weights_megabytes: too few to keep the weights of candidate {parent}, from which candidate "
                f"{candidate.number} must start; allowed: more, or smaller networks or generations"
            )
        return Heritage(ancestor.key, ancestor.rung, morphism)

    def _shared_evaluation(self, candidate: Candidate, digest: str) -> str | None:
        for number in (candidate.number, *candidate.parents):
            kin = self._kin.get(number)
            if kin is not None and kin.digest == digest and self._can_continue(kin, self._ancestors.get(number)):
                return kin.key
        return None

    def _can_continue(self, kin: Entry, ancestor: Ancestor | None) -> bool:
        """Whether an evaluation of an earlier generation needs no further training, or has the weights for it."""
        record = self._known.before(kin.key)
        if record is None:  # it raised: then it is tried anew
            return False
        return record.has_failed or record.rung == self._top or kin.key == kin.digest or ancestor is not None

    def _all_ancestors(self) -> Mapping[int, Ancestor]:
        """All that may be parents as ancestors, if their weights can be needed at all, by the candidates' numbers."""
        ancestors = {}
        for number, kin in self._kin.items():
            record = self._known.before(kin.key)
            if record is not None and (self._inherit or record.rung < self._top):
                ancestors[number] = Ancestor(kin.key, record.rung, _built_cell(kin.architecture))
        return ancestors


def _built_cell(architecture: Architecture) -> CellGraph:
    """The canonical cell, which the network is built from, of an architecture as it is kept."""
    return architecture.cell.canonical() if architecture.cell.motifs else architecture.cell
