"""SST-2 whose test file has no labels, in the ways in which copies of it lack them."""

from __future__ import annotations

from pathlib import Path

import pytest

from neat_deep.base.errors import DataError
from neat_deep.data import DataSettings
from neat_deep.data.texts.sst2 import NOTE, read_sst2

SENTENCES = ["a fine film", "no good", "dull", "not bad at all"]


def write(root: Path, test: str) -> DataSettings:
    folder = root / "SST-2"
    folder.mkdir()
    labelled = "sentence\tlabel\n" + "".join(f"{text}\t{number % 2}\n" for number, text in enumerate(SENTENCES))
    for part in ("train", "dev"):
        (folder / f"{part}.tsv").write_text(labelled)
    (folder / "test.tsv").write_text(test)
    return DataSettings("sst2", str(root))


@pytest.mark.parametrize(
    "test",
    [
        "index\tsentence\n0\ta film\n",
        "sentence\tlabel\na film\t-1\nanother\t-1\n",
        "sentence\tlabel\na film\t\nanother\t\n",
        "sentence\tlabel\na film\nanother\n",
        "sentence\na film\nanother\n",
    ],
    ids=["as GLUE has it", "minus one", "empty", "no field", "no column"],
)
def test_a_test_file_without_labels_leaves_dev_to_test(test: str, tmp_path: Path) -> None:
    source = read_sst2(write(tmp_path, test))
    assert source.note == NOTE
    assert source.validation is None
    assert source.test is not None and source.test.texts == tuple(SENTENCES)


@pytest.mark.parametrize(
    ("test", "message"),
    [
        ("sentence\tlabel\na film\t-1\nanother\t1\n", r"test.tsv:2: label: got '-1', allowed: 0 \(negative\)"),
        ("sentence\tlabel\na film\t2\n", "test.tsv:2: label: got '2'"),
        ("sentence\tlabel\n", "no sentence, only its header"),
        ("text\tlabel\na film\t1\n", "allowed: the header"),
    ],
)
def test_a_test_file_with_some_labels_is_checked(test: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read_sst2(write(tmp_path, test))
