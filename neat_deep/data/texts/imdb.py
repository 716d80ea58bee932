"""IMDb: 50,000 film reviews, positive or negative (Maas et al., ACL 2011), one file a review."""

from __future__ import annotations

import re
from pathlib import Path

import torch

from neat_deep.base.errors import DataError
from neat_deep.data.download import fetch_archive
from neat_deep.data.settings import DataSettings
from neat_deep.data.texts.rows import read_lines
from neat_deep.data.texts.text_split import LabelledTexts, TextSource

FOLDER = "aclImdb"
URL = "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
MD5 = "7c2ac02c03563afcf9b574c7e56c153a"
CLASS_FOLDERS = ("neg", "pos")
CLASS_NAMES = ("negative", "positive")
LINE_BREAK = re.compile(r"<br\s*/?>")  # the reviews were cut out of web pages


def read_imdb(settings: DataSettings) -> TextSource:
    """IMDb from `root/aclImdb/{train,test}/{neg,pos}/*.txt`, downloaded if that folder is not there.

    HTML line breaks become spaces; the validation part is split from train. Raises `DataError`, naming the file.
    """
    root = settings.folder
    folder = root / FOLDER
    if not folder.is_dir():
        advice = f"Put the folder {FOLDER} (or its archive aclImdb_v1.tar.gz) into {root}"
        fetch_archive([URL], MD5, root, FOLDER, advice)
    return TextSource(
        CLASS_NAMES,
        train=_read_part(folder / "train", least=2),
        validation=None,
        test=_read_part(folder / "test", least=1),
    )


def _read_part(folder: Path, least: int) -> LabelledTexts:
    files: list[tuple[Path, int]] = []
    for label, name in enumerate(CLASS_FOLDERS):
        paths = sorted((folder / name).glob("*.txt"))
        if len(paths) < least:
            raise DataError(
                f"{folder / name}: reviews (*.txt): got {len(paths)}, allowed: {least} or more; the layout is"
                f" <root>/{FOLDER}/{{train,test}}/{{neg,pos}}/*.txt"
            )
        files += [(path, label) for path in paths]
    return LabelledTexts(
        tuple(_read_review(path) for path, _ in files),
        torch.tensor([label for _, label in files]),
        tuple(str(path) for path, _ in files),
    )


def _read_review(path: Path) -> str:
    text = LINE_BREAK.sub(" ", "\n".join(read_lines(path))).strip()
    if not text:
        raise DataError(f"{path}:1: the review is empty")
    return text
