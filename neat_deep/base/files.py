"""Files that are whole or absent: written beside their place, then renamed there. Only logs grow line by line."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from neat_deep.base.errors import OutputError


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """A path to write to; it takes `path`'s place when the block ends well and vanishes when it does not.

    The temporary name keeps `path`'s suffix, since writers choose a format by it. Raises `OutputError`.
    """
    target = Path(path)
    make_folder(target.parent)
    with writing(target):
        handle, name = tempfile.mkstemp(prefix=f".{target.stem}-", suffix=target.suffix, dir=target.parent)
        os.close(handle)
        beside = Path(name)
        try:
            yield beside
            beside.chmod(0o644)  # mkstemp makes private files; what we write is meant to be shared
            beside.replace(target)
        finally:
            with suppress(FileNotFoundError):
                beside.unlink()


@contextmanager
def writing(path: Path | str) -> Iterator[None]:
    """Turn an `OSError` of the block, as of a full disk, into an `OutputError` that names `path`."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from None


def write_text(path: Path | str, text: str) -> None:
    """Write a whole UTF-8 text file or none; raises `OutputError`."""
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8")


def append_text(path: Path | str, text: str) -> None:
    """Add to the end of a UTF-8 text file; raises `OutputError`."""
    with writing(path), Path(path).open("a", encoding="utf-8") as file:
        file.write(text)


def copy_file(source: Path | str, target: Path | str) -> None:
    """Copy a whole file or nothing; raises `OutputError`."""
    with replacing(target) as beside:
        shutil.copyfile(source, beside)


def make_folder(path: Path | str) -> Path:
    """Make a folder, with its parents; raises `OutputError`."""
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):  # the latter where a folder above is none
        place = next((str(one) for one in (Path(path), *Path(path).parents) if one.is_file()), str(path))
        raise OutputError(f"{place} is a file, allowed: a folder") from None
    except OSError as error:
        raise OutputError(f"cannot make the folder {path}: {error.strerror or error}") from None
    return Path(path)


def check_writable(folder: Path | str) -> None:
    """Raise `OutputError` for a folder in which no file can be made."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(f"cannot write into the folder {folder}: {error.strerror or error}") from None


def read_text(path: Path | str, what: str, error_type: type[Exception]) -> str:
    """The text of a file; raises `error_type` with the file's name and what it should have been."""
    try:
        return Path(path).read_text(encoding="utf-8-sig")  # some editors put a byte order mark before the text
    except OSError as error:
        raise error_type(f"cannot read {what} {path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise error_type(f"cannot read {what} {path}: not UTF-8 text (byte {error.start})") from None
