"""What a run's store tells: the winner's ancestors, and the script's tables."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from neat_deep.reports.lineage import draw_family_tree, family_tree
from neat_deep.store.records import CandidateRecord
from tests.support.candidate_records import row
from tests.support.example_scripts import run_example
from tests.support.stored_rows import rows
from tests.support.toy_search import PLAIN, experiment, search


def genome(key: int, generation: int, parents: tuple[int, ...] = ()) -> CandidateRecord:
    return replace(row("a", 10, 0.5), candidate=key, generation=generation, parents=parents)


def test_a_family_tree_holds_each_ancestor_once() -> None:
    genomes = [
        genome(1, 0),
        genome(2, 0),
        genome(3, 1, (1, 2)),
        genome(1, 1),
        genome(4, 2, (3, 1)),
        genome(9, 2, (2,)),
    ]
    tree = family_tree(genomes, 4)
    assert [(found.candidate, found.generation) for found in tree.candidates] == [(1, 0), (2, 0), (3, 1), (4, 2)]
    assert tree.edges == ((1, 3), (1, 4), (2, 3), (3, 4))
    source = draw_family_tree(tree).source
    assert source.count("->") == 4
    assert "50.00%" in source


def test_the_script_tells_what_happened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    search(tmp_path / "run", experiment(PLAIN, generations=2))
    before = rows(tmp_path / "run")
    run_example(monkeypatch, "inspect_run.py", tmp_path / "run", "--out", tmp_path / "pictures")
    out = capsys.readouterr().out
    for part in ("generations", "training examples", "spared by reuse", "best: network"):
        assert part in out
    assert (tmp_path / "pictures" / "family.svg").read_text().count("<svg") == 1
    assert rows(tmp_path / "run") == before
