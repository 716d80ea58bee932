"""A user's own texts in three formats: the same texts are the same data, and what is broken is named by its line."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from neat_deep.base.errors import ConfigError, DataError
from neat_deep.data import Dataset, DataSettings, load_dataset
from neat_deep.data.encoding import TextEncoding
from neat_deep.data.settings import TextSettings
from neat_deep.data.texts.own_texts import READERS
from neat_deep.data.texts.rows import Columns
from tests.support.text_files import rows, write_tsv

Pairs = list[tuple[str, str]]


def as_tsv(pairs: Pairs, columns: Columns = Columns()) -> str:  # noqa: B008 - it is frozen
    return "".join(f"{text}\t{label}\n" for text, label in [columns, *pairs])


def as_csv(pairs: Pairs, columns: Columns = Columns()) -> str:  # noqa: B008
    file = io.StringIO()
    csv.writer(file).writerows([columns, *pairs])
    return file.getvalue()


def as_json_lines(pairs: Pairs, columns: Columns = Columns()) -> str:  # noqa: B008
    return "".join(json.dumps({columns.label: label, "id": 7, columns.text: text}) + "\n" for text, label in pairs)


WRITERS: dict[str, Callable[..., str]] = {".tsv": as_tsv, ".csv": as_csv, ".jsonl": as_json_lines}


def load(root: Path, **text: Any) -> Dataset:
    return load_dataset(DataSettings("tsv", str(root), text=TextSettings(**text)))


def write(root: Path, suffix: str, columns: Columns = Columns()) -> Path:  # noqa: B008
    root.mkdir(exist_ok=True)
    for seed, part in enumerate(("train", "test")):
        (root / f"{part}{suffix}").write_text(WRITERS[suffix](rows(60, seed), columns), encoding="utf-8")
    return root


@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize("columns", [Columns(), Columns("review", "stars")])
def test_every_format_holds_the_same_data(suffix: str, columns: Columns, tmp_path: Path) -> None:
    plain = load(write(tmp_path / "plain", ".tsv"))
    found = load(write(tmp_path / "other", suffix, columns), column=columns.text, label_column=columns.label)
    assert found.spec.class_names == plain.spec.class_names
    for one, other in ((found.train, plain.train), (found.read_test(), plain.read_test())):
        assert one.digest() == other.digest()


def test_the_parts_may_have_different_formats(tmp_path: Path) -> None:
    root = write(tmp_path, ".csv")
    (root / "dev.jsonl").write_text(as_json_lines(rows(20, 5)))
    assert len(load(root).validation) == 20


NO_NULL = "\0" if sys.version_info < (3, 11) else ""  # Python 3.10's csv neither writes nor reads it
TEXTS = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters=NO_NULL), min_size=1
).filter(str.strip)  # fmt: skip


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
@given(pairs=st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=5))
@example(pairs=[("two\r\nlines", "one\r\r\nlabel")])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_read_back(suffix: str, pairs: Pairs, tmp_path: Path) -> None:
    """But for blanks at its ends, and that a line end is one character."""
    path = tmp_path / f"any{suffix}"
    path.write_bytes(WRITERS[suffix](pairs).encode())
    found = READERS[suffix](path, Columns())
    wanted = [tuple(re.sub("\r*\n", "\n", value.strip()) for value in pair) for pair in pairs]
    assert [(row.text, row.label) for row in found] == wanted


@pytest.mark.skipif(sys.version_info >= (3, 11), reason="csv reads null characters")
def test_a_null_character_is_named_where_csv_cannot_read_it(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_bytes(b"sentence,label\ngood,1\nb\0d,0\n")
    with pytest.raises(DataError, match=r"train.csv:3: a null character; allowed here: none"):
        READERS[".csv"](tmp_path / "train.csv", Columns())


def test_a_record_of_several_lines_is_named_by_its_first(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text('label,sentence\n1,"two\nlines, and ""quotes"""\n0,one\n')
    assert [tuple(row) for row in READERS[".csv"](path, Columns())] == [
        (2, 'two\nlines, and "quotes"', "1"),
        (4, "one", "0"),
    ]


def test_the_header_may_have_blanks_and_empty_lines_before_it(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("\n sentence , label\ngood,1\n\nbad,0\n")
    rows_found = READERS[".csv"](tmp_path / "train.csv", Columns())
    assert [tuple(row) for row in rows_found] == [(3, "good", "1"), (5, "bad", "0")]


@pytest.mark.parametrize(
    ("dataset", "text", "message"),
    [
        ("tsv", {"phrases": True}, "phrases: got True, which 'tsv' does not have; allowed: with dataset = sst2"),
        ("imdb", {"phrases": True}, "phrases: got True, which 'imdb' does not have"),
        ("sst2", {"column": "review"}, "column: got review, which 'sst2' does not have; allowed: with your own texts"),
        ("imdb", {"label_column": "stars"}, "label_column: got stars, which 'imdb' does not have"),
    ],
)
def test_what_a_data_set_does_not_have_is_refused(dataset: str, text: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        DataSettings(dataset, text=TextSettings(**text))


GOOD_CSV = b"sentence,label\ngood,1\nbad,0\ngood film,1\nbad film,0\n"
GOOD_JSON = b'{"sentence": "good", "label": 1}\n{"sentence": "bad", "label": 0}\n' * 2


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train.csv", b"", "a header that names 'sentence' and 'label'; .Data. text_column and text_label_column name"),
        ("train.csv", b"text,label\n", "names 'sentence' and 'label'; .Data. text_column and text_label_column name"),
        ("train.jsonl", b"{}\n", "the object has nothing; .Data. text_column and text_label_column name others"),
        ("train.csv", b"text,label\n", "train.csv:1: got 'text,label', allowed: a header that names 'sentence' and"),
        ("train.csv", b"sentence,label,label\n", "train.csv:1: the column 'label' stands there 2 times, allowed: once"),
        ("train.csv", b"sentence,label\n", "train.csv:2: the file holds no sentence, only its header"),
        ("train.csv", GOOD_CSV + b'"never closed,1\ngood,1\n', "train.csv:6: a quote that does not close; allowed:"),
        ("train.csv", GOOD_CSV + b'"a" b,1\n', "train.csv:6: .* allowed: quotes around a whole field"),
        ("train.csv", GOOD_CSV + b"good\n", "train.csv:6: got 1 fields, allowed: 2, as in the header"),
        ("train.csv", GOOD_CSV + b"good,film,1\n", "train.csv:6: got 3 fields, allowed: 2"),
        ("train.csv", GOOD_CSV + b" ,1\n", "train.csv:6: the sentence is empty"),
        ("train.csv", GOOD_CSV + b"good,\n", "train.csv:6: the label is empty"),
        ("train.csv", GOOD_CSV + "café,1\n".encode("latin-1"), r"train.csv:6: not UTF-8 text \(byte 3 of the line\)"),
        ("train.csv", GOOD_CSV + b"good,2\n", "train.csv:6: sentences of class '2': got 1, allowed: 2 or more"),
        (
            "train.csv",
            b"sentence,label\n1,good\n0,bad\n1,fine\n",
            "class 'good': got 1, .* text_label_column names their",
        ),
        ("test.csv", GOOD_CSV + b"good,2\n", "test.csv:6: label: got '2', allowed: those of .*: 0, 1$"),
        ("train.jsonl", b"", "train.jsonl:1: the file is empty"),
        ("train.jsonl", GOOD_JSON + b"[1, 2]\n", "train.jsonl:5: got a list, allowed: a JSON object in each line"),
        ("train.jsonl", GOOD_JSON + b'"good"\n', "train.jsonl:5: got a text, allowed: a JSON object"),
        ("train.jsonl", GOOD_JSON + b"{'a': 1}\n", "train.jsonl:5: got '{'a': 1}', allowed: a JSON object"),
        ("train.jsonl", GOOD_JSON + b"\n", "train.jsonl:5: got '', allowed: a JSON object"),
        (
            "train.jsonl",
            GOOD_JSON + b'{"sentence": "a", "stars": 1}\n',
            "the key 'label' is missing; the object has",
        ),
        ("train.jsonl", GOOD_JSON + b'{"sentence": 3, "label": 1}\n', "sentence: got the number 3, allowed: a text"),
        (
            "train.jsonl",
            GOOD_JSON + b'{"sentence": "a", "label": null}\n',
            "label: got null, allowed: a text or a",
        ),
        ("train.jsonl", GOOD_JSON + b'{"sentence": "a", "label": true}\n', "label: got true or false, allowed: a text"),
        ("train.jsonl", GOOD_JSON + b'{"sentence": "a", "label": 0.5}\n', "label: got the number 0.5, allowed: a text"),
        ("train.jsonl", GOOD_JSON + b"[" * 100_000 + b"\n", "train.jsonl:5: got '\\[\\[.*', allowed: a JSON object"),
        ("train.jsonl", GOOD_JSON + b'{"sentence": "\\ud83d", "label": 1}\n', "train.jsonl:5: half of a character"),
        (
            "train.csv",
            b"sentence,label\rgood,1\rbad,0\r",
            "train.csv:1: carriage returns as line ends; allowed: line f",
        ),
        ("train.csv", b"\n\ntext,label\n", "train.csv:3: got 'text,label', allowed: a header"),
        ("train.jsonl", GOOD_JSON + b'{"sentence": " ", "label": 1}\n', "train.jsonl:5: the sentence is empty"),
        ("train.jsonl", GOOD_JSON + b'{"sentence": "caf\xe9", "label": 1}\n', "train.jsonl:5: not UTF-8 text"),
        ("train.tsv", b"sentence\tlabel\n", "got train.tsv and train.csv, allowed: one file for each part"),
    ],
)
def test_broken_files_name_the_line(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    good, suffix = (GOOD_JSON, ".jsonl") if name.endswith(".jsonl") else (GOOD_CSV, ".csv")
    for part in ("train", "test"):
        (tmp_path / f"{part}{suffix}").write_bytes(good)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        load(tmp_path)


def test_a_field_may_be_as_long_as_a_book(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    (tmp_path / "train.csv").write_text(f"sentence,label\n{'word ' * 50_000},1\nshort,0\n")
    assert len(READERS[".csv"](tmp_path / "train.csv", Columns())[0].text) > before
    assert csv.field_size_limit() == before


def test_the_columns_are_different_ones() -> None:
    with pytest.raises(ConfigError, match="label_column: got text, allowed: another column than that of the texts"):
        TextSettings(column="text", label_column="text")
    with pytest.raises(ConfigError, match="cut: got 'start', allowed: end, middle"):
        TextSettings(cut="start")


WHOLE = "abcdefghij"


class Letters:
    """An encoder of one token a letter."""

    size, unknown = 128, 1

    def encode(self, texts: Any) -> list[list[int]]:
        return [[ord(letter) for letter in text] for text in texts]

    def numbers_of(self, tokens: list[str]) -> list[int]:
        return [ord(token) for token in tokens]

    def to_json(self) -> str:
        return ""


@pytest.mark.parametrize(
    ("cut", "most", "wanted"),
    [
        ("end", 4, "abcd"),
        ("middle", 4, "abij"),
        ("middle", 5, "abcij"),
        ("middle", 1, "a"),
        ("middle", 10, "abcdefghij"),
    ],
)
def test_long_texts_are_cut_at_their_end_or_in_their_middle(cut: str, most: int, wanted: str) -> None:
    (found,) = TextEncoding(Letters(), most, cut).encode([WHOLE])
    assert "".join(map(chr, found)) == wanted


def test_the_cut_reaches_the_data(tmp_path: Path) -> None:
    texts = [(f"start{n % 7} the long middle of it end{n % 5}", str(n % 2)) for n in range(40)]
    write_tsv(tmp_path / "train.tsv", texts)
    write_tsv(tmp_path / "test.tsv", texts[:4])
    parts = [load(tmp_path, max_length=2, cut=cut, min_count=1).train for cut in ("end", "middle")]
    firsts, lasts = zip(*(part.tokens.view(-1, 2).unbind(1) for part in parts), strict=True)  # type: ignore[attr-defined]
    assert torch.equal(*firsts) and not torch.equal(*lasts)
