"""A folder for a new run, which never overwrites another's."""

from __future__ import annotations

import os
from pathlib import Path

from neat_deep.base.errors import OutputError


def new_folder(folder: Path | str) -> Path:
    """`folder`, or the first of `folder-2`, `folder-3` ... that does not exist yet: no run overwrites another.

    Raises `OutputError`.
    """
    path = first = Path(folder)
    if first.name in ("", ".."):  # no name to put a number behind
        raise OutputError(f"got '{folder}', allowed: the name of a new folder")
    try:
        if first.exists() and not first.is_dir():
            raise OutputError(f"{first} is a file, allowed: a folder")
        number = 1
        while True:
            try:
                path.mkdir(parents=True)  # asks and takes in one: two runs that start together get two folders
                return path
            except FileExistsError:
                if not os.path.lexists(path):  # a parent is a link that leads nowhere
                    raise
                number += 1
                path = first.with_name(f"{first.name}-{number}")
    except OSError as error:  # a folder on the way is not ours to look into, or a name is too long
        raise OutputError(f"cannot make the folder {path}: {error.strerror or error}") from None
