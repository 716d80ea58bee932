"""Ops of a notebook, scripts without a main guard, workers that die: said in one line, before anything is written."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from neat_deep.base.errors import ConfigError
from neat_deep.ops import register_activation, register_op
from neat_deep.scoring.executors import WorkerDied, WorkerPool, check_workers
from neat_deep.scoring.main_program import refuse_in_importing_process
from neat_deep.search.workers import plan_workers
from tests.support import worker_tasks

CPU = torch.device("cpu")
CALL = "from neat_deep.scoring.executors import check_workers\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('check_workers("2")\n', 2),
        ('def main():\n    check_workers("2")\n\nmain()\n', 5),
        ('try:\n    check_workers("2")\nfinally:\n    pass\n', 3),
        ('if True:\n    check_workers("2")\n', 3),
        ("for n in (2, 3):\n    check_workers(str(n))\n", 3),
    ],
)
def test_a_script_without_a_main_guard_is_refused(text: str, line: int, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(CALL + text)
    with pytest.raises(
        ConfigError, match=rf"\[Run\] workers: line {line} of {script} starts the search outside of `if"
    ):
        runpy.run_path(str(script), run_name="__main__")


@pytest.mark.parametrize(
    "text",
    [
        'if __name__ == "__main__":\n    check_workers("2")\n',
        'def main():\n    check_workers("2")\n\nif "__main__" == __name__:\n    main()\n',
        'check_workers("0")\n',
        'check_workers("1")\n',
    ],
)
def test_a_script_with_a_main_guard_is_not(text: str, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(CALL + text)
    runpy.run_path(str(script), run_name="__main__")


def test_with_auto_such_a_script_evaluates_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neat_deep.search.workers.cores", lambda: 3)
    script = tmp_path / "script.py"
    script.write_text(
        "import torch\nfrom neat_deep.search.workers import plan_workers\n"
        "plan = plan_workers('auto', torch.device('cpu'))\n"
    )
    plan = runpy.run_path(str(script), run_name="__main__")["plan"]
    assert plan.workers == "0"
    assert plan.note.startswith(f"evaluations run in this process: line 3 of {script} starts the search outside of")


def op(spec: Any) -> torch.nn.Module:
    return torch.nn.Identity()


def bend(x: torch.Tensor) -> torch.Tensor:
    return x


@pytest.mark.parametrize("path", [None, "<stdin>", "<string>", "/gone/script.py"])
@pytest.mark.parametrize("kind", ["op", "activation"])
def test_what_a_notebook_defines_is_evaluated_there(
    path: str | None, kind: str, registrations: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    main = ModuleType("__main__")
    if path is not None:
        main.__file__ = path
    for function in (op, bend):
        monkeypatch.setattr(function, "__module__", "__main__")
        setattr(main, function.__name__, function)
    monkeypatch.setitem(sys.modules, "__main__", main)
    monkeypatch.setattr("neat_deep.search.workers.cores", lambda: 3)
    check_workers("2")  # none of them is registered yet
    if kind == "op":
        register_op("mine", parametric=False)(op)
    else:
        register_activation("mine")(bend)
    plan = plan_workers("auto", CPU)
    assert plan.workers == "0"
    assert plan.note.startswith(f"evaluations run in this process: the {kind} 'mine' is defined in a notebook")
    with pytest.raises(ConfigError, match=f"the {kind} 'mine' is defined in a notebook.*allowed: in a file of its own"):
        plan_workers("2", CPU)


def test_a_worker_that_imports_the_program_does_not_search(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_in_importing_process()
    monkeypatch.setattr("multiprocessing.process._current_process._inheriting", True, raising=False)
    with pytest.raises(ConfigError, match="a worker imports the program that started it"):
        refuse_in_importing_process()


def test_the_real_reason_of_a_death_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neat_deep.scoring.executors.ATTEMPTS", 1)
    pool = WorkerPool(worker_tasks.Ends(), workers=1, threads=1)
    results = dict(pool.run(["exit", "slowly", "raise", "fine"]))
    pool.close()
    assert results == {
        "exit": WorkerDied("its worker ended with exit code 5, 1 times"),
        "slowly": WorkerDied("its worker ended with exit code 7, 1 times"),
        "raise": WorkerDied("its worker raised KeyError: 'no such key'"),
        "fine": "fine",
    }


def test_a_worker_that_cannot_import_says_what(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "only_here.py").write_text("def work(task):\n    return task\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import only_here  # type: ignore[import-not-found]

    pool = WorkerPool(only_here.work, workers=1, threads=1)
    (tmp_path / "only_here.py").unlink()
    ((_, result),) = pool.run([1])
    pool.close()
    assert result == WorkerDied(
        "its worker cannot import what it needs: ModuleNotFoundError: No module named 'only_here'"
    )
