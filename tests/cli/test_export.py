"""`neat-deep export`: what it prints, and what a user of it can get wrong."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from neat_deep.data import TextSettings
from neat_deep.data.encoding import TextEncoding
from neat_deep.data.texts.tokens import count_words, make_encoder, split_words
from tests.support.command import run_command
from tests.support.needs_export import needs_export, needs_packages
from tests.support.read_only import read_only
from tests.support.trained_files import SENTENCES, image_network, save, text_network

Change = Callable[[Path, pytest.MonkeyPatch], None]


def nothing(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """The folder as it is: `run` ended in a network for images, `texts` in one for texts, `empty` in nothing."""


def without(package: str) -> Change:
    """The package cannot be imported."""
    return lambda folder, patch: patch.setitem(sys.modules, package, None)  # type: ignore[arg-type]


def old_torch(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """The oldest torch that neat-deep runs on."""
    patch.setattr(torch, "__version__", "2.3.1+cpu")


def own_tokenizer(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """The network for texts was trained on a caller's own tokens."""
    encoder = make_encoder(SENTENCES, TextSettings(), split_words, count_words(map(split_words, SENTENCES), 60, 1))
    trained = text_network()
    spec = replace(trained.data, vocabulary=encoder.size)
    save(replace(trained, data=spec, encoding=TextEncoding(encoder, 16)), folder / "texts", "own.pt")


CASES: tuple[tuple[str, str, Change], ...] = (
    ("absent.pt --format torch", "cannot read trained network absent.pt: No such file or directory", nothing),
    ("empty", "empty holds no trained.pt; allowed: the folder of a run that came to its end", nothing),
    ("run/notes.txt --format torch", "run/notes.txt: not a trained network", nothing),
    ("run --format onx", "--format: unknown format 'onx'; did you mean 'onnx'? known: onnx, torch", nothing),
    ("run --out there.onnx", "--out: there.onnx is there already, allowed: a new file", nothing),
    ("run --out m.pt2", "--out: got m.pt2, allowed for the format 'onnx': a name that ends in .onnx", nothing),
    ("run --format torch --out empty", "--out: got empty, allowed for the format 'torch': a name that ends", nothing),
    ("run --format torch --out run/notes.txt/m.pt2", "--out: cannot write into the folder run/notes.txt", nothing),
    ("run --format torch --channels 4", "run/trained.pt: channels: got 4, allowed: 1 or 3", nothing),
    ("run --channels many", "--channels", nothing),
    ("texts --format torch --channels 3", "channels: got 3, allowed for a network for texts: none", nothing),
    ("texts/own.pt --format torch", "its tokenizer was torchtext's or a caller's own, which no file", own_tokenizer),
    ("run", "format 'onnx': the package onnxruntime cannot be imported", without("onnxruntime")),
    ("run", "install it with: pip install 'neat-deep[onnx]'", without("onnx")),
    ("run --format torch", "export: got torch 2.3.1+cpu, allowed: 2.10 or newer", old_torch),
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with runs that ended."""
    save(image_network(), tmp_path / "run")
    save(text_network(), tmp_path / "texts")
    (tmp_path / "empty").mkdir()
    (tmp_path / "there.onnx").write_text("somebody's")
    (tmp_path / "run" / "notes.txt").write_text("no network")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): b"" if path.is_dir() else path.read_bytes() for path in folder.rglob("*")}


@pytest.mark.parametrize(("words", "says", "change"), CASES)
def test_a_mistake_ends_in_one_line(
    words: str,
    says: str,
    change: Change,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    for package in ("onnx", "onnxscript", "onnxruntime"):  # as if all were installed
        monkeypatch.setitem(sys.modules, package, sys)
    if change is not old_torch:
        monkeypatch.setattr("neat_deep.export.tracing.can_export", lambda: True)
    change(folder, monkeypatch)
    before = contents(folder)
    assert run_command(monkeypatch, "export", *words.split()) == 2
    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: ") and printed.err.count("\n") == 1
    assert says in printed.err
    assert contents(folder) == before


def test_a_folder_that_nobody_may_write_is_refused_at_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with read_only(folder / "run"):
        assert run_command(monkeypatch, "export", "run", "--format", "torch") == 2
    printed = capfd.readouterr()
    assert printed.err.startswith("error: --out: cannot write into the folder run: ") and printed.err.count("\n") == 1


@pytest.mark.slow
@needs_export
@pytest.mark.parametrize(
    ("run", "tells"),
    [
        (
            "run",
            "written to run/trained.onnx: images uint8 (batch, height, width, 3) to probabilities float32 (batch, 3)",
        ),
        ("texts", "written to texts/trained.onnx: tokens int64 (batch, length) to probabilities float32 (batch, 2)"),
    ],
)
def test_it_tells_what_it_wrote_and_how_well_that_agrees(
    run: str, tells: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    needs_packages("onnx")
    assert run_command(monkeypatch, "export", run) == 0
    printed = capfd.readouterr()
    first, second = printed.out.splitlines()
    assert first == tells
    assert re.fullmatch(
        r"checked against torch: on \d examples the largest difference of a probability is \d\.\de[-+]\d\d", second
    )
    assert printed.err == ""  # nothing of what torch and ONNX warn about
