"""What a search found and what it cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from neat_deep.base.errors import SearchError
from neat_deep.reports.finalists import Finalist
from neat_deep.reports.pictures.notebook import result_html
from neat_deep.reports.summary import GenerationSummary
from neat_deep.scoring.scorer import Scorer
from neat_deep.scoring.scores import Score
from neat_deep.store.run_store import RunStore


@dataclass(frozen=True)
class SearchResult:
    """What a search found and what it cost; `best.accuracy` is on the validation examples of the search.

    With `finalists` `best` is the first of them, the winner of the trainings after the search; its accuracy is still
    that of the search. Those trainings are counted apart, in the finalists' trials.

    `seconds` are of all scored generations. The training examples that were seen, and those that reuse of scores and
    early stopping spared, are counted against training every connected candidate from scratch. `ended` says why the
    search ended. `screened_out` networks were proposed and not trained: their signal was lower.
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
    finalists: tuple[Finalist, ...] = ()
    screened_out: int = 0

    def _repr_html_(self) -> str:
        """What a notebook shows: the figures, and the best network."""
        accuracy = self.best.accuracy
        figures = {
            "best validation accuracy": "" if accuracy is None else f"{100 * accuracy:.2f}%",
            "parameters of that network": f"{self.best.parameters:,}",
            "networks trained, reused, failed": f"{self.trained}, {self.reused}, {self.failed}",
            "generations": str(len(self.history)),
            "training examples": f"{self.samples:,}",
            "seconds": f"{self.seconds:.0f}",
            "ended": self.ended,
        }
        if self.screened_out:
            figures["networks screened out"] = f"{self.screened_out:,}"
        if self.finalists:
            accuracy = self.finalists[0].accuracy
            figures["trained again as a finalist"] = "" if accuracy is None else f"{100 * accuracy:.2f}%"
        return result_html(figures, self.best.architecture)


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
    generations, counts, screened_out = store.generations(), scorer.counts, store.screened_out()
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
        screened_out=sum(screened_out.get(record.generation, 0) for record in generations),
    )
