"""The published experiment at its quick scale, from nothing to its table, killed once on the way."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from PIL import Image

from neat_deep.cli.published.plan import DARTS, HAND, NEAT, RANDOM, VOTE
from neat_deep.training.trained_file import load_network

ROOT = Path(__file__).resolve().parents[3]
CODE = "from neat_deep.cli.main import main; main()"
KILL_AFTER = 14  # steps, while others run beside each other


def results(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (out / "steps").glob("*.json")}


def begin(out: Path, log: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CODE, "reproduce", "--out", str(out)]
    return subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, text=True)


@pytest.mark.slow
def test_the_quick_scale_killed_once_and_taken_up(tmp_path: Path) -> None:
    out, log = tmp_path / "out", tmp_path / "log"
    with log.open("w") as file:
        first = begin(out, file)
        while first.poll() is None and len(results(out)) < KILL_AFTER:
            time.sleep(0.1)
        assert first.poll() is None, log.read_text()
        first.kill()
        first.wait()
        before = results(out)
        assert KILL_AFTER <= len(before) < 52
        assert begin(out, file).wait() == 0, log.read_text()
    after = results(out)
    assert {name: after[name] for name in before} == before  # nothing was done twice
    assert f"52 steps, {len(before)} done" in log.read_text()

    table = json.loads((out / "table.json").read_text())
    assert table["complete"] and table["steps"] == len(after) == 52
    rows = {(row["data"], row["source"]): row for row in table["rows"]}
    for data in ("digits", "sentences"):
        assert {source for where, source in rows if where == data} == {HAND, RANDOM, NEAT, DARTS, VOTE}
        neat, drawn = rows[data, NEAT], rows[data, RANDOM]
        largest = neat["search_samples"] / neat["search_networks"]  # each network was trained alike
        assert neat["search_samples"] <= drawn["search_samples"] <= neat["search_samples"] + 2 * largest
        assert len(neat["accuracies"]) == 3 and len(rows[data, VOTE]["accuracies"]) == 1
    for data in ("shapes", "reviews"):
        assert all(len(rows[data, source]["accuracies"]) == 2 for source in (HAND, RANDOM, NEAT, DARTS))
    assert all(0 < row["mean"] <= 1 and row["parameters"] and row["macs"] for row in table["rows"])
    assert rows["digits", HAND]["mean"] > 0.9

    page = (out / "table.md").read_text()
    assert "![test accuracies](chart.png)" in page and "Not finished" not in page
    for name in ("chart.png", "cells_images.png", "cells_texts.png"):
        with Image.open(out / name) as picture:
            assert picture.width > 1000 and len(picture.convert("RGB").getcolors(1 << 24) or []) > 50
    for name in ("cells_images.svg", "cells_texts.svg"):
        assert ElementTree.parse(out / name).getroot().tag.endswith("svg")  # noqa: S314 - of our own renderer

    for run in (out / "searches").iterdir():  # no search has read the test set
        assert not (run / "trained.pt").exists() and (run / "report.html").is_file()
        assert json.loads((run / "result.json").read_text())["test_accuracies"] == []
    load_network(out / "networks" / "digits-neat-seed-1.pt")

    with log.open("w") as file:
        assert begin(out, file).wait() == 0
    assert results(out) == after and "test accuracy in percent" in log.read_text()
