"""What a user may get wrong with `neat-deep reproduce`, and what it says before it begins."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from neat_deep.base.files import write_text
from neat_deep.base.locks import lock_file
from neat_deep.cli.published.folder import IDENTITY, opened
from neat_deep.cli.published.scales import get_scale
from neat_deep.cli.published.texts import ini_texts
from tests.support.command import run_command
from tests.support.read_only import read_only

Prepare = Callable[[Path], object]


def begun(out: Path, scale: str = "quick", seed: int = 1) -> None:
    """A folder in which an experiment was begun."""
    with opened(out, scale, seed, ini_texts(get_scale(scale))):
        pass


def file(name: str, text: str) -> Prepare:
    """What puts a file into the folder."""
    return lambda out: write_text(out / name, text)


def after_begin(name: str, text: str) -> Prepare:
    """What puts a file into the folder of an experiment that was begun."""

    def prepare(out: Path) -> None:
        begun(out)
        write_text(out / name, text)

    return prepare


CASES = [
    ("--scale quik", "unknown scale 'quik'; did you mean 'quick'? known: full, hour, quick", lambda out: None),
    ("--seed -1", "--seed: got -1, allowed: 0 to", lambda out: None),
    ("--seed one", "--seed: got 'one', allowed: a whole number", lambda out: None),
    ("--trainings 0", "--trainings: got 0, allowed: 1 or more", lambda out: None),
    ("--transfers 0", "--transfers: got 0, allowed: 1 or more", lambda out: None),
    ("--device gpu", "--device: device 'gpu' cannot be used here", lambda out: None),
    (
        "--data-root data",
        "--data-root: got data, allowed with --scale quick: none, it reads no folder",
        lambda out: None,
    ),
    ("", "holds something else (letter.txt); allowed: a folder that is new or empty", file("letter.txt", "Dear all")),
    ("", "is a file, allowed: a folder", lambda out: out.write_text("")),
    ("", "is not that of an experiment", file(IDENTITY, "{}")),
    ("", "is not that of an experiment", file(IDENTITY, "{")),
    ("--scale hour", "--scale: got hour, the experiment in", begun),
    ("--seed 2", "--seed: got 2, the experiment in", begun),
    ("", "digits.ini is not what the scale 'quick' says now", after_begin("experiments/digits.ini", "[Run]\n")),
    ("", "is damaged; remove it", after_begin("steps/search-digits-neat.json", "{")),
    (
        "",
        "version: got 2, allowed: 1",
        after_begin(IDENTITY, '{"format": "neat-deep published experiment", "version": 2}'),
    ),
]


@pytest.mark.parametrize(("options", "says", "prepare"), CASES, ids=[f"{n}{o}" for n, (o, _, _) in enumerate(CASES)])
def test_a_mistake_is_one_line_and_changes_nothing(
    options: str,
    says: str,
    prepare: Prepare,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    prepare(out)
    before = _content(tmp_path)
    assert run_command(monkeypatch, "reproduce", "--out", out, *options.split()) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: ") and message.count("\n") == 1
    assert says in message
    assert _content(tmp_path) == before


def test_a_folder_that_cannot_be_written_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with read_only(tmp_path):
        assert run_command(monkeypatch, "reproduce", "--out", tmp_path / "new" / "out") == 2
    assert "error: --out: cannot write into the folder" in capsys.readouterr().err


def test_a_folder_that_another_process_writes_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    begun(tmp_path)
    held = lock_file(tmp_path / IDENTITY)
    try:
        assert run_command(monkeypatch, "reproduce", "--out", tmp_path) == 2
    finally:
        held.close()
    assert "is being written by another process" in capsys.readouterr().err


def test_missing_data_are_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # where nobody answers
    monkeypatch.setenv("no_proxy", "")
    out, data = tmp_path / "out", tmp_path / "data"
    data.mkdir()
    assert run_command(monkeypatch, "reproduce", "--scale", "full", "--data-root", data, "--out", out) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: --data-root: cannot download train-images-idx3-ubyte.gz")
    assert "Put train-images-idx3-ubyte, " in message and str(data / "MNIST" / "raw") in message
    assert not out.exists()


def test_a_folder_may_be_there_and_empty(tmp_path: Path) -> None:
    begun(tmp_path)
    begun(tmp_path)
    assert json.loads((tmp_path / IDENTITY).read_text())["scale"] == "quick"


def _content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*")}
