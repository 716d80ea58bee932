"""What ends a script that is nobody's mistake: no memory, nobody who takes the output; one line says it."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from neat_deep.base.memory import lacked_memory
from neat_deep.cli.running import run_script

ROOT = Path(__file__).resolve().parents[2]
CPU = "[enforce fail at alloc_cpu.cpp:118] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate "


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (
            RuntimeError(CPU + "7368709120 bytes. Error code 12 (Cannot allocate memory)"),
            "when 7,027 MiB more were asked",
        ),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has"), "when 2.50 GiB more"),
        (MemoryError(), "the memory ran out;"),
        (MemoryError("Unable to allocate 8.00 PiB for an array with shape (1,)"), "when 8.00 PiB more were asked for"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "the memory ran out;"),
    ],
)
def test_a_lack_of_memory_is_one_line(error: Exception, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    def main(_: object) -> None:
        raise error

    with pytest.raises(SystemExit) as ended:
        run_script(main)
    message = capsys.readouterr().err
    assert ended.value.code == 2
    assert message.count("\n") == 1
    assert (
        says in message
        and "lower batch_size, fewer channels" in message
        and "what the run has written is kept" in message
    )


@pytest.mark.parametrize(
    "error", [RuntimeError("shapes differ"), ValueError("out of memory"), OSError(2, "no", "file")]
)
def test_another_error_keeps_its_traceback(error: Exception) -> None:
    def main(_: object) -> None:
        raise error

    assert lacked_memory(error) is None
    with pytest.raises(type(error)):
        run_script(main)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("words", [("list",), ("init", "digits"), ("--help",), ("list", "ops")])
def test_an_output_that_nobody_takes(words: tuple[str, ...]) -> None:
    code = "from neat_deep.cli.main import main; main()"
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-c", code, *words], stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT
        )
    assert ended.returncode == 2
    assert ended.stderr == f"error: cannot write the output: {os.strerror(errno.ENOSPC)}\n"
