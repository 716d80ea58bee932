"""One writer: in this process, among several, and after one that was killed."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from neat_deep.base.errors import StoreError
from neat_deep.base.locks import lock_file

HOLD = """
import sys, time
from pathlib import Path
from neat_deep.base.locks import lock_file
lock = lock_file(Path(sys.argv[1]))
print("locked", flush=True)
time.sleep(60)
"""


def taken(path: Path) -> bool:
    """Whether a lock is refused, in the one line that it should be."""
    try:
        lock_file(path).close()
    except StoreError as error:
        assert str(error) == f"{path} is being written by another process; wait for it, or end it"
        return True
    return False


def test_a_second_writer_in_this_process_is_refused(tmp_path: Path) -> None:
    first = lock_file(tmp_path / "run")
    assert taken(tmp_path / "run")
    assert not taken(tmp_path / "another run")
    first.close()
    assert not taken(tmp_path / "run")
    first.close()


def test_another_thread_may_close_it(tmp_path: Path) -> None:
    lock = lock_file(tmp_path / "run")
    thread = threading.Thread(target=lock.close)
    thread.start()
    thread.join()
    assert not taken(tmp_path / "run")


def test_the_lock_ends_with_its_process(tmp_path: Path) -> None:
    """Killed, it leaves the file behind and the lock free."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "run")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "locked\n"
        assert taken(tmp_path / "run")
        holder.kill()
    assert not taken(tmp_path / "run")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_process_forked_from_the_writer_does_not_keep_it(tmp_path: Path) -> None:
    """A forked child, as a library may start one, lives on when the writer has closed its store."""
    lock = lock_file(tmp_path / "run")
    waiting, go = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(waiting, 1)
        os._exit(0)
    lock.close()
    try:
        assert not taken(tmp_path / "run")
    finally:
        os.write(go, b"x")
        os.waitpid(child, 0)
        os.close(waiting)
        os.close(go)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    for folder in (tmp_path / "taken", Path("/proc/nowhere")):
        with pytest.raises(StoreError) as caught:
            lock_file(folder / "run")
        assert str(caught.value).startswith(f"cannot lock {folder / 'run.lock'}: ")
        assert "\n" not in str(caught.value)


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_may_only_be_read_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(StoreError, match="cannot lock .*run.lock: Permission denied"):
            lock_file(tmp_path / "run")
    finally:
        tmp_path.chmod(0o755)
