"""What comes from outside is a text on the screen, whatever brackets it holds."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import pytest

from neat_deep.base import screen as screens
from neat_deep.base.screen import has_bars, screen
from neat_deep.reports.run_tables import failure_table
from tests.support.candidate_records import row
from tests.support.command import run_command
from tests.support.random_cells import DIGITS_INI

ROOT = Path(__file__).resolve().parents[2]
TEXTS = (
    "runs/exp [v2]",
    "runs/a[/b]",
    "cannot open [/dev/sensor]",
    "[red]x",
    "[link=x]",
    "\\[a]",
    ":smile:",
    "[@click=x]",
)


def shown(*content: object) -> str:
    output = io.StringIO()
    screen(file=output, width=200).print(*content)
    return output.getvalue()


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_shown_as_it_is(text: str) -> None:
    assert shown(f"traces in {text}") == f"traces in {text}\n"
    failed = replace(row("a", 10, None), status="raised", reason=f"ValueError: {text}")
    assert f"ValueError: {text}" in shown(failure_table([failed]))


def test_every_screen_is_one_that_reads_no_markup() -> None:
    for folder in ("neat_deep", "darts", "examples"):
        for path in (ROOT / folder).rglob("*.py"):
            if path.name not in ("screen.py", "classifier.py"):  # the classifier's prints what `ProgressReporter` does
                assert not re.search(r"(?<![\w.])Console\(", path.read_text()), path


@pytest.mark.slow
def test_the_command_names_its_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "exp [v2] [/b] [bold] :tada: #1"
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.chdir(tmp_path)
    text = DIGITS_INI.read_text().replace("epochs = 8", "epochs = 1").replace("train_subset = 500", "train_subset = 40")
    (tmp_path / "d.ini").write_text(re.sub(r"(?m)^epochs = \d+", "epochs = 1", text))
    options = ("--population", 2, "--generations", 1, "--workers", 0, "--out", f"runs/{name}")
    assert run_command(monkeypatch, "search", "d.ini", *options) == 0
    assert run_command(monkeypatch, "report", f"runs/{name}") == 0
    assert run_command(monkeypatch, "resume", f"runs/{name}", "--generations", 2) == 0
    said = capsys.readouterr().out
    assert said.count(f"runs/{name}") >= 4


@pytest.mark.parametrize(
    ("terminal", "jupyter", "widgets", "bars"),
    [(True, False, False, True), (False, False, True, False), (False, True, False, False), (False, True, True, True)],
)
def test_bars_move_on_terminals_and_in_notebooks_with_widgets(
    terminal: bool, jupyter: bool, widgets: bool, bars: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screens, "find_spec", lambda name: object() if widgets else None)
    console = screen(file=io.StringIO(), force_jupyter=jupyter, force_terminal=terminal or None)
    assert has_bars(console) == bars
