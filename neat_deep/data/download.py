"""Downloads through torchvision that end well or leave nothing behind."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path

from torchvision.datasets import utils as torchvision_utils

from neat_deep.base.errors import DataError, OutputError
from neat_deep.base.files import make_folder

TIMEOUT_SECONDS = 15.0  # of silence: torchvision itself would wait for ever


def fetch_archive(urls: Sequence[str], md5: str, place: Path, unpacked: str, what: str) -> None:
    """Put the file or folder `unpacked` of an archive into the folder `place`.

    The archive is taken from `place` if it lies there already, else downloaded from the first of `urls` that
    answers. Either way its checksum must be `md5`. Everything happens in a folder beside the final place, so
    nothing half done is ever found there, nor an empty folder. Raises `DataError`, ending in the advice `what`.
    """
    filename = urls[0].rsplit("/", 1)[-1]
    reasons = []
    new_folders = [folder for folder in (place, *place.parents) if not folder.exists()]
    try:
        make_folder(place)
        with tempfile.TemporaryDirectory(prefix=".download-", dir=place) as beside, _socket_timeout():
            if torchvision_utils.check_integrity(place / filename, md5):
                _unpack(place / filename, Path(beside), place, unpacked)
                return
            for url in urls:
                try:
                    torchvision_utils.download_url(url, beside, filename, md5)
                except (OSError, RuntimeError, HTTPException) as error:  # no network, no such file, wrong checksum
                    reasons.append(f"{url}: {error}")
                    continue
                _unpack(Path(beside) / filename, Path(beside), place, unpacked)
                return
    except (OSError, OutputError) as error:  # the disk: full, or not ours to write to
        reasons.append(str(error))
    finally:
        for folder in new_folders:
            with suppress(OSError):  # it was not made, or it holds what was downloaded
                folder.rmdir()
    raise DataError(f"cannot download {filename} ({'; '.join(reasons)}). {what}")


def _unpack(archive: Path, beside: Path, place: Path, unpacked: str) -> None:
    torchvision_utils.extract_archive(str(archive), str(beside))
    (beside / unpacked).replace(place / unpacked)


@contextmanager
def _socket_timeout() -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
