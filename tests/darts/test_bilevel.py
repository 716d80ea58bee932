"""The bilevel loop: repeatable, resumable bit for bit, braked, and loud about what cannot go on."""

from __future__ import annotations

import json
import os
import pickle
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from darts import DartsSettings, SearchResult, SearchSpace, Supernet, build_supernet, search
from darts.architect import Architect
from darts.checkpoint import Identity
from darts.checks import check_search
from darts.curvature import WINDOW
from darts.derivation import Derived, count_identities
from darts.history import EpochSummary, history_from_json, history_to_json, save_history
from darts.older_checkpoint import drop_other_names
from neat_deep.base.errors import ConfigError, DataError, DivergedError, GraphError, SearchError
from neat_deep.data import Augmentation, Batch, Dataset, ImageSplit
from neat_deep.ops import FeatureSpec, register_op
from neat_deep.space.architecture import Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.training.fit import TrainingSettings, make_optimizer
from tests.support.toy_data import SPEC, stripes

CPU = torch.device("cpu")
SKELETON = Skeleton(channels=8, cells=2, reduce_after=(1,), growth=1.0, dropout=0.1)
SETTINGS = DartsSettings(
    op_options=("none", "identity", "sep_conv_3", "max_pool_3"), nodes=2, epochs=3, batch_size=16,
    alpha_learning_rate=0.05,
)  # fmt: skip


def never() -> ImageSplit:
    raise AssertionError("a search read the test examples")


def dataset(train: int = 64, **changes: Any) -> Dataset:
    """Stripes whose test part must not be read."""
    spec = replace(SPEC, **changes)
    parts = [replace(split, spec=spec) for split in (stripes(train, 0), stripes(24, 1))]
    return Dataset(spec, parts[0], parts[1], never)


def run(
    settings: DartsSettings = SETTINGS, skeleton: Skeleton = SKELETON, data: Dataset | None = None, **options: Any
) -> SearchResult:
    return search(settings, skeleton, data or dataset(), **{"device": CPU, "seed": 5, **options})


class Listener:
    """Keeps what it hears; raises `Stop` at the first step of epoch `stop_at`."""

    def __init__(self, stop_at: int = 0) -> None:
        self.stop_at = stop_at
        self.steps: list[tuple[int, float, float, float | None]] = []
        self.epochs: list[tuple[EpochSummary, Derived]] = []

    def resume(self, history: Sequence[EpochSummary]) -> None:
        pass

    def step_done(self, epoch: int, share: float, weight_loss: float, alpha_loss: float | None) -> None:
        self.steps.append((epoch, share, weight_loss, alpha_loss))
        if epoch == self.stop_at:
            raise Stop

    def epoch_done(self, summary: EpochSummary, derived: Derived) -> None:
        self.epochs.append((summary, derived))


class Stop(Exception):
    """What ends a search from outside."""


def state(checkpoint: Path) -> dict[str, Any]:
    """A checkpoint's content, without the one thing that no two runs share."""
    content = torch.load(checkpoint, weights_only=True)
    content["history"] = timeless(history_from_json(content["history"]))
    return content


def timeless(history: Sequence[EpochSummary]) -> list[EpochSummary]:
    return [replace(epoch, seconds=0.0) for epoch in history]


def equal(a: Any, b: Any) -> bool:
    """Whether two nested values are the same, bit for bit."""
    if isinstance(a, Tensor):
        return isinstance(b, Tensor) and torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b, strict=True))
    return a == b


# --- repeatable --------------------------------------------------------------------------------------------------


def test_the_same_seed_repeats_bit_for_bit_whatever_the_global_state(tmp_path: Path) -> None:
    states = []
    for place, (seed, global_seed) in enumerate(((5, 1), (5, 2), (6, 1))):
        torch.manual_seed(global_seed)
        expected = torch.rand(1, generator=torch.Generator().manual_seed(global_seed))
        run(seed=seed, checkpoint=tmp_path / f"{place}.pt")
        assert torch.equal(torch.rand(1), expected)
        states.append(state(tmp_path / f"{place}.pt"))
    assert equal(states[0], states[1])
    assert not torch.equal(*(s["supernet"]["alphas.candidates"] for s in states[1:]))
    assert len({json.dumps([asdict(epoch) for epoch in s["history"]]) for s in states}) == 2


def test_listeners_and_checkpoints_change_nothing(tmp_path: Path) -> None:
    plain, watched = run(), run(listeners=[Listener()], checkpoint=tmp_path / "search.pt")
    assert timeless(plain.history) == timeless(watched.history)
    assert (plain.architecture, plain.supernet, plain.inherited) == (
        watched.architecture,
        watched.supernet,
        watched.inherited,
    )


VARIANTS: dict[str, dict[str, Any]] = {
    "softmax": {},
    "gumbel": {"sampling": "gumbel"},
    "second order": {"order": "second"},
    "identity dropout": {"identity_dropout": 0.5},
    "gumbel and identity dropout": {"sampling": "gumbel", "identity_dropout": 0.5},
    "partial channels": {"partial_channels": 2, "edge_normalisation": True},
    "add and mul": {"aggregation_options": ("add", "mul"), "output": "concat"},
    "weights first": {"weight_epochs": 2, "train_subset": 40},
    "augmented": {"augment": True},
    "never stopped": {"stop_parameter_free": 4},
    "independent": {"sampling": "sigmoid"},
    "priced": {"entropy_price": 0.5, "partial_channels": 2, "edge_normalisation": True},
    "shrinking": {"shrink": (4, 2)},
    "watched": {"stop_eigenvalue_ratio": 0.75},
    "perturbation": {"selection": "perturbation", "selection_examples": 16, "selection_steps": 1},
    "perturbation of independent ones": {
        "selection": "perturbation",
        "selection_examples": 16,
        "selection_steps": 1,
        "sampling": "sigmoid",
        "shrink": (3,),
        "output": "concat",
    },
    "no momentum": {"momentum": 0.0, "gradient_clip": 0.0},
    "bfloat16": {"precision": "bfloat16"},
    "adamw": {"optimizer": "adamw"},
    "gumbel and adamw": {"sampling": "gumbel", "optimizer": "adamw"},
}


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
def test_a_resumed_search_ends_as_an_unbroken_one(changes: dict[str, Any], tmp_path: Path) -> None:
    settings, augmentation = replace(SETTINGS, **changes), Augmentation(shift=1, flip=True)
    whole, broken = tmp_path / "whole.pt", tmp_path / "broken.pt"
    unbroken = run(settings, checkpoint=whole, augmentation=augmentation)
    with pytest.raises(Stop):
        run(settings, checkpoint=broken, augmentation=augmentation, listeners=[Listener(stop_at=3)])
    assert len(state(broken)["history"]) == 2
    listener = Listener()
    resumed = run(settings, checkpoint=broken, augmentation=augmentation, listeners=[listener])
    assert {epoch for epoch, *_ in listener.steps} == {3}
    assert equal(state(whole), state(broken))
    assert timeless(resumed.history) == timeless(unbroken.history)
    for field in ("architecture", "derived", "supernet", "inherited", "why_stopped"):
        assert getattr(resumed, field) == getattr(unbroken, field), field
    assert all(torch.isfinite(value).all() for value in state(whole)["supernet"].values())


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
def test_a_search_that_was_done_is_not_done_again(changes: dict[str, Any], tmp_path: Path) -> None:
    listener, settings = Listener(), replace(SETTINGS, **changes)
    first = run(settings, checkpoint=tmp_path / "search.pt")
    again = run(settings, checkpoint=tmp_path / "search.pt", listeners=[listener])
    assert listener.steps == []
    assert replace(again, seconds=0.0) == replace(first, seconds=0.0)  # a selection by perturbation is made again


# --- what a search is told, and tells ----------------------------------------------------------------------------


def test_the_result() -> None:
    result = run(skeleton=replace(SKELETON, channels=16), settings=replace(SETTINGS, channels=4))
    assert result.architecture.skeleton.channels == 16  # the supernet's were 4
    cell = result.architecture.cell
    assert (cell.num_inputs, len(cell.nodes), cell.output) == (2, 2, "last")
    assert result.derived.strengths.keys() == {(node, slot) for node in range(2) for slot in range(2)}
    assert result.inherited is not None
    assert result.supernet.examples == result.inherited.examples == 24
    assert not result.stopped_early
    assert result.seconds == sum(epoch.seconds for epoch in result.history) > 0


def test_the_supernet_learns_what_it_is_shown() -> None:
    result = run(replace(SETTINGS, epochs=12, learning_rate=0.1, batch_size=8))
    assert result.history[-1].weight_loss < 0.5 * result.history[0].weight_loss
    assert result.supernet.accuracy > 0.85


def test_the_history(tmp_path: Path) -> None:
    listener = Listener()
    result = run(replace(SETTINGS, weight_epochs=1), listeners=[listener])
    assert [epoch.epoch for epoch in result.history] == [1, 2, 3]
    assert [summary for summary, _ in listener.epochs] == list(result.history)
    assert [epoch.alpha_loss is None for epoch in result.history] == [True, False, False]
    assert [epoch.samples for epoch in result.history] == [32, 32 + 64, 32 + 2 * 64]
    for epoch, derived in listener.epochs:
        assert torch.tensor(epoch.probabilities).sum(-1).allclose(torch.ones(1, 5))
        assert epoch.cell_digest == derived.cell.digest()
        ops = [edge.op for node in derived.cell.prune().nodes for edge in node.edges]
        assert epoch.identities == ops.count("identity")
        assert epoch.parameter_free == len(ops) - ops.count("sep_conv_3")
    assert listener.epochs[-1][1].cell == result.architecture.cell
    steps = [(epoch, share) for epoch, share, *_ in listener.steps]
    assert steps == [(epoch, share) for epoch in (1, 2, 3) for share in (0.5, 1.0)]
    losses = [loss for epoch, _, loss, _ in listener.steps if epoch == 2]
    assert result.history[1].weight_loss == pytest.approx(sum(losses) / 2)
    save_history(result.history, tmp_path / "history.json")
    assert history_from_json((tmp_path / "history.json").read_text()) == list(result.history)
    assert history_from_json(history_to_json(())) == []


def test_weight_epochs_leave_the_alphas_alone() -> None:
    result = run(replace(SETTINGS, weight_epochs=2))
    first, second, third = (torch.tensor(epoch.probabilities) for epoch in result.history)
    initial = build_supernet(SETTINGS.space(), SKELETON, SPEC, seed=5).alphas().candidates.detach()
    torch.testing.assert_close(first, initial)
    assert torch.equal(first, second)
    assert not torch.equal(second, third)


def test_weights_follow_half_a_cosine(tmp_path: Path) -> None:
    """With one step an epoch the second of two stands in the middle."""
    settings = replace(SETTINGS, epochs=2, batch_size=64, learning_rate=0.3, final_learning_rate=0.1)
    run(settings, checkpoint=tmp_path / "search.pt")
    groups = state(tmp_path / "search.pt")["optimizers"][0]["param_groups"]
    assert [group["lr"] for group in groups] == pytest.approx([0.2, 0.2])


def test_gradient_clipping_bounds_the_step(tmp_path: Path) -> None:
    settings = replace(
        SETTINGS, epochs=1, batch_size=64, learning_rate=0.5, momentum=0.0, weight_decay=0.0, gradient_clip=1e-3
    )
    run(settings, checkpoint=tmp_path / "search.pt")
    after = state(tmp_path / "search.pt")["supernet"]
    before = build_supernet(settings.space(), SKELETON, SPEC, seed=5)
    moved = [after[f"network.{name}"] - w for name, w in before.network.named_parameters()]
    assert torch.cat([m.flatten() for m in moved]).norm().item() == pytest.approx(0.5 * 1e-3, rel=0.01)


# --- which examples train what -----------------------------------------------------------------------------------


class Watched(ImageSplit):
    """A split that notes which images it was asked to train on, whole or in part."""

    trained: list[tuple[set[bytes], Tensor]]

    def train_batches(
        self, batch_size: int, generator: torch.Generator, augmentation: Augmentation | None = None
    ) -> Iterator[Batch]:
        Watched.trained.append(({bytes(image.flatten().tolist()) for image in self.images}, self.labels))
        return super().train_batches(batch_size, generator, augmentation)


@pytest.mark.parametrize("order", ["first", "second"])
def test_each_step_of_the_alphas_has_its_own_examples_and_order(order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order that was asked for, the alphas' quarter for the validation loss, the weights' rate for xi."""
    seen: list[tuple[str, Any]] = []

    def spy(name: str) -> Any:
        method = getattr(Architect, name)

        def call(self: Architect, *arguments: Any, **options: Any) -> Any:
            seen.append((name, arguments))
            return method(self, *arguments, **options)

        return call

    for name in ("first_order", "second_order"):
        monkeypatch.setattr(Architect, name, spy(name))
    history = run(replace(SETTINGS, order=order, alpha_share=0.25, weight_epochs=1, epochs=2)).history
    assert history[0].samples == 48  # three quarters of 64, and the alphas at rest
    assert {name for name, _ in seen} == {f"{order}_order"}
    of_alphas = {image.numpy().tobytes() for _, given in seen for image in given[order == "second"].inputs}
    assert len(of_alphas) <= 16
    if order == "second":
        of_weights = {image.numpy().tobytes() for _, given in seen for image in given[0].inputs}
        assert len(of_weights) > 16 and not of_weights & of_alphas
        for _, (_, _, optimizer, rate) in seen:
            assert 0 < rate <= SETTINGS.learning_rate and rate >= optimizer.param_groups[0]["lr"]


@pytest.mark.parametrize("subset", [0, 40])
def test_alphas_and_weights_never_see_the_same_example(subset: int) -> None:
    Watched.trained = []
    source = stripes(60, 0)
    train = Watched(source.images, source.labels, SPEC)
    data = replace(dataset(), train=train)
    run(replace(SETTINGS, alpha_share=0.25, train_subset=subset, epochs=2), data=data)
    parts = {frozenset(images): labels for images, labels in Watched.trained}
    assert len(parts) == 2  # the same two in each epoch
    small, large = sorted(parts, key=len)
    count = subset or 60
    assert (len(small), len(large)) == (count // 4, count - count // 4)
    assert not small & large
    for images in (small, large):  # half of the stripes are rows
        assert abs(int((parts[images] == 0).sum()) - len(images) / 2) <= 0.5
    held_out = {bytes(image.flatten().tolist()) for image in data.validation.images}
    assert not held_out & (small | large)


# --- brakes ------------------------------------------------------------------------------------------------------


class Useless(nn.Module):
    """Has a weight, says nothing about its input, and drowns what others say in noise."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.weight + (2 * torch.randn_like(x) if self.training else 0 * x)


@pytest.fixture
def collapsing(registrations: None) -> DartsSettings:
    """A search that will leave every op with weights for identity; the op is there for one test alone."""

    @register_op("useless", parametric=True)
    def make(spec: FeatureSpec) -> nn.Module:
        return Useless()

    return DartsSettings(
        op_options=("identity", "useless"), activation_options=("relu",), nodes=2, epochs=30, batch_size=8,
        learning_rate=0.1, alpha_learning_rate=0.05, stop_parameter_free=3,
    )  # fmt: skip


def useless_start() -> CellGraph:
    slots = [(Edge(0, "useless", "relu"), Edge(1, "useless", "relu")) for _ in range(2)]
    return CellGraph(2, tuple(CellNode(edges) for edges in slots))


def test_a_search_stops_before_parameter_free_ops_take_over(collapsing: DartsSettings, tmp_path: Path) -> None:
    listener = Listener()
    options: dict[str, Any] = {"start": useless_start(), "skeleton": replace(SKELETON, cells=1, reduce_after=())}
    result = run(collapsing, listeners=[listener], checkpoint=tmp_path / "whole.pt", **options)
    counts = [epoch.parameter_free for epoch in result.history]
    assert result.stopped_early
    assert 2 < len(counts) < collapsing.epochs
    assert counts[-1] >= 3 > max(counts[:-1])
    assert result.architecture.cell == listener.epochs[-2][1].cell
    assert result.derived.strengths == listener.epochs[-2][1].strengths
    # A run that was broken before it stopped, and one that is asked again after it, end in the same cell.
    with pytest.raises(Stop):
        run(collapsing, listeners=[Listener(stop_at=len(counts))], checkpoint=tmp_path / "broken.pt", **options)
    for _ in range(2):
        resumed = run(collapsing, checkpoint=tmp_path / "broken.pt", **options)
        assert resumed.architecture == result.architecture
        assert resumed.derived.strengths == result.derived.strengths
        assert resumed.stopped_early
        assert timeless(resumed.history) == timeless(result.history)
    assert equal(state(tmp_path / "whole.pt"), state(tmp_path / "broken.pt"))


def test_ops_that_were_always_there_have_not_taken_over(collapsing: DartsSettings) -> None:
    settings = replace(collapsing, op_options=("identity", "max_pool_3"), epochs=3, weight_epochs=1)
    result = run(settings)
    assert len(result.history) == 3
    assert not result.stopped_early


def test_a_cap_on_identity_holds(collapsing: DartsSettings) -> None:
    settings = replace(collapsing, stop_parameter_free=0, epochs=8, identity_cap=1, output="concat")
    listener = Listener()
    result = run(settings, skeleton=replace(SKELETON, cells=1, reduce_after=()), listeners=[listener])
    ops = [edge.op for node in result.architecture.cell.nodes for edge in node.edges]
    assert sorted(ops) == ["identity", "useless", "useless", "useless"]
    assert all(count_identities(derived.cell) <= 1 for _, derived in listener.epochs)
    assert any(summary.identities > 1 for summary, _ in listener.epochs)  # what the cap holds back is told


def test_a_search_whose_loss_bends_more_and_more_ends_with_an_earlier_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grows = iter([1.0] * WINDOW + [2.0] * 20)
    monkeypatch.setattr("darts.bilevel.largest_eigenvalue", lambda *_, **__: next(grows))
    settings = replace(SETTINGS, epochs=20, alpha_learning_rate=0.5, stop_eigenvalue_ratio=0.75)
    listener = Listener()
    result = run(settings, data=dataset(32), checkpoint=tmp_path / "search.pt", listeners=[listener])
    assert len(result.history) < 2 * WINDOW + WINDOW
    assert result.why_stopped == "the loss bends more and more along the alphas"
    cells = [derived.cell for _, derived in listener.epochs]
    assert result.architecture.cell == cells[-1 - WINDOW]
    assert len({cell.digest() for cell in cells}) > 1
    again = run(settings, data=dataset(32), checkpoint=tmp_path / "search.pt")
    assert again.architecture == result.architecture


@pytest.fixture
def supernets(monkeypatch: pytest.MonkeyPatch) -> list[Supernet]:
    """The supernets that searches make from here on."""
    made: list[Supernet] = []

    def build(*arguments: Any, **options: Any) -> Supernet:
        made.append(build_supernet(*arguments, **options))
        return made[-1]

    monkeypatch.setitem(search.__globals__, "build_supernet", build)
    return made


def test_temperature_and_dropout_fall_in_a_line(supernets: list[Supernet]) -> None:
    seen = []

    class Thermometer(Listener):
        def epoch_done(self, summary: EpochSummary, derived: Derived) -> None:
            seen.append((supernets[-1].temperature, supernets[-1].identity_dropout))

    settings = replace(SETTINGS, sampling="gumbel", temperature=5.0, final_temperature=1.0, identity_dropout=0.4)
    run(settings, listeners=[Thermometer()])
    assert [pair[0] for pair in seen] == pytest.approx([5.0, 3.0, 1.0])
    assert [pair[1] for pair in seen] == pytest.approx([0.4, 0.2, 0.0])


START = CellGraph(2, (CellNode((Edge(1, "max_pool_3", "relu"), Edge(0, "sep_conv_3"))),
                      CellNode((Edge(2, "identity"), Edge(0, "sep_conv_3", "relu")))))  # fmt: skip


def test_a_checkpoint_of_another_start_is_refused(tmp_path: Path) -> None:
    settings = replace(SETTINGS, epochs=1)
    run(settings, start=START, checkpoint=tmp_path / "search.pt")
    assert run(settings, start=START, checkpoint=tmp_path / "search.pt").history
    with pytest.raises(SearchError, match=f"cell to start from: it has {START.digest()}, this search None"):
        run(settings, checkpoint=tmp_path / "search.pt")


def test_rare_classes_may_count_as_much_as_common_ones(tmp_path: Path) -> None:
    settings = replace(SETTINGS, epochs=1)
    even, uneven = dataset(), dataset()
    keep = [place for place, label in enumerate(even.train.labels.tolist()) if label != 1 or place < 16]
    uneven = replace(uneven, train=uneven.train.subset(torch.tensor(keep)))
    for data, same in ((even, True), (uneven, False)):
        plain, balanced = (run(settings, data=data, class_weights=kind).history[0] for kind in ("none", "balanced"))
        assert (plain.weight_loss == balanced.weight_loss) == same
        assert (plain.probabilities == balanced.probabilities) == same
    run(settings, data=even, checkpoint=tmp_path / "search.pt")
    with pytest.raises(SearchError, match=r"\[Training\] class_weights: it has none, this search balanced"):
        run(settings, data=even, checkpoint=tmp_path / "search.pt", class_weights="balanced")


def test_a_start_is_favoured() -> None:
    cell = START
    settings = replace(SETTINGS, epochs=1, alpha_learning_rate=1e-3)
    assert run(settings, start=cell).architecture.cell == cell
    with pytest.raises(GraphError, match="the cell has 1 nodes, the search space 2"):
        run(start=CellGraph(2, cell.nodes[:1]))


# --- what cannot go on -------------------------------------------------------------------------------------------


def test_a_loss_that_is_not_finite(tmp_path: Path) -> None:
    with pytest.raises(DivergedError, match=r"the loss of the weights became nan in epoch 1 of 3; lower learning_rate"):
        run(data=dataset(std=(0.0,)), checkpoint=tmp_path / "search.pt")
    assert not (tmp_path / "search.pt").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"op_options": ("identity", "attention")}, "op_options: got 'attention', which does not support the images"),
        ({"train_subset": 3}, r"train_subset: got 3, allowed: 0 \(all\), or 4 \(two of each class\) or more"),
        ({"partial_channels": 3}, r"partial_channels: got 3, allowed: a divisor of every cell's channels"),
        (
            {"partial_channels": 4, "channels": 6},
            r"partial_channels: got 4, allowed: a divisor of every cell's channels",
        ),
    ],
)
def test_settings_that_do_not_suit_the_data(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        run(replace(SETTINGS, **changes))


def test_a_share_that_leaves_a_side_without_examples() -> None:
    message = r"\[Darts\] alpha_share: got .* allowed: 2 or more each"
    with pytest.raises(DataError, match=message):
        check_search(replace(SETTINGS, alpha_share=0.01), SKELETON, dataset())


def test_a_class_of_one_example_cannot_train_both() -> None:
    train = stripes(8, 0).subset(torch.tensor([0, 1, 3, 5, 7]))
    with pytest.raises(DataError, match="cannot split class 0: got 1 example, allowed: 2 or more"):
        check_search(SETTINGS, SKELETON, replace(dataset(), train=train))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A checkpoint of `SETTINGS` after all its epochs."""
    path = tmp_path_factory.mktemp("search") / "search.pt"
    run(checkpoint=path)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"settings": replace(SETTINGS, nodes=3)}, r"\[Darts\] nodes: it has 2, this search 3"),
        ({"settings": replace(SETTINGS, op_options=("identity", "sep_conv_3"))}, r"\[Darts\] op_options: it has \["),
        ({"settings": replace(SETTINGS, epochs=4)}, r"\[Darts\] epochs: it has 3, this search 4"),
        ({"settings": replace(SETTINGS, edge_normalisation=True)}, r"\[Darts\] edge_normalisation: it has False"),
        ({"skeleton": replace(SKELETON, cells=3)}, r"\[Network\] cells: it has 2, this search 3"),
        ({"seed": 6}, r"\[Run\] seed: it has 5, this search 6"),
        ({"data": dataset(name="dots")}, "data set: it has stripes, this search dots"),
        ({"data": dataset(mean=(0.31,))}, r"data set mean: it has \[0.3\], this search \[0.31\]"),
        (
            {"data": dataset(class_names=("a", "b"))},
            r"data set class_names: it has \['row', 'column'\], this search \['a', 'b'\]",
        ),
    ],
)
def test_the_checkpoint_of_another_search(
    changes: dict[str, Any], names: str, checkpoint: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "search.pt"
    path.write_bytes(checkpoint)
    with pytest.raises(SearchError, match=f"search.pt is a checkpoint of another search: {names}") as caught:
        run(**changes, checkpoint=path)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == checkpoint


def without_facts(names: set[str]) -> Callable[[Path], None]:
    """What an older program would have written: it did not know these facts."""

    def forget(content: dict[str, Any]) -> None:
        facts = json.loads(content["identity"])
        assert names <= set(facts)
        content["identity"] = json.dumps({name: value for name, value in facts.items() if name not in names})

    return rewritten(forget)


def test_a_checkpoint_of_an_older_program_lacks_facts(checkpoint: bytes, tmp_path: Path) -> None:
    """It goes on where what it lacks is as it was before, and else is one of another search."""
    identity = Identity(SETTINGS, SKELETON, SPEC, 5, Augmentation(), "")
    own, before = identity.facts(), identity.facts_before()
    as_before = {name for name in before if before[name] == own[name]}
    for kind, place in (
        (DartsSettings, "[Darts] "),
        (Skeleton, "[Network] "),
        (Augmentation, "[Training] augmentation_"),
    ):
        assert {f"{place}{f.name}" for f in fields(kind)} <= set(before)
    assert len(as_before) > 40
    path = tmp_path / "search.pt"
    path.write_bytes(checkpoint)
    without_facts(as_before)(path)
    assert len(run(checkpoint=path).history) == SETTINGS.epochs
    for name in ("[Darts] nodes", "[Network] cells"):
        path.write_bytes(checkpoint)
        without_facts({name})(path)
        with pytest.raises(
            SearchError, match=f"checkpoint of another search: {re.escape(name)}: it has 4, this search 2"
        ):
            run(checkpoint=path)


def test_a_checkpoint_of_an_older_program_had_ngrams_where_its_network_had(checkpoint: bytes, tmp_path: Path) -> None:
    path = tmp_path / "search.pt"
    path.write_bytes(checkpoint)

    def with_ngrams(content: dict[str, Any]) -> None:
        facts = {**json.loads(content["identity"]), "[Network] ngrams": 2}
        del facts["[Darts] ngrams"]
        content["identity"] = json.dumps(facts)

    rewritten(with_ngrams)(path)
    with pytest.raises(SearchError, match=r"\[Darts\] ngrams: it has True, this search False"):
        run(checkpoint=path)


class Malicious:
    """Would run a command when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("pwned",)


def rewritten(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """Change one thing in a checkpoint's content."""

    def apply(path: Path) -> None:
        content = torch.load(path, weights_only=True)
        change(content)
        torch.save(content, path)

    return apply


def with_bytes(make: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(make(path.read_bytes())) and None


def to_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


BROKEN: dict[str, Callable[[Path], None]] = {
    "empty": with_bytes(lambda _: b""),
    "text": with_bytes(lambda _: b"a letter\nof two lines"),
    "first half": with_bytes(lambda data: data[: len(data) // 2]),
    "no end": with_bytes(lambda data: data[:-100]),
    "a folder": to_folder,
    "a pickle with code": lambda path: path.write_bytes(pickle.dumps(Malicious())) and None,
    "a checkpoint with code": lambda path: torch.save({"format": Malicious()}, path),
    "a tensor": lambda path: torch.save(torch.zeros(2), path),
    "another format": rewritten(lambda content: content.update(format="something else")),
    "another version": rewritten(lambda content: content.update(version=99)),
    "no supernet": rewritten(lambda content: content.pop("supernet")),
    "half a supernet": rewritten(lambda content: content["supernet"].pop("alphas.candidates")),
    "another shape": rewritten(lambda content: content["supernet"].update({"alphas.candidates": torch.zeros(1)})),
    "no identity": rewritten(lambda content: content.pop("identity")),
    "identity is no JSON": rewritten(lambda content: content.update(identity="{")),
    "one optimizer": rewritten(lambda content: content["optimizers"].pop()),
    "no groups": rewritten(lambda content: content["optimizers"][0].update(param_groups=[])),
    "history is no JSON": rewritten(lambda content: content.update(history="[")),
    "history of other things": rewritten(lambda content: content.update(history='[{"epoch": 1}]')),
    "no kept cell": rewritten(lambda content: content.pop("kept")),
    "kept cell is none": rewritten(lambda content: content.update(kept={"cell": "{}", "strengths": {}})),
}


@pytest.mark.parametrize(
    "changes",
    [
        {"op_options": ("none", "identity", "sep_conv_1", "max_pool_3", "dil_conv_1", "sep_conv_3")},
        {"op_options": ("dil_conv_1", "sep_conv_3", "sep_conv_1", "identity"), "aggregation_options": ("add", "mul")},
        {"op_options": ("dil_conv_1", "identity"), "optimizer": "adamw"},
    ],
    ids=["the plain name first", "the plain name last", "the other name alone"],
)
def test_a_checkpoint_with_two_candidates_for_one_op_is_resumed_with_one(
    changes: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As the program wrote it that took the two names for two ops."""
    path = tmp_path / "search.pt"
    settings = replace(SETTINGS, **changes)
    with pytest.MonkeyPatch.context() as before, pytest.raises(Stop):
        before.setattr("darts.search_space.plain_ops", lambda ops: ops)
        run(settings, checkpoint=path, listeners=[Listener(stop_at=2)])
    rewritten(lambda content: content.update(version=1))(path)
    old = torch.load(path, weights_only=True)
    result = run(settings, checkpoint=path)
    assert "two candidates" in caplog.text
    assert len(result.history) == settings.epochs
    width = len(settings.space().candidates)
    assert old["supernet"]["alphas.candidates"].shape[-1] >= width
    rows = [row for epoch in result.history for edges in epoch.probabilities for row in edges]
    assert {len(row) for row in rows} == {width}
    assert all(sum(row) == pytest.approx(1) for row in rows)


def test_what_stays_of_an_older_checkpoint_is_what_it_had() -> None:
    """Every weight keeps its own buffers, which an optimizer knows by number alone."""
    ops = ("dil_conv_1", "identity", "sep_conv_3", "sep_conv_1")

    def made(seed: int) -> tuple[Supernet, list[torch.optim.Optimizer]]:
        supernet = build_supernet(SearchSpace(ops), SKELETON, SPEC, seed=seed)
        settings = TrainingSettings(optimizer="sgd", momentum=0.9)
        return supernet, [make_optimizer(part, settings) for part in (supernet.network, supernet.alphas)]

    def buffers(supernet: Supernet, optimizers: Sequence[torch.optim.Optimizer]) -> dict[str, Tensor]:
        states = {parameter: values for o in optimizers for parameter, values in o.state.items()}
        return {name: states[parameter]["momentum_buffer"] for name, parameter in supernet.named_parameters()}

    with pytest.MonkeyPatch.context() as before:
        before.setattr("darts.search_space.plain_ops", lambda ops: ops)
        old, optimizers = made(seed=1)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                optimizer.state[parameter]["momentum_buffer"] = parameter.detach().clone()
    states = [optimizer.state_dict() for optimizer in optimizers]
    content = {"supernet": old.state_dict(), "optimizers": states, "history": "[]"}
    new, optimizers = made(seed=2)
    converted = drop_other_names(content, ops, new, optimizers)
    new.load_state_dict(converted["supernet"])
    for optimizer, values in zip(optimizers, converted["optimizers"], strict=True):
        optimizer.load_state_dict(values)
    kept = buffers(new, optimizers)
    was = dict(old.named_parameters())
    for name, parameter in new.named_parameters():
        assert torch.equal(kept[name], parameter)
        if name != "alphas.candidates":
            assert torch.equal(parameter, was[name.replace(".sep_conv_1.", ".dil_conv_1.")])
    assert torch.equal(new.alphas.candidates, old.alphas.candidates[..., : new.alphas.candidates.shape[-1]])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("spoil", BROKEN.values(), ids=BROKEN)
def test_a_broken_checkpoint(
    spoil: Callable[[Path], None], checkpoint: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "search.pt"
    path.write_bytes(checkpoint)
    spoil(path)
    with pytest.raises(SearchError) as caught:
        run(checkpoint=path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message and len(message) < 500
    assert list(tmp_path.iterdir()) == [path]  # nothing was run, and nothing written
