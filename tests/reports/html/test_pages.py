"""A run's page: one file that holds all, says what the store says, and takes nothing from outside for markup."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing, suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from darts.page import read_run as read_darts_run
from neat_deep.base.errors import OutputError, SearchError, StoreError
from neat_deep.config.search_settings import SearchSettings
from neat_deep.reports.html.comparison import compare_runs
from neat_deep.reports.html.content import Chart, CurvePoint, Frames, RunReport, Table
from neat_deep.reports.html.drawings import DARK
from neat_deep.reports.html.page import page_html, write_page
from neat_deep.reports.html.store_run import read_run
from neat_deep.reports.html.stored_run import load_stored_run
from neat_deep.reports.pictures import labels
from neat_deep.store.run_store import RunStore
from tests.support.pages import EPOCHS, PageContent, darts_run, stored_run
from tests.support.read_only import read_only
from tests.support.simulated_workers import SimulatedWorkers, search_with, uneven
from tests.support.stopped import StoppedError, stop_at
from tests.support.toy_search import ALL_ON, PLAIN, SPACE, experiment, search_by_strategy, strategy_experiment

MOST_BYTES = 3_000_000
EVIL = '<script>alert("x")</script><img src=x onerror=alert(1)>'
SECTIONS = (
    "best-network",
    "accuracy-over-the-generations",
    "every-network",
    "family-tree-of-the-winner",
    "species-over-time",
    "what-failed-and-why",
    "time-spent-and-saved",
    "settings-that-differ-from-the-defaults",
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search by neat-python with rungs, without a final training."""
    folder = tmp_path_factory.mktemp("runs") / "first"
    stored_run(folder, experiment(ALL_ON, generations=3))
    return folder


@pytest.fixture(scope="module")
def random_runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A random search with two seeds."""
    folders = [tmp_path_factory.mktemp("runs") / f"random-{seed}" for seed in (1, 2)]
    for seed, folder in enumerate(folders, start=1):
        stored_run(folder, strategy_experiment(PLAIN, generations=2, seed=seed), generations=1 + seed)
    return folders


def report(folder: Path) -> RunReport:
    return read_run(folder)


def charts_of(made: RunReport, title: str) -> list[Chart]:
    (section,) = [section for section in made.page.sections if section.title == title]
    return [block for block in section.blocks if isinstance(block, Chart)]


def test_a_page_is_one_file_that_needs_nothing_else(run: Path, tmp_path: Path) -> None:
    write_page(report(run).page, tmp_path / "report.html")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert (tmp_path / "report.html").stat().st_size < MOST_BYTES
    content = PageContent((tmp_path / "report.html").read_text(encoding="utf-8"))
    for tag, attributes in content.tags:
        assert tag not in ("link", "iframe", "img"), tag
        for name in ("src", "href", "xlink:href", "action"):
            assert (attributes.get(name) or "#").startswith("#"), (tag, attributes)
    assert tuple(content.headings) == SECTIONS
    assert "This run has not come to its end" in content.text


def test_a_page_says_what_the_store_says(run: Path) -> None:
    with RunStore.read(run) as store:
        candidates, generations, evaluations = store.candidates(), store.generations(), store.evaluations()
    made = report(run)
    best = max((row.rung, row.accuracy) for row in candidates if row.objective is not None)[1]
    assert made.validation_accuracy == best
    assert made.samples == sum(row.samples for row in generations)
    assert f"{100 * best:.2f}%" in PageContent(page_html(made.page)).text
    (progress,) = charts_of(made, "Accuracy over the generations")
    shown = [row for layer in progress.spec["layer"] for row in layer["data"]["values"] if "cell" in row]
    assert len(shown) == sum(row.objective is not None for row in candidates)
    (outcomes,) = charts_of(made, "What failed and why")
    assert sum(row["count"] for row in outcomes.spec["data"]["values"]) == len(candidates)
    top = max(one.rung for one in evaluations if not one.has_failed)
    assert made.curve[-1].accuracy == max(
        one.metrics["accuracy"] for one in evaluations if one.rung == top and not one.has_failed
    )
    assert made.curve[-1].samples == sum(one.samples for one in evaluations)
    assert made.curve[-1].minutes == pytest.approx(sum(row.seconds for row in generations) / 60)


def test_no_network_beats_one_on_the_front(run: Path) -> None:
    for chart in charts_of(report(run), "Every network"):
        field = chart.spec["layer"][0]["encoding"]["x"]["field"]
        line, points = (layer["data"]["values"] for layer in chart.spec["layer"])
        assert line
        for member in line:
            assert not any(row[field] <= member[field] and row["accuracy"] > member["accuracy"] for row in points)


def test_every_network_has_its_cell_under_the_pointer(run: Path) -> None:
    content = PageContent(page_html(report(run).page))
    digests = {row["cell"] for chart in content.charts for layer in chart.get("layer", [chart])
               for row in layer["data"]["values"] if "cell" in row}  # fmt: skip
    assert digests == digests & content.cells.keys()
    assert all(picture.startswith("<svg") for picture in content.cells.values())


def test_what_comes_from_outside_is_text(run: Path, tmp_path: Path) -> None:
    """A run that somebody sent may hold anything in its names, reasons and settings."""
    folder = tmp_path / "<b>run"
    folder.mkdir()
    with (
        closing(sqlite3.connect(run / "run.sqlite")) as source,
        closing(sqlite3.connect(folder / "run.sqlite")) as copy,
    ):
        source.backup(copy)
        with copy:
            copy.execute(
                "UPDATE candidates SET status = 'raised', objective = NULL, reason = ? WHERE position = 1", (EVIL,)
            )
    (folder / "result.json").write_text(json.dumps({"test_accuracies": [EVIL], "parameters": EVIL}))
    html = page_html(report(folder).page)
    content = PageContent(html)
    assert EVIL in content.text
    assert EVIL not in html
    assert "<b>run" in content.text
    assert not [attributes for _, attributes in content.tags if any(name.startswith("on") for name in attributes)]
    assert "alert(1)" not in str(content.cells)


def test_settings_that_differ_are_told_with_their_defaults(run: Path) -> None:
    (section,) = [s for s in report(run).page.sections if s.title.startswith("Settings")]
    changed, without = section.blocks
    assert isinstance(changed, Table) and isinstance(without, Table)
    rows = {(row[0], row[1]): row[2:] for row in changed.rows}
    assert rows["Fitness", "rungs"] == ("1 2", "(nothing)")
    assert rows["Network", "channels"] == ("4", "16")
    assert ("NEAT", "pop_size", "6") in without.rows
    assert not {("Data", "root"), ("Run", "out"), ("Fitness", "ema")} & rows.keys()


def test_a_run_is_read_while_it_is_written_and_where_nobody_may_write(run: Path) -> None:
    before = sorted(path.name for path in run.iterdir())
    with RunStore.resume(run):
        assert report(run).curve
    with read_only(run):
        assert report(run).curve
    assert sorted(path.name for path in run.iterdir()) == before


def test_the_page_of_a_search_by_gradient_descent_goes_through_its_epochs(tmp_path: Path) -> None:
    history = darts_run(tmp_path / "descent")
    made = read_darts_run(tmp_path / "descent")
    (frames,) = [b for section in made.page.sections for b in section.blocks if isinstance(b, Frames)]
    assert list(frames.cells) == [epoch.cell_digest for epoch in history]
    assert len(frames.charts) == 2  # one for each aggregation
    rows = frames.charts[1].spec["data"]["values"]
    assert {row["f"] for row in rows} == set(range(1, EPOCHS + 1))
    assert sum(row["w"] for row in rows if row["f"] == 1) == pytest.approx(len(history[0].probabilities[1]), abs=0.01)
    content = PageContent(page_html(made.page))
    assert content.cells.keys() == set(frames.cells)
    assert "This search has not come to its end" in content.text


# --- an asynchronous search, and one of skeletons --------------------------------------------------------------------


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("is_told", [True, False], ids=["whole", "stopped before the last was told"])
def test_an_asynchronous_search_is_told_in_the_order_in_which_its_evaluations_ended(
    is_told: bool, tmp_path: Path
) -> None:
    asked = replace(strategy_experiment(PLAIN, 1), search=SearchSettings("random", 12, asynchronous=True))
    workers = SimulatedWorkers(3, uneven)
    with pytest.MonkeyPatch.context() as patch, suppress(StoppedError):
        if not is_told:
            stop_at(patch, 32, committed=True)  # at the record of the eleventh: three writes each, and one before
        search_with(workers, tmp_path, asked)
    best, curve = 0.0, []
    for number, key in enumerate(workers.done, start=1):
        accuracy = int(key[:6], 16) / 16**6  # as the workers find it
        if accuracy > best:
            best = accuracy
            curve.append((96 * number, best))
    with RunStore.read(tmp_path) as store:
        in_turn = sorted(store.candidates(), key=lambda record: record.candidate)
        assert len(store.evaluations()) == len(workers.done) == len(store.candidates()) + (not is_told)
    assert [record.key for record in in_turn] != workers.done[: len(in_turn)]  # or the order says nothing
    made = report(tmp_path)
    assert [(point.samples, point.accuracy) for point in made.curve[:-1]] == curve
    assert "Best so far counts the evaluations in the order in which they ended" in made.page.notice


@pytest.fixture(scope="module")
def run_of_skeletons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "skeletons"
    space = replace(SPACE, channels_options=(2, 4), reductions_options=(0, 1), stage_cells_options=(1, 2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("neat_deep.reports.recorder.try_picture", lambda drawing, path: None)
        search_with(SimulatedWorkers(1, uneven), folder, strategy_experiment(PLAIN, 2, space=space))
    return folder


def test_a_search_of_skeletons_tells_them_beside_their_cells(run_of_skeletons: Path) -> None:
    made = report(run_of_skeletons)
    content = PageContent(page_html(made.page))
    with RunStore.read(run_of_skeletons) as store:
        skeletons = {row.digest: store.architecture(row.digest).skeleton for row in store.candidates()}
        best = skeletons[store.best()[-1].digest]
    assert len(set(skeletons.values())) > 2
    shown = [row for layer in charts_of(made, "Accuracy over the steps")[0].spec["layer"]
             for row in layer["data"]["values"] if "cell" in row]  # fmt: skip
    assert {row["cell"] for row in shown} <= skeletons.keys()
    for digest, skeleton in skeletons.items():
        facts = content.facts[digest]
        assert facts["channels after the stem"] == str(skeleton.channels)
        assert facts["reductions"] == str(len(skeleton.reduce_after))
        assert facts["cells of each stage"] == ", ".join(map(str, skeleton.stages))
    assert f"skeleton {best.channels} channels {' + '.join(map(str, best.stages))} cell" in content.text
    assert made.skeleton.startswith(f"{best.channels} channels, {best.stages[0]}")


def test_a_search_of_cells_tells_its_one_skeleton_once(run: Path) -> None:
    made = report(run)
    assert not made.page.facts and not made.skeleton
    assert "skeleton" not in [figure.label for figure in made.page.figures]


# --- several runs ----------------------------------------------------------------------------------------------------


def test_a_comparison_has_the_mean_over_seeds(run: Path, random_runs: list[Path]) -> None:
    reports = [report(folder) for folder in (run, *random_runs)]
    page = compare_runs(reports)
    content = PageContent(page_html(page))
    assert "2 searches compared" in content.text
    section = next(section for section in page.sections if section.title == "Best so far")
    for chart in section.blocks:
        assert isinstance(chart, Chart)
        band, single, mean, _ = (layer["data"]["values"] for layer in chart.spec["layer"])
        assert {row["run"] for row in single} == {"first", "random-1", "random-2"}
        assert band == mean
        curve = [row for row in mean if row["search"] == "random"]
        assert all(row["low"] <= row["mean"] <= row["high"] for row in curve)
        assert [row["mean"] for row in curve] == sorted(row["mean"] for row in curve)
        field = chart.spec["layer"][0]["encoding"]["x"]["field"]
        shorter, longer = (one.curve for one in reports[1:])
        end = getattr(shorter[-1], field)  # from there on there is one run, and no mean
        known = [max(point.accuracy for point in one if getattr(point, field) <= end) for one in (shorter, longer)]
        assert curve[-1][field] == pytest.approx(end, abs=1e-3)
        assert (curve[-1]["low"], curve[-1]["high"]) == pytest.approx((min(known), max(known)), abs=1e-5)


def test_runs_that_differ_by_more_than_their_seed_are_kinds_of_their_own(
    random_runs: list[Path], tmp_path: Path
) -> None:
    stored_run(tmp_path / "wider", strategy_experiment(ALL_ON, generations=2, seed=3))
    page = compare_runs([report(folder) for folder in (*random_runs, tmp_path / "wider")])
    assert page.subtitle.startswith("random (random-1), random (wider) on ")


def test_a_search_without_scored_networks_stands_in_the_table_alone(random_runs: list[Path], tmp_path: Path) -> None:
    darts_run(tmp_path / "descent")
    own = read_darts_run(tmp_path / "descent")
    others = [RunReport(**{**vars(report(folder)), "data": dict(own.data)}) for folder in random_runs]
    text = PageContent(page_html(compare_runs([own, *others]))).text
    assert "Without a curve, since they score no networks one by one: darts." in text


def test_a_curve_never_falls(run: Path) -> None:
    curve = load_stored_run(run).curve
    for earlier, later in pairwise(curve):
        assert isinstance(earlier, CurvePoint)
        assert earlier.samples <= later.samples
        assert earlier.minutes <= later.minutes
        assert earlier.accuracy <= later.accuracy


# --- what cannot be shown --------------------------------------------------------------------------------------------


def test_a_run_without_a_score_has_nothing_to_show(tmp_path: Path, run: Path) -> None:
    with RunStore.read(run) as store:
        meta = store.meta()
    RunStore.create(tmp_path / "begun" / "run.sqlite", meta).close()
    with pytest.raises(StoreError, match="begun: nothing to show: no network of this run is scored yet"):
        report(tmp_path / "begun")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda text: "[]", "nothing to show: no epoch of this search is done yet"),
        (lambda text: "[{}]", "history.json: not the history of a search"),
        (lambda text: text.replace('"probabilities": [[[', '"probabilities": [[[0.5, '), "epoch 1: "),
    ],
)
def test_a_history_that_is_none_is_refused(tmp_path: Path, spoil: object, message: str) -> None:
    darts_run(tmp_path / "descent")
    path = tmp_path / "descent" / "history.json"
    path.write_text(spoil(path.read_text()))  # type: ignore[operator]
    with pytest.raises(SearchError, match=message):
        read_darts_run(tmp_path / "descent")


def test_a_page_that_cannot_be_written_leaves_nothing(run: Path, tmp_path: Path) -> None:
    made = report(run)
    with read_only(tmp_path), pytest.raises(OutputError, match="cannot write"):
        write_page(made.page, tmp_path / "report.html")
    assert not list(tmp_path.iterdir())


def test_every_colour_of_a_picture_has_its_dark_one() -> None:
    """Or a dark page shows light text in a light box."""
    families = [colour for pair in labels.FAMILY_COLOURS.values() for colour in pair]
    assert {*families, *labels.CUSTOM_COLOURS, *labels.MOTIF_COLOURS} <= set(DARK)
    for motif in labels.MOTIF_COLOURS:  # whose name in the box is of the paper's colour
        assert _contrast(DARK[motif], DARK[labels.PAPER]) > 4.5  # WCAG 2.1, AA
        assert _contrast(motif, labels.PAPER) > 4.5


def _contrast(one: str, other: str) -> float:
    """The ratio of two colours' luminances (WCAG 2.1)."""

    def luminance(colour: str) -> float:
        shares = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def test_finalists_and_the_winner_among_them(tmp_path: Path) -> None:
    asked = replace(PLAIN, finalists=3, finalist_epochs=2, finalist_seeds=2)
    result = search_by_strategy(tmp_path, strategy_experiment(asked, generations=2))
    made = report(tmp_path)
    (section,) = [section for section in made.page.sections if section.title == "Finalists"]
    (table,) = section.blocks
    assert isinstance(table, Table)
    assert [row[0] for row in table.rows] == [str(one.rank) for one in result.finalists]
    assert [row[3] for row in table.rows] == [f"{100 * (one.accuracy or 0):.2f}%" for one in result.finalists]
    assert "for 2 epochs with 2 seeds each" in section.lead
    assert result.best.architecture is not None
    assert made.best == result.best.architecture.cell
    assert "Finalists" in page_html(made.page)
