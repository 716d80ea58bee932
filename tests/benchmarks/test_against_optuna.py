"""The comparison with what a user would write instead: it runs, keeps to its seconds, and goes on where it stopped."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import pytest

import against_optuna
from neat_deep.base.errors import SearchError

pytest.importorskip("optuna")

SECONDS = 45


def compared(*options: str) -> dict[str, Any]:
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        against_optuna.main(["--data", "digits", "--seconds", str(SECONDS), "--seeds", "1", "--json", *options])
    figures: dict[str, Any] = json.loads(printed.getvalue().splitlines()[-1])
    return figures


@pytest.mark.slow
def test_all_contenders_have_the_same_seconds(tmp_path: Path) -> None:
    kept = "--keep", str(tmp_path / "kept.json"), "--restarts", "1"
    first = compared("--contenders", "optuna script", *kept)
    rows = compared(*kept)["rows"]
    assert rows[0] == first["rows"][0]
    assert [row["contender"] for row in rows] == list(against_optuna.DEFAULT)
    for row in rows:
        assert row["accuracy"] > 0.9
        assert row["seconds"] < 1.1 * SECONDS
        assert row["tried"] >= 1 and row["parameters"] > 100 and row["megabytes"] > 50


@pytest.mark.parametrize(
    ("kept", "message"),
    [
        ('{"data": "digits", "seconds": 300.0, "restarts": 0, "rows": []}', "seconds: kept with 300.0, got 45.0"),
        ('{"data": "digits"}', "holds no outcomes of this benchmark"),
        ('{"data": "digits", "seconds": 45.0, "restarts": 0, "rows": [{"who": 1}]}', "holds no outcomes"),
        ("[1]", "holds no outcomes"),
        ("{", "holds no outcomes"),
    ],
)
def test_a_file_that_something_else_kept_is_refused(kept: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "kept.json").write_text(kept)
    with pytest.raises(SearchError, match=rf"--keep: .*kept.json: .*{message}"):
        compared("--keep", str(tmp_path / "kept.json"))
