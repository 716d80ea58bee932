"""SST-2: sentences of film reviews, positive or negative (Socher et al., EMNLP 2013), in GLUE's layout."""

from __future__ import annotations

from collections.abc import Sequence, Set
from pathlib import Path

from neat_deep.base.errors import DataError
from neat_deep.data.download import fetch_archive
from neat_deep.data.settings import DataSettings
from neat_deep.data.texts.rows import Row, check_classes, labelled, read_lines
from neat_deep.data.texts.text_split import TextSource
from neat_deep.data.texts.tsv import read_labelled, read_tsv

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

    With `settings.text.phrases` the training file has the phrases of its sentences too, as GLUE distributes it. Then a
    text that comes again, and one that is a sentence of `dev.tsv` or `test.tsv`, trains nothing, and the note counts
    them; validation and test are of whole sentences. Raises `DataError`, naming file and line.
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
    rows = read_tsv(train)
    check_classes(train, rows, least=1 if is_labelled else 2)
    held_out = read_labelled(dev, LABELS, allowed)
    note = "" if is_labelled else NOTE
    tested = read_labelled(test, LABELS, allowed) if is_labelled else held_out
    if settings.text.phrases:
        if not is_labelled:
            raise DataError(
                f"{test}: no labels, so that {dev.name} would test, and validation be split from phrases; allowed with"
                " text_phrases: a test.tsv with labels"
            )
        _check_apart(dev, held_out.texts, tested.texts)
        rows, note = _only_new(rows, {_plain(text) for text in (*held_out.texts, *tested.texts)})
        if len({row.label for row in rows}) < 2:
            raise DataError(f"{train}: after what validates or tests is left out: got {note}; allowed: both classes")
    return TextSource(
        class_names=CLASS_NAMES,
        train=labelled(train, rows, LABELS, allowed),
        validation=held_out if is_labelled else None,
        test=tested,
        note=note,
    )


def _only_new(rows: Sequence[Row], held_out: Set[str]) -> tuple[list[Row], str]:
    """The rows whose text comes first here and is not held out, and a note that counts the others."""
    kept: dict[str, Row] = {}
    leaks = repeated = contradicting = 0
    for row in rows:
        text = _plain(row.text)
        if text in held_out:
            leaks += 1
        elif text in kept:
            repeated += 1
            contradicting += row.label != kept[text].label
        else:
            kept[text] = row
    note = f"of {len(rows):,} phrases and sentences {repeated:,} that come again are left out"
    if contradicting:
        note += f" ({contradicting:,} of them with another label)"
    return list(kept.values()), f"{note}, and {leaks:,} that validate or test"


def _check_apart(dev: Path, validating: Sequence[str], testing: Sequence[str]) -> None:
    """Raise `DataError` if sentences that validate test too."""
    tested = {_plain(text) for text in testing}
    shared = sum(_plain(text) in tested for text in validating)
    if shared:
        raise DataError(
            f"{dev}: {shared:,} of its {len(validating):,} sentences stand in the test part too; allowed: none"
        )


def _plain(text: str) -> str:
    """A text without what does not tell it from another: upper case, and how many blanks stand in a row."""
    return " ".join(text.lower().split())


def _has_labels(test: Path) -> bool:
    """Whether any line of the test file has a label; for a file that is none the reader raises its error."""
    lines = read_lines(test)
    if next(lines, "") in UNLABELLED:
        return False
    labels = [line.partition("\t")[2].strip() for line in lines]
    return not labels or not set(labels) <= NO_LABELS
