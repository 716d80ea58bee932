"""`--minutes` is a promise about the whole run: kept by the clock, or refused before anything is written."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from neat_deep.space.architecture import Architecture
from neat_deep.training.trained_file import load_network
from tests.support.clocks import skip_if_busy
from tests.support.command import run_command

ROOT = Path(__file__).resolve().parents[2]
RANDOM, NEAT = ROOT / "configs" / "digits_random.ini", ROOT / "configs" / "digits_neat.ini"


@pytest.mark.parametrize("config", [RANDOM, NEAT])
def test_too_few_minutes_are_refused_with_what_would_do(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(monkeypatch, "search", config, "--out", tmp_path / "run", "--minutes", 0.01) == 2
    message = capsys.readouterr().err
    assert re.fullmatch(
        r"error: --minutes: got 0\.01, allowed: \d+\.\d or more \(start-up took \d+ s, one evaluation takes about "
        r"\d+ s, one epoch of the final training \d+ s\)\n",
        message,
    )
    assert not list(tmp_path.iterdir())
    ini = tmp_path / "short.ini"
    ini.write_text(config.read_text().replace("# minutes = 0.0", "minutes = 0.01"))
    assert run_command(monkeypatch, "search", ini, "--out", tmp_path / "run") == 2
    assert capsys.readouterr().err.startswith(f"error: {ini}: [Run] minutes: got 0.01, allowed: ")
    assert list(tmp_path.iterdir()) == [ini]


@pytest.mark.slow
@pytest.mark.parametrize("config", ["digits_random", "digits_neat", "digits_darts"])
def test_two_minutes_end_within_two_minutes_and_a_tenth(config: str, tmp_path: Path) -> None:
    """By the clock, from the start of the command to its end."""
    path = ROOT / "configs" / f"{config}.ini"
    words = [
        "-c",
        "from neat_deep.cli.main import main; main()",
        "search",
        path,
        "--out",
        tmp_path / "run",
        "--minutes",
        2,
        "--device",
        "cpu",
    ]
    started = time.monotonic()
    ended = subprocess.run(
        [sys.executable, *map(str, words)], check=False, capture_output=True, text=True, cwd=tmp_path
    )
    seconds = time.monotonic() - started
    if "allowed: " in ended.stderr:  # a busy machine: not even one evaluation fits
        skip_if_busy()
    assert ended.returncode == 0, ended.stderr
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    load_network(tmp_path / "run" / "trained.pt")
    Architecture.load(tmp_path / "run" / "best.json")
    skip_if_busy()
    assert seconds < 1.1 * 120
    if config != "digits_darts":  # which may end earlier, with all its epochs done
        assert seconds > 60  # the time is used
    assert result["whole_seconds"] == pytest.approx(seconds, abs=6)  # less the start of Python, and of torch
