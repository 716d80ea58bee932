"""What the guide shows in Python runs as it stands there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from neat_deep.networks.network import build_network
from neat_deep.scoring.scorer import Scorer
from neat_deep.scoring.scores import SCORED, Score
from neat_deep.scoring.settings import FitnessSettings
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.space.search_space import SearchSpace
from neat_deep.store.run_store import RunStore
from neat_deep.strategies.registry import STRATEGIES
from neat_deep.strategies.strategy import StrategyContext
from tests.support import toy_data
from tests.support.documentation import PAGES, ROOT, blocks, snippet
from tests.support.random_cells import DIGITS_INI

QUICK = {"pop_size": 3, "epochs": 1, "train_subset": 40, "channels": 4, "elitism": 1}
PYTHON, PARTS = "guide/python.md", "guide/own-parts.md"
BLOCKS = [(page, block) for page in PAGES for block in blocks(page, "python")]


def run(block: str) -> dict[str, Any]:
    """The names that a block leaves behind."""
    names: dict[str, Any] = {"__name__": "guide"}
    exec(compile(block, "guide", "exec"), names)
    return names


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working directory is a folder with the experiment on digits, made small."""
    text = DIGITS_INI.read_text()
    for key, value in QUICK.items():
        text = re.sub(rf"(?m)^{key} = .*$", f"{key} = {value}", text)
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "digits_neat.ini").write_text(text)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("quick")
def test_the_search_from_python(tmp_path: Path) -> None:
    names = run(snippet(PYTHON, "With neat-python"))
    assert Architecture.load(tmp_path / "best.json") == names["evaluator"].best.architecture


def test_the_score_of_one_architecture(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    run(snippet(PYTHON, "One architecture's score").replace("epochs=2", "epochs=1"))
    assert "'accuracy': " in capsys.readouterr().out


@pytest.mark.usefixtures("quick")
def test_the_run_that_is_kept(tmp_path: Path) -> None:
    block = snippet(PYTHON, "A run that is kept")
    run(block.replace("5 - population", "2 - population"))
    run(block)
    with RunStore.read(tmp_path / "runs" / "mine") as store:
        assert len(store.generations()) == 5


def test_the_estimator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    block = snippet(PYTHON, "As a scikit-learn estimator")
    names = run(block.replace("minutes=5", "evaluations=1, epochs=1, population=2, workers=0"))
    assert names["classifier"].run_ == tmp_path / "runs" / "classifier"


@pytest.mark.usefixtures("registrations")
def test_the_op_of_ones_own() -> None:
    run(snippet(PARTS, "Your own op, and other parts"))
    cell = CellGraph(1, (CellNode((Edge(0, "blur", "relu"),)),))
    network = build_network(Architecture(cell, Skeleton(channels=4, cells=1)), toy_data.SPEC, seed=0)
    batch = next(toy_data.stripes(4, 0).eval_batches(4))
    assert network(batch.inputs).shape == (4, 2)


@pytest.mark.usefixtures("registrations")
def test_the_metric_and_the_objective_of_ones_own() -> None:
    run(snippet(PARTS, "A metric and an objective"))
    cell = CellGraph(1, (CellNode((Edge(0, "sep_conv_3", "relu"),)),))
    scorer = Scorer(toy_data.dataset(), FitnessSettings(epochs=1, batch_size=8, objective="careful"))
    score = scorer.score_architecture(Architecture(cell, Skeleton(channels=4, cells=1)))
    assert 0 <= score.metrics["sure_errors"] <= 1
    assert score.objective == score.metrics["accuracy"] - 5 * score.metrics["sure_errors"]


@pytest.mark.usefixtures("registrations")
def test_the_strategy_of_ones_own_climbs_and_is_taken_up_again() -> None:
    run(snippet(PARTS, "A strategy"))
    space = SearchSpace(("identity", "sep_conv_3", "max_pool_3"), ("relu",), ("add",), nodes=3)
    context = StrategyContext(space, Skeleton(), settings=None, seed=1)
    make = STRATEGIES.get("restless").make
    assert callable(make)
    strategy, other = make(context), make(context)
    worths = []
    for _ in range(8):
        other.restore(json.loads(json.dumps(strategy.state())))
        proposals = strategy.ask(4)
        assert other.ask(4) == proposals
        sizes = [len(proposal.point.nodes) for proposal in proposals]
        strategy.tell(
            [Score(candidate=p.number, status=SCORED, objective=n) for p, n in zip(proposals, sizes, strict=True)]
        )
        worths += sizes
    assert max(worths) == 3


@pytest.mark.parametrize(
    ("page", "block"), [pytest.param(*case, id=f"{case[0].stem}: {case[1].heading}") for case in BLOCKS]
)
def test_a_snippet_imports_nothing_that_it_does_not_use(page: Path, block: Any) -> None:
    for line in re.findall(r"(?m)^(?:from \S+ )?import (.*)$", block.text):
        for name in line.split(", "):
            assert len(re.findall(rf"\b{name}\b", block.text)) > 1, name
