"""What the README shows in Python runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from neat_deep.networks.network import build_network
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.store.run_store import RunStore
from tests.support import toy_data
from tests.support.random_cells import DIGITS_INI

README = DIGITS_INI.parent.parent / "README.md"
QUICK = {"pop_size": 3, "epochs": 1, "train_subset": 40, "channels": 4, "elitism": 1}


def snippet(heading: str) -> str:
    """The Python block under a heading."""
    section = README.read_text(encoding="utf-8").split(f"### {heading}\n")[1].split("\n### ")[0]
    (block,) = re.findall(r"(?s)```python\n(.*?)```", section)
    return str(block)


def run(block: str) -> dict[str, Any]:
    """The names that a block leaves behind."""
    names: dict[str, Any] = {"__name__": "readme"}
    exec(compile(block, str(README), "exec"), names)
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
    names = run(snippet("From Python"))
    assert Architecture.load(tmp_path / "best.json") == names["evaluator"].best.architecture


def test_the_score_of_one_architecture(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(README.parent)
    run(snippet("One architecture's score, from Python").replace("epochs=2", "epochs=1"))
    assert "'accuracy': " in capsys.readouterr().out


@pytest.mark.usefixtures("quick")
def test_the_run_that_is_kept(tmp_path: Path) -> None:
    block = snippet("A run that is kept, from Python")
    run(block.replace("5 - population", "2 - population"))
    run(block)
    with RunStore.read(tmp_path / "runs" / "mine") as store:
        assert len(store.generations()) == 5


def test_the_estimator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    block = snippet("As a scikit-learn estimator")
    names = run(block.replace("minutes=5", "evaluations=1, epochs=1, population=2, workers=0"))
    assert names["classifier"].run_ == tmp_path / "runs" / "classifier"


@pytest.mark.usefixtures("registrations")
def test_the_op_of_ones_own() -> None:
    run(snippet("Your own op"))
    cell = CellGraph(1, (CellNode((Edge(0, "blur", "relu"),)),))
    network = build_network(Architecture(cell, Skeleton(channels=4, cells=1)), toy_data.SPEC, seed=0)
    batch = next(toy_data.stripes(4, 0).eval_batches(4))
    assert network(batch.inputs).shape == (4, 2)


@pytest.mark.parametrize(
    "heading",
    [
        "From Python",
        "One architecture's score, from Python",
        "As a scikit-learn estimator",
        "A run that is kept, from Python",
        "Your own op",
    ],
)
def test_a_snippet_imports_nothing_that_it_does_not_use(heading: str) -> None:
    block = snippet(heading)
    for line in re.findall(r"(?m)^(?:from \S+ )?import (.*)$", block):
        for name in line.split(", "):
            assert len(re.findall(rf"\b{name}\b", block)) > 1, name
