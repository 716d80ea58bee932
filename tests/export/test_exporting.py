"""An exported network answers in other programs as in `neat-deep classify`; its file is whole and right, or absent."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from neat_deep import export_network
from neat_deep.base.errors import ArchitectureError, OutputError
from neat_deep.data import Dataset, DataSettings, ImageSplit, TextSettings, load_dataset, part_of
from neat_deep.export import exporting
from neat_deep.export.formats import FORMATS, FormatInfo
from neat_deep.export.sources import load_source
from neat_deep.ops import FeatureSpec, register_op
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.training.prediction import class_probabilities, load_image_classifier, load_text_classifier
from neat_deep.training.retraining import retrain, retraining_data
from neat_deep.training.settings import TrainingSettings
from neat_deep.training.trained_file import Trained
from tests.support import other_format, plain_torch
from tests.support.exported_texts import token_ids
from tests.support.needs_export import needs_export, needs_packages
from tests.support.trained_files import image_network, save, text_network

PLAIN = Path(plain_torch.__file__)
CPU = torch.device("cpu")


@needs_export
def test_torch_runs_what_was_written(tmp_path: Path) -> None:
    path = save(image_network(cells=1), tmp_path)
    exported = export_network(path, format="torch")
    assert exported.path == tmp_path / "trained.pt2" and exported.examples == 6 and exported.difference <= 1e-6
    extra = {"neat_deep.json": ""}
    program = torch.export.load(exported.path, extra_files=extra).module()
    assert json.loads(extra["neat_deep.json"]) == exported.description
    model = load_source(path).model()
    for size in ((1, 6, 8), (1, 1, 1), (5, 20, 9)):
        images = torch.randint(0, 256, (*size, 3), dtype=torch.uint8)
        torch.testing.assert_close(program(images), model(images))
    assert str(Path(exporting.__file__).parents[1]).encode() not in exported.path.read_bytes()  # no file of ours
    assert exported.path.stat().st_mode & 0o777 == 0o644


# --- what goes wrong leaves nothing ------------------------------------------------------------------------------


@pytest.fixture
def other(monkeypatch: pytest.MonkeyPatch, registrations: None) -> Callable[[Callable[[Tensor], Tensor]], None]:
    """A format `other`; called with what its files answer."""
    FORMATS.add(FormatInfo("other", other_format.__name__, ".other"))
    monkeypatch.setattr(exporting, "record", lambda model: None)
    monkeypatch.setattr(exporting, "check_torch", lambda: None)
    return lambda answer: monkeypatch.setattr(other_format, "ANSWERS", [answer])


def fail(_: Tensor) -> Tensor:
    raise RuntimeError("no such operation\nand more")


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda images: torch.zeros(len(images), 3), r"trained.pt: .* differ from torch's by 0\.\d+, allowed: 0.0001"),
        (lambda images: torch.full((len(images), 3), torch.nan), "differ from torch's by nan, allowed: 0.0001"),
        (fail, "trained.pt: the exported model does not run: no such operation$"),
    ],
)
def test_a_file_that_answers_otherwise_is_not_left(answer: Any, says: str, tmp_path: Path, other: Any) -> None:
    path = save(image_network(), tmp_path)
    other(answer)
    with pytest.raises(ArchitectureError, match=says):
        export_network(path, format="other")
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_nothing(tmp_path: Path, other: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    path = save(image_network(), tmp_path)
    other(load_source(path).model())
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="^cannot write .*trained.other: No space left on device$"):
        export_network(path, format="other")
    assert list(tmp_path.iterdir()) == [path]


def test_another_format_is_one_module(tmp_path: Path, other: Any) -> None:
    path = save(image_network(), tmp_path)
    other(load_source(path).model())
    exported = export_network(path, tmp_path / "new" / "m.other", format="other")
    assert json.loads(exported.path.read_text()) == exported.description
    assert exported.difference == 0


class Undecided(nn.Module):
    """What it does depends on what it gets: no program for all inputs."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return x if float(x.sum()) > 0 else -x


@needs_export
@pytest.mark.usefixtures("registrations")
def test_an_op_that_cannot_be_followed_is_told_of(tmp_path: Path) -> None:
    @register_op("undecided", ranks={2}, parametric=False)
    def undecided(spec: FeatureSpec) -> nn.Module:
        return Undecided()

    path = save(image_network(CellGraph(1, (CellNode((Edge(0, "undecided"),)),))), tmp_path)
    with pytest.raises(
        ArchitectureError, match="trained.pt: torch.export cannot follow the network; an op may"
    ) as told:
        export_network(path, format="torch")
    assert "\n" not in str(told.value)
    assert list(tmp_path.iterdir()) == [path]


# --- in the formats' own programs --------------------------------------------------------------------------------


def run_onnx(path: Path, inputs: Any) -> Any:
    """The answers of ONNX Runtime, and the description in the file."""
    import onnxruntime as runtime

    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    facts = json.loads(session.get_modelmeta().custom_metadata_map["neat_deep"])
    (answers,) = session.run([facts["output"]["name"]], {facts["input"]["name"]: inputs})
    return answers, facts


def run_plain(path: Path, inputs: Any) -> Any:
    """The answers of torch in a process that knows no neat-deep, and the names of the classes."""
    examples, answers = path.with_suffix(".in.npy"), path.with_suffix(".out.npy")
    np.save(examples, inputs)
    command = [sys.executable, "-I", PLAIN, path, examples, answers]  # it finds nothing of this checkout
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return np.load(answers), json.loads(done.stdout)


@pytest.mark.slow
@needs_export
def test_a_vote_of_texts_is_exported_in_both_formats(tmp_path: Path) -> None:
    needs_packages("onnx")
    cell = CellGraph(1, (CellNode((Edge(0, "conv_3", "relu"), Edge(0, "gru"))),))
    for number in (1, 2):
        save(text_network(cell, seed=number), tmp_path, f"ensemble-{number}.pt")
    vote = tmp_path / "ensemble.json"
    vote.write_text(json.dumps({"members": ["a", "b"]}))
    expected = load_source(vote).model()
    for size in ((1, 1), (3, 9), (7, 2)):
        tokens = torch.randint(2, 10, size)
        tokens[0, size[1] // 2 + 1 :] = 0
        answer = expected(tokens).numpy()
        for format, run in (("onnx", run_onnx), ("torch", run_plain)):
            path = tmp_path / f"ensemble{FORMATS.get(format).suffix}"
            if not path.exists():
                assert export_network(vote, format=format).path == path
            np.testing.assert_allclose(run(path, tokens.numpy())[0], answer, atol=1e-4)


def train(cell: CellGraph, dataset: Dataset, skeleton: Skeleton, count: int) -> Trained:
    """A network of seconds: `count` examples, one pass."""
    data = retraining_data(dataset, TrainingSettings())
    small = replace(data, train=part_of(data.train, count, 0), load_test=None)
    settings = TrainingSettings(epochs=1, batch_size=32, learning_rate=0.01)
    return retrain(Architecture(cell, skeleton), small, settings, device=CPU, seed=0)


@pytest.mark.slow
@pytest.mark.real_data
@needs_export
@pytest.mark.parametrize("format", ["onnx", "torch"])
def test_a_thousand_digits_are_classified_as_by_torch(format: str, mnist: Dataset, tmp_path: Path) -> None:
    needs_packages(format)
    cell = CellGraph(
        2,
        (CellNode((Edge(0, "sep_conv_3", "relu"), Edge(1, "avg_pool_5"))), CellNode((Edge(2, "dil_conv_5", "relu"),))),
    )
    trained = train(cell, mnist, Skeleton(channels=8, cells=2, reduce_after=(0, 1)), 4000)
    path = save(trained, tmp_path)
    test = mnist.read_test().subset(torch.arange(1000))
    assert isinstance(test, ImageSplit)
    expected = class_probabilities(load_image_classifier(path).network, test).numpy()
    assert (expected.argmax(1) == test.labels.numpy()).mean() > 0.7
    run = run_onnx if format == "onnx" else run_plain
    answers, _ = run(export_network(path, format=format).path, test.images.permute(0, 2, 3, 1).contiguous().numpy())
    assert (answers.argmax(1) == expected.argmax(1)).all()
    np.testing.assert_allclose(answers, expected, atol=1e-4)


@pytest.mark.slow
@pytest.mark.real_data
@needs_export
@pytest.mark.parametrize("format", ["onnx", "torch"])
@pytest.mark.parametrize("tokens", ["word", "bpe"])
def test_sentences_are_classified_as_by_torch(format: str, tokens: str, real_data: str, tmp_path: Path) -> None:
    """Five hundred, which become tokens by what the file says alone."""
    needs_packages(format)
    settings = DataSettings("sst2", real_data, text=TextSettings(tokens=tokens, vocabulary=4000, max_length=20))
    dataset = load_dataset(settings)
    cell = CellGraph(
        1,
        (
            CellNode((Edge(0, "gru"), Edge(0, "conv_3", "relu"))),
            CellNode((Edge(1, "relative_attention"), Edge(1, "max_pool_3"))),
        ),
    )
    path = save(train(cell, dataset, Skeleton(rank=1, channels=16, cells=2, reduce_after=(1,)), 3000), tmp_path)
    lines = (Path(real_data) / "SST-2" / "test.tsv").read_text(encoding="utf-8").splitlines()[1:501]
    texts = [line.split("\t")[0] for line in lines]
    assert len(texts) == 500
    expected = load_text_classifier(path)(texts)
    exported = export_network(path, format=format)
    facts = exported.description
    run = run_onnx if format == "onnx" else run_plain
    answers, _ = run(exported.path, token_ids(texts, facts).numpy())
    names = [facts["classes"][place] for place in answers.argmax(1)]
    assert names == [one.class_name for one in expected]
    assert len(set(names)) == 2
    np.testing.assert_allclose(answers.max(1), [one.probability for one in expected], atol=1e-4)
