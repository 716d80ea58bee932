"""What a search shows where the output is no terminal: a line for each network as it ends, with what is left."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from neat_deep.reports.progress import ProgressReporter
from neat_deep.reports.summary import summarise
from neat_deep.scoring.scores import DIVERGED, REUSED, SCORED, UNSCORED, Score
from neat_deep.search.strategy_search import search
from tests.support.toy_search import DATA, PLAIN, strategy_experiment

GOOD = Score(
    candidate=0, status=SCORED, objective=0.9, metrics={"accuracy": 0.9, "parameters": 12345.0}, samples=96, seconds=1.5
)
BAD = Score(candidate=1, status=DIVERGED, reason="the loss became nan", seconds=0.25)
AGAIN = Score(candidate=2, status=REUSED, objective=0.8, metrics={"accuracy": 0.8, "parameters": 900.0})


def shown(*scores: Score, terminal: bool = False, left: str = "", generations: int | None = 4) -> list[str]:
    output = io.StringIO()
    console = Console(file=output, width=60, force_terminal=terminal, color_system=None)
    reporter = ProgressReporter(console, generations, lambda: left)
    reporter.generation_started(1, len(scores))
    for index, score in enumerate(scores):
        reporter.candidate_scored(score, index == 0 and score.objective is not None)
    reporter.close()
    reporter.close()
    return output.getvalue().splitlines()


def test_a_line_for_each_network() -> None:
    assert shown(GOOD, BAD, AGAIN, left="3.2 minutes of search left") == [
        "generation 2 of 4, network 1 of 3: scored 90.00%, 12,345 parameters, 1.5 s; best so far 90.00%; "
        "3.2 minutes of search left",
        "generation 2 of 4, network 2 of 3: diverged, 0.2 s; best so far 90.00%; 3.2 minutes of search left",
        "generation 2 of 4, network 3 of 3: reused 80.00%, 900 parameters, 0.0 s; best so far 90.00%; "
        "3.2 minutes of search left",
    ]


def test_without_a_limit_nothing_is_said_to_be_left() -> None:
    (line,) = shown(GOOD, generations=None)
    assert line == "generation 2, network 1 of 1: scored 90.00%, 12,345 parameters, 1.5 s; best so far 90.00%"


def test_a_terminal_has_bars_instead() -> None:
    assert not any("network 1 of" in line for line in shown(GOOD, BAD, terminal=True))


def test_a_generation_has_its_line_and_a_resumed_search_knows_its_best() -> None:
    output = io.StringIO()
    reporter = ProgressReporter(Console(file=output, width=60), 4)
    reporter.resumed([summarise([GOOD], 1, 0, 1.0)], GOOD)
    worse = replace(AGAIN, status=SCORED)
    reporter.generation_started(1, 1)
    reporter.candidate_scored(worse, False)
    reporter.generation_ended(summarise([worse], 2, 0, 3.0), GOOD)
    network, generation = output.getvalue().splitlines()
    assert network.endswith("; best so far 90.00%")
    assert re.match(r"generation   2  best 80.00%  median 80.00%  best so far 90.00%  trained 1  reused 0 ", generation)


def test_a_search_under_nohup_is_not_silent(tmp_path: Path) -> None:
    output = io.StringIO()
    asked = strategy_experiment(PLAIN, generations=2, evaluations=8)
    search(asked, DATA, tmp_path, Console(file=output, width=60))
    lines = [line for line in output.getvalue().splitlines() if ", network " in line and UNSCORED not in line]
    assert len(lines) == 8
    assert lines[0].startswith("generation 1 of 2, network 1 of 6: scored ")
    assert lines[0].endswith("; 7 evaluations left")
    assert lines[-1].endswith("; 0 evaluations left")
