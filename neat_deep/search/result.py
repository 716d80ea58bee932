"""What a search found and what it cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from neat_deep.base.errors import SearchError
from neat_deep.reports.summary import GenerationSummary
from neat_deep.scoring.scorer import Scorer
from neat_deep.scoring.scores import Score
from neat_deep.store.run_store import RunStore


@dataclass(frozen=True)
class SearchResult:
    """What a search found and what it cost; `best.accuracy` is on the validation examples of the search.

    `seconds` are of all scored generations. The training examples that were seen, and those that reuse of scores and
    early stopping spared, are counted against training every connected candidate from scratch. `ended` says why the
    search ended.
    """

    best: Score
    history: tuple[GenerationSummary, ...]
    seconds: float
    trained: int
    reused: int
    failed: int
    samples: int
    saved_by_reuse: int
    saved_by_rungs: int
    ended: str = ""


def generations_done(count: int) -> str:
    """Why a search ended that has come to its last generation."""
    return f"{count} generation{' is' if count == 1 else 's are'} done"


def search_result(
    store: RunStore, scorer: Scorer, history: Sequence[GenerationSummary], ended: str = ""
) -> SearchResult:
    """The result of a search that has ended; raises `SearchError` when nothing valid was found."""
    if scorer.best is None:
        raise SearchError(
            "no network of the search connects input to output and trains"
            + (f" ({ended})" if ended else "")
            + "; see the log above"
        )
    generations, counts = store.generations(), scorer.counts
    return SearchResult(
        best=scorer.best,
        history=tuple(history),
        seconds=sum(record.seconds for record in generations),
        trained=counts.trained,
        reused=counts.reused,
        failed=counts.failed,
        samples=sum(record.samples for record in generations),
        saved_by_reuse=sum(record.saved_by_reuse for record in generations),
        saved_by_rungs=sum(record.saved_by_rungs for record in generations),
        ended=ended,
    )
