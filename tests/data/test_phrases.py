"""SST-2 with the phrases of its training sentences: what trains is new, and sentences validate and test."""

from __future__ import annotations

from pathlib import Path

import pytest

from neat_deep.base.errors import ConfigError, DataError
from neat_deep.data import DataSettings, load_dataset
from neat_deep.data.settings import TextSettings
from neat_deep.data.texts.sst2 import read_sst2
from tests.support.text_files import write_tsv

PHRASES = DataSettings("sst2", text=TextSettings(phrases=True))
TRAIN = [
    ("a fine film about nothing at all", "1"),
    ("a fine film", "1"),
    ("A  fine film ", "1"),  # again, but for blanks and upper case
    ("nothing at all", "0"),
    ("a fine film", "0"),  # again, with another label: the first counts
    ("Dull as ever .", "0"),  # validates
    ("good for an hour", "1"),  # tests
]


def source(root: Path) -> DataSettings:
    write_tsv(root / "SST-2" / "train.tsv", TRAIN)
    write_tsv(root / "SST-2" / "dev.tsv", [("dull as ever .", "0"), ("fine", "1")])
    write_tsv(root / "SST-2" / "test.tsv", [("good for an hour", "1"), ("bad", "0")])
    return DataSettings("sst2", str(root), text=PHRASES.text)


def test_what_comes_again_or_is_held_out_trains_nothing_and_is_counted(tmp_path: Path) -> None:
    found = read_sst2(source(tmp_path))
    assert found.train.texts == ("a fine film about nothing at all", "a fine film", "nothing at all")
    assert found.train.labels.tolist() == [1, 1, 0]
    assert [place.rpartition(":")[2] for place in found.train.places] == ["2", "3", "5"]
    assert found.validation is not None and found.validation.texts == ("dull as ever .", "fine")
    again = "2 that come again are left out (1 of them with another label)"
    assert found.note == f"of 7 phrases and sentences {again}, and 2 that validate or test"


def test_the_note_reaches_the_data_set_and_without_the_setting_all_is_as_it_was(tmp_path: Path) -> None:
    settings = source(tmp_path)
    assert "that come again" in load_dataset(settings).note
    plain = load_dataset(DataSettings("sst2", str(tmp_path)))
    assert (len(plain.train), plain.note) == (7, "")


def test_the_final_training_has_no_text_of_the_test_part_either(tmp_path: Path) -> None:
    dataset = load_dataset(source(tmp_path)).for_retraining()
    assert len(dataset.train) == 3 + 2  # what validated trains now


def test_what_validates_does_not_test_too_and_both_classes_train(tmp_path: Path) -> None:
    settings = source(tmp_path)
    write_tsv(tmp_path / "SST-2" / "dev.tsv", [("Good for an  hour", "1"), ("dull", "0")])
    with pytest.raises(DataError, match="dev.tsv: 1 of its 2 sentences stand in the test part too; allowed: none"):
        read_sst2(settings)
    write_tsv(tmp_path / "SST-2" / "dev.tsv", [(text, label) for text, label in TRAIN[:3]])
    with pytest.raises(
        DataError, match="train.tsv: after what validates or tests is left out: .*; allowed: both classes"
    ):
        read_sst2(settings)


def test_phrases_ask_for_sentences_to_validate_and_test(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="own_validation: got False, allowed with phrases = True: True"):
        TextSettings(phrases=True, own_validation=False)
    settings = source(tmp_path)
    (tmp_path / "SST-2" / "test.tsv").write_text("index\tsentence\n0\ta film\n")
    with pytest.raises(DataError, match="no labels, so that dev.tsv would test.* text_phrases: a test.tsv"):
        read_sst2(settings)


@pytest.mark.real_data
def test_glues_own_training_part(real_data: str) -> None:
    root = Path(real_data) / "sst2-phrases"
    if not root.is_dir():
        pytest.skip("the folder of real data has no sst2-phrases")
    dataset = load_dataset(DataSettings("sst2", str(root), text=PHRASES.text))
    assert (len(dataset.validation), len(dataset.read_test())) == (872, 1821)
    assert dataset.note.startswith("of 67,347 phrases and sentences 371 that come again are left out")
    assert dataset.note.endswith(", and 0 that validate or test")
