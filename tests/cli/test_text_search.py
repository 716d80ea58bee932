"""The scripts on small texts: search, retrain, and carry the network to another data set."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from neat_deep.base.errors import ArchitectureError, ConfigError, DataError
from neat_deep.config.experiment_file import load_experiment
from neat_deep.data import DataSettings, TextParts, TextSettings, load_dataset
from neat_deep.search.evolve import check_experiment
from neat_deep.space.architecture import Architecture
from neat_deep.training.fit import evaluate
from neat_deep.training.prediction import load_image_classifier, load_text_classifier
from neat_deep.training.retraining import retrain
from neat_deep.training.settings import TrainingSettings
from neat_deep.training.trained_file import Trained, load_network
from tests.support.command import run_command
from tests.support.example_scripts import run_example
from tests.support.small_experiments import small_text_ini
from tests.support.stored_rows import rows
from tests.support.text_files import FILLERS, write_folder, write_imdb, write_sst2, write_tsv

ROOT = Path(__file__).resolve().parents[2]
INI = ROOT / "configs" / "sst2_neat.ini"
TRANSFORMER = ROOT / "configs" / "architectures" / "transformer_block.json"


@pytest.mark.slow
def test_a_search_on_texts_is_carried_to_other_texts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = small_text_ini(tmp_path)
    data = write_imdb(write_sst2(tmp_path / "data"))
    common = ("--config", config, "--data-root", data, "--device", "cpu")
    run_example(monkeypatch, "sst2_neat.py", *common, "--out", tmp_path / "run")
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["dataset"] == "sst2" and result["dataset_note"] == ""
    best = Architecture.load(tmp_path / "run" / "best.json")
    assert (best.skeleton.rank, best.skeleton.channels, best.skeleton.embedding_dropout) == (1, 16, 0.6)
    network = load_network(tmp_path / "run" / "trained.pt")
    settings = DataSettings("sst2", str(data), text=TextSettings(min_count=1))
    test = load_dataset(settings).for_retraining().read_test()
    score = evaluate(network, test, device=torch.device("cpu"))
    assert score.accuracy == pytest.approx(result["test_accuracies"][0])
    assert (tmp_path / "run" / "network.png").is_file()
    check_classifier(tmp_path / "run" / "trained.pt", data / "SST-2" / "test.tsv", result["test_accuracies"][0])
    capsys.readouterr()
    written = (tmp_path / "run" / "trained.pt").stat().st_mtime_ns
    run_example(monkeypatch, "sst2_neat.py", "--resume", tmp_path / "run")
    assert "the search is done" in capsys.readouterr().out
    assert (tmp_path / "run" / "trained.pt").stat().st_mtime_ns == written
    options = (tmp_path / "run" / "best.json", *common, "--dataset", "imdb", "--max-length", 5)
    run_example(monkeypatch, "train_architecture.py", *options, "--out", tmp_path / "carried")
    assert json.loads((tmp_path / "carried" / "result.json").read_text())["dataset"] == "imdb"
    assert "multiply-accumulates a text of 5 tokens" in capsys.readouterr().out
    data.rename(tmp_path / "moved")
    options = ("--resume", tmp_path / "run", "--generations", 2, "--data-root", tmp_path / "moved")
    run_example(monkeypatch, "sst2_neat.py", *options)
    assert json.loads((tmp_path / "run" / "result.json").read_text())["generations"] == 2
    run_example(monkeypatch, "ensemble.py", tmp_path / "run", "--size", 2)  # the store knows where the data are


@pytest.mark.parametrize(("section", "search", "final"), [("Fitness", 12, 16), ("Network", 16, 12), ("Network", 0, 12)])
def test_a_width_that_an_op_cannot_have_is_met_before_the_search(
    section: str, search: int, final: int, tmp_path: Path
) -> None:
    """Attention has eight heads: a winner that cannot be retrained would cost the whole search."""
    text = re.sub(r"(?m)^channels = .*$", f"channels = {final}", INI.read_text(), count=1)
    (tmp_path / "wide.ini").write_text(re.sub(r"(?m)^channels = 0$", f"channels = {search}", text))
    experiment = load_experiment(tmp_path / "wide.ini")
    with pytest.raises(ConfigError, match=rf"\[{section}\] channels: attention has 8 heads: channels: got 12"):
        check_experiment(experiment, load_dataset(DataSettings("sst2", str(write_sst2(tmp_path)))).spec)


def check_classifier(trained: Path, test: Path, accuracy: float) -> None:
    """The file alone classifies the test sentences as the network did after its training."""
    classifier = load_text_classifier(trained)
    pairs = [line.split("\t") for line in test.read_text().splitlines()[1:]]
    names = {"0": "negative", "1": "positive"}
    found = classifier([text for text, _ in pairs])
    right = [names[label] == guess.class_name for (_, label), guess in zip(pairs, found, strict=True)]
    assert sum(right) / len(right) == pytest.approx(accuracy)
    assert all(0.5 <= guess.probability <= 1 for guess in found)
    for (text, _), guess in list(zip(pairs, found, strict=True))[:10]:
        (alone,) = classifier([text])
        assert alone.class_name == guess.class_name
        assert alone.probability == pytest.approx(guess.probability, abs=1e-5)
    assert classifier([]) == []
    with pytest.raises(DataError, match="text 2: the tokenizer finds no token in ' '"):
        classifier(["good", " "])
    with pytest.raises(DataError, match="text 2: got int, allowed: str"):
        classifier(["good", 3])  # type: ignore[list-item]
    with pytest.raises(DataError, match="text 1: not UTF-8 text: 'caf.'"):
        classifier([b"caf\xe9".decode("utf-8", "surrogateescape")])
    with pytest.raises(DataError, match="texts: got one text, allowed: a list of texts"):
        classifier("good film")


def test_texts_of_ones_own_are_classified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "trained.pt"
    train_briefly(tmp_path).save(path)
    (tmp_path / "texts.txt").write_text("a bad film\n\nthe film is good\n")
    run_example(monkeypatch, "classify_texts.py", path, "good", "--file", tmp_path / "texts.txt")
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [text for _, _, text in lines] == ["good", "a bad film", "the film is good"]
    assert {name for name, _, _ in lines} <= {"0", "1"}
    assert run_command(monkeypatch, "classify", path, tmp_path / "texts.txt") == 2
    assert f"allowed: texts; --file {tmp_path / 'texts.txt'} reads a text from each" in capsys.readouterr().err
    monkeypatch.chdir(tmp_path)
    (tmp_path / "film").write_text("a file without a suffix")
    for text in ("good " * 2000, "good", ".", "film"):  # too long for a path; a folder; a word that is a file too
        assert run_command(monkeypatch, "classify", path, text) == 0


def train_briefly(root: Path, parts: TextParts | None = None) -> Trained:
    dataset = load_dataset(DataSettings("tsv", str(write_folder(root))), parts)
    architecture = Architecture.load(TRANSFORMER)
    small = replace(architecture, skeleton=replace(architecture.skeleton, channels=8))
    return retrain(small, dataset, TrainingSettings(epochs=1, batch_size=16), device=torch.device("cpu"), seed=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda c: c.pop("encoding"),
            "of an older version, which kept no tokenizer; allowed: ",
        ),
        (lambda c: c["encoding"].pop("max_length"), "encoding: the field 'max_length' is missing"),
        (lambda c: c["encoding"].update(encoder="{"), "tokenizer: not one of Hugging Face's: "),
        (lambda c: c["encoding"].update(max_length=0), "encoding: got .* and a length of 0, allowed: .* and 1 or more"),
        (lambda c: c.update(encoding=3), "the file: encoding: got 3"),
    ],
)
def test_encodings_that_were_changed_are_refused(change: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "trained.pt"
    train_briefly(tmp_path).save(path)
    content = torch.load(path, weights_only=True)
    change(content)
    torch.save(content, path)
    with pytest.raises(ArchitectureError, match=f"trained.pt: {message}"):
        load_text_classifier(path)


def test_a_tokenizer_of_ones_own_stays_outside(tmp_path: Path) -> None:
    path = tmp_path / "trained.pt"
    train_briefly(tmp_path, TextParts(tokenizer=str.split)).save(path)
    load_network(path)
    with pytest.raises(ArchitectureError, match="trained.pt: trained on texts; allowed: a network trained on images"):
        load_image_classifier(path)
    with pytest.raises(ArchitectureError, match="trained.pt: its tokenizer was torchtext's or a caller's own"):
        load_text_classifier(path)


def test_a_search_on_texts_is_the_same_in_workers_and_after_a_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Batches with masks, and word vectors for the embedding, reach the workers; other vectors are other data."""
    write_folder(tmp_path / "data")
    vectors = [f"{word} {' '.join([str(number / 10)] * 16)}" for number, word in enumerate(FILLERS)]
    (tmp_path / "vectors.txt").write_text("\n".join(vectors) + "\n")
    config = small_text_ini(tmp_path)
    text = re.sub(r"(?m)^# rungs =$", "rungs = 1", config.read_text()).replace("# inherit = False", "inherit = True")
    config.write_text(text.replace("[Data]\n", f"[Data]\ntext_vectors = {tmp_path / 'vectors.txt'}\n"))
    common = ("--config", config, "--dataset", "tsv", "--data-root", tmp_path / "data", "--device", "cpu")
    for workers, generations in (("0", 2), ("2", 1)):
        options = ("--workers", workers, "--threads", 1, "--generations", generations)
        run_example(monkeypatch, "sst2_neat.py", *common, *options, "--out", tmp_path / workers)
    run_example(monkeypatch, "sst2_neat.py", "--resume", tmp_path / "2", "--generations", 2)
    assert "resuming the search on tsv" in capsys.readouterr().out
    assert rows(tmp_path / "0", ("settings",)) == rows(tmp_path / "2", ("settings",))
    assert any("scored" in row for row in rows(tmp_path / "0")["evaluations"])
    (tmp_path / "vectors.txt").write_text("\n".join(vectors[:-1]) + "\n")
    with pytest.raises(SystemExit):
        run_example(monkeypatch, "sst2_neat.py", "--resume", tmp_path / "2", "--generations", 3)
    assert "the data are not those that the run was started with" in capsys.readouterr().err


def test_the_table_says_when_the_test_set_is_not_test_tsv(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_sst2(tmp_path)
    write_tsv(tmp_path / "SST-2" / "test.tsv", [("0", "a film")], header="index\tsentence")
    options = ("--config", small_text_ini(tmp_path), "--data-root", tmp_path, "--device", "cpu", "--channels", 16)
    run_example(monkeypatch, "train_architecture.py", TRANSFORMER, *options, "--out", tmp_path / "run")
    said = "dev.tsv is the test set"
    assert capsys.readouterr().out.count(said) >= 1
    assert said in json.loads((tmp_path / "run" / "result.json").read_text())["dataset_note"]


def test_the_shipped_settings_are_explained_key_by_key() -> None:
    lines = INI.read_text().splitlines()
    for above, line in pairwise(lines):
        if " = " in line and not line.startswith("#"):
            assert above.startswith("# "), line


def test_the_shipped_search_may_use_every_op_for_texts() -> None:
    experiment = load_experiment(INI)
    assert "attention" in experiment.neat.genome_config.op_options
    assert experiment.network.channels % 8 == 0


def test_the_transformer_block_is_the_published_encoder() -> None:
    """Node 1 = attention(x) + x; node 2 = relu(sep_conv_1(node 1)); node 3 = sep_conv_1(node 2) + node 1."""
    first, second, third = Architecture.load(TRANSFORMER).cell.nodes
    assert [(edge.source, edge.op, edge.activation) for edge in first.edges] == [
        (0, "attention", "identity"),
        (0, "identity", "identity"),
    ]
    assert [(edge.source, edge.op, edge.activation) for edge in second.edges] == [(1, "sep_conv_1", "relu")]
    assert [(edge.source, edge.op, edge.activation) for edge in third.edges] == [
        (2, "sep_conv_1", "identity"),
        (1, "identity", "identity"),
    ]
    assert {node.aggregation for node in (first, second, third)} == {"add"}


@pytest.mark.real_data
@pytest.mark.slow
def test_sst2_in_earnest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, real_data: str) -> None:
    """The Transformer block on the real test sentences, with the shipped settings, reaches what was asked of it."""
    run_example(monkeypatch, "train_architecture.py", TRANSFORMER, "--data-root", real_data, "--out", tmp_path / "run")
    assert json.loads((tmp_path / "run" / "result.json").read_text())["test_accuracies"][0] > 0.795
