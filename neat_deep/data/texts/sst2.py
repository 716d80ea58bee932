"""SST-2: sentences of film reviews, positive or negative (Socher et al., EMNLP 2013), in GLUE's layout."""

from __future__ import annotations

from pathlib import Path

from neat_deep.base.errors import DataError
from neat_deep.data.download import fetch_archive
from neat_deep.data.settings import DataSettings
from neat_deep.data.texts.text_split import TextSource
from neat_deep.data.texts.tsv import check_classes, labelled, read_labelled, read_lines, read_rows

FOLDER = "SST-2"
URL = "https://dl.fbaipublicfiles.com/glue/data/SST-2.zip"
MD5 = "9f81648d4199384278b86e315dac217c"
LABELS = ("0", "1")
CLASS_NAMES = ("negative", "positive")
UNLABELLED = ("index\tsentence", "sentence")  # headers of test files without labels; the first is GLUE's
NO_LABELS = frozenset({"-1", ""})  # what other copies of SST-2 have in place of the labels that GLUE keeps back
NOTE = "test.tsv has no labels: dev.tsv is the test set, validation is split from train.tsv"


def read_sst2(settings: DataSettings) -> TextSource:
    """SST-2 from `root/SST-2/{train,dev,test}.tsv`, downloaded if that folder is not there.

    With labels in `test.tsv`, `dev.tsv` validates. Without (as GLUE publishes it, or with -1 for each label, as other
    copies have it) `dev.tsv` is the test set and the validation part is split from train, which the source's note says.
    Raises `DataError`, naming file and line.
    """
    root = settings.folder
    folder = root / FOLDER
    if not folder.is_dir():
        advice = f"Put the folder {FOLDER} (or its archive SST-2.zip) into {root}"
        fetch_archive([URL], MD5, root, FOLDER, advice)
    train, dev, test = (folder / f"{part}.tsv" for part in ("train", "dev", "test"))
    for path in (train, dev, test):
        if not path.is_file():
            raise DataError(f"no file {path}; remove {folder} to download it")
    allowed = f"{LABELS[0]} ({CLASS_NAMES[0]}), {LABELS[1]} ({CLASS_NAMES[1]})"
    is_labelled = _has_labels(test)
    rows = read_rows(train)
    training = labelled(train, rows, LABELS, allowed)
    check_classes(train, rows, least=1 if is_labelled else 2)
    held_out = read_labelled(dev, LABELS, allowed)
    return TextSource(
        class_names=CLASS_NAMES,
        train=training,
        validation=held_out if is_labelled else None,
        test=read_labelled(test, LABELS, allowed) if is_labelled else held_out,
        note="" if is_labelled else NOTE,
    )


def _has_labels(test: Path) -> bool:
    """Whether any line of the test file has a label; a file that is none is left to who reads it."""
    lines = read_lines(test)
    if next(lines, "") in UNLABELLED:
        return False
    labels = [line.partition("\t")[2].strip() for line in lines]
    return not labels or not set(labels) <= NO_LABELS
