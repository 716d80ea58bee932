"""One generation's way up the rungs: who is trained, compared, promoted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from neat_deep.scoring.kinship import Entry
from neat_deep.scoring.known import KnownEvaluations
from neat_deep.scoring.records import EvaluationRecord
from neat_deep.scoring.rungs import Ladder, Standing

Worth = Callable[[EvaluationRecord], float | None]


class Climb:
    """Trains and compares the networks of a generation rung by rung.

    What a network is known to reach counts, whatever rung it is compared on. One whose outcome the generations before
    know (trained to the top, or failed) is not compared at all; one that they trained beyond a rung passes it without
    taking a place. So the best network known is never lost to a comparison on a lower rung, and what is known costs
    nothing.

    `reached` has the evaluation that counts, by key. Where the budget ended first, `finished` is false and some entries
    may be missing there.
    """

    def __init__(self, entries: Sequence[Entry], known: KnownEvaluations, ladder: Ladder, worth: Worth) -> None:
        self._known = known
        self._ladder = ladder
        self._worth = worth
        self._entries = {entry.key: entry for entry in reversed(entries)}  # of twins the first counts
        keys = list(dict.fromkeys(entry.key for entry in entries))
        self._before = {key: known.before(key) for key in keys}
        self.reached: dict[str, EvaluationRecord] = {}
        self.finished = False
        contenders = [key for key in keys if not self._is_settled(key)]
        self._brackets = dict(zip(contenders, ladder.starts(len(contenders)), strict=True))
        self._stopped = dict(self._brackets)  # the rung where each was compared last

    def run(
        self, evaluate: Callable[[int, Sequence[Entry]], Iterator[EvaluationRecord]]
    ) -> Iterator[Mapping[str, EvaluationRecord]]:
        """Climb; `evaluate` does the evaluations of a rung. Yields `reached` whenever there is more in it."""
        for key, record in self._before.items():
            if record is not None and key not in self._brackets:
                self.reached[key] = record
        yield self.reached
        climbing = set(self._brackets)
        for rung in range(self._ladder.top + 1):
            keys = [key for key, start in self._brackets.items() if start <= rung and key in climbing]
            self._stopped.update(dict.fromkeys(keys, rung))
            missing = []
            for key in keys:
                record = self._known_on(key, rung)
                if record is None:
                    missing.append(self._entries[key])
                else:
                    self.reached[key] = record
            yield self.reached
            for record in evaluate(rung, missing):
                self.reached[record.key] = record
                yield self.reached
            if any(entry.key not in self.reached or self.reached[entry.key].rung < rung for entry in missing):
                return  # the budget ended
            if rung < self._ladder.top:
                climbing -= set(keys) - self._promoted(keys, rung)
        self.finished = True

    def climbed(self, rung: int) -> list[str]:
        """The keys that are compared on a rung, and so need no weights of rungs below it."""
        return [key for key, stopped in self._stopped.items() if stopped >= rung]

    def standings(self) -> dict[str, Standing]:
        """Where the networks that have a worth ended."""
        standings_by_key = {}
        for key, record in self.reached.items():
            objective = self._worth(record)
            if objective is not None:
                bracket = self._brackets.get(key)
                stopped = record.rung if bracket is None else self._stopped[key]
                before = self._before[key]
                earned = bracket is not None and (before is None or before.rung < stopped)
                standings_by_key[key] = Standing(objective, bracket, stopped, earned)
        return standings_by_key

    def _is_settled(self, key: str) -> bool:
        record = self._before[key]
        return record is not None and (record.has_failed or record.rung == self._ladder.top)

    def _known_on(self, key: str, rung: int) -> EvaluationRecord | None:
        """What counts for a network on a rung: what the generations before know, if that is as high, else the rung's.

        An evaluation of this generation on a higher rung does not count yet: a run that was stopped and resumed knows
        some, and must decide as the unbroken one did.
        """
        before = self._before[key]
        return before if before is not None and before.rung >= rung else self._known.get(key, rung)

    def _promoted(self, keys: Sequence[str], rung: int) -> set[str]:
        """Those that are promoted to the next rung, bracket by bracket."""
        promoted = {key for key in keys if self._is_beyond(key, rung)}
        for bracket in sorted({self._brackets[key] for key in keys}):
            members = [key for key in keys if self._brackets[key] == bracket and key not in promoted]
            if members:
                places = self._ladder.promoted([self._worth(self.reached[key]) for key in members])
                promoted |= {members[place] for place in places}
        return promoted

    def _is_beyond(self, key: str, rung: int) -> bool:
        before = self._before[key]
        return before is not None and before.rung > rung
