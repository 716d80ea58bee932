"""The table of the published experiment, from made results."""

from __future__ import annotations

import json

from neat_deep.cli.published.folder import Result
from neat_deep.cli.published.plan import make_plan
from neat_deep.cli.published.rows import Row, gather_rows
from neat_deep.cli.published.scales import get_scale
from neat_deep.cli.published.table import About, table_json, table_markdown
from tests.support.published_steps import made_result

SCALE = get_scale("full")
PLAN = make_plan(SCALE, seed=1, trainings=3, transfers=1)


def about(done: int = len(PLAN)) -> About:
    cuts = (("mnist.ini", "mnist_neat.ini", ("Run.generations = 2",)), ("sst2.ini", "sst2_neat.ini", ()))
    return About(
        "full", "MNIST and more", 1, len(PLAN), done, 12.5, "2 cores", "torch 2", "2026-01-02", cuts, ("chart.png",)
    )


def results(**changes: Result) -> dict[str, Result]:
    """All steps done; `changes` by the step's name, with lines for its hyphens."""
    found = {step.name: made_result(step) for step in PLAN}
    return found | {name.replace("_", "-"): result for name, result in changes.items()}


def row(rows: list[Row], data: str, source: str) -> Row:
    (found,) = [row for row in rows if (row.data, row.source) == (data, source)]
    return found


def line(page: str, start: str) -> list[str]:
    """The cells of the first line of a table that starts so."""
    found = next(line for line in page.splitlines() if line.startswith(start))
    return [cell.strip() for cell in found.split("|")[1:-1]]


def test_the_table_has_the_published_rows_and_columns() -> None:
    page = table_markdown(about(), gather_rows(SCALE, PLAN, results()))
    assert line(page, "|  |") == ["", "MNIST", "SST-2", "CIFAR-10", "IMDb"]
    both = ["**91.00**", "**91.00**"]  # carried over with one seed
    assert line(page, "| by hand") == ["by hand", "92.00 ± 1.00 (98.94)", "92.00 ± 1.00 (78.17)", *both]
    assert line(page, "| NEAT |") == ["NEAT", "92.00 ± 1.00 (99.14)", "92.00 ± 1.00 (75.57)", *both]
    assert line(page, "| DARTS") == ["DARTS", "92.00 ± 1.00 (99.13)", "92.00 ± 1.00 (78.86)", *both]
    assert line(page, "| random") == ["random search", "92.00 ± 1.00", "92.00 ± 1.00", *both]
    assert line(page, "| NEAT, vote") == ["NEAT, vote of 5", "**97.00**", "**97.00**", "", ""]
    assert "Not finished" not in page
    assert "![test accuracies](chart.png)" in page
    assert "- `mnist.ini`: `mnist_neat.ini` with `Run.generations = 2`\n- `sst2.ini`: `sst2_neat.ini` as it is" in page


def test_sizes_costs_and_seeds_stand_there() -> None:
    page = table_markdown(about(), gather_rows(SCALE, PLAN, results()))
    assert line(page, "| MNIST | NEAT |") == [
        "MNIST", "NEAT", "91.00, 92.00, 93.00", "1,234", "5,678", "1", "2.0", "90.00", "1,000", "8", "8"
    ]  # fmt: skip
    assert line(page, "| CIFAR-10 | NEAT |")[-4:] == ["", "", "", ""]  # nothing was searched there


def test_an_unfinished_experiment_says_what_is_to_come() -> None:
    some = {name: result for name, result in results().items() if name != "training-mnist-neat-seed-2"}
    some = {name: result for name, result in some.items() if "imdb" not in name}
    page = table_markdown(about(len(some)), gather_rows(SCALE, PLAN, some))
    assert f"**Not finished: {len(some)} of {len(PLAN)} steps are done.**" in page
    assert line(page, "| NEAT |")[1:] == [
        "92.00 ± 1.41, 1 of 3 to come (99.14)", "92.00 ± 1.00 (75.57)", "**91.00**", "to come"
    ]  # fmt: skip
    assert not json.loads(table_json(about(len(some)), gather_rows(SCALE, PLAN, some)))["complete"]


def test_nothing_is_done_yet() -> None:
    page = table_markdown(about(0), gather_rows(SCALE, PLAN, {}))
    assert line(page, "| by hand")[1:] == ["to come (98.94)", "to come (78.17)", "to come", "to come"]


def test_a_training_that_failed_counts_in_no_mean_and_is_told() -> None:
    rows = gather_rows(
        SCALE, PLAN, results(training_mnist_hand_seed_1={"failed": "the loss became nan", "seconds": 1.0})
    )
    page = table_markdown(about(), rows)
    assert line(page, "| by hand")[1] == "92.50 ± 0.71, 1 of 3 failed (98.94)"
    assert "- MNIST, by hand, seed 1: the loss became nan" in page


def test_fewer_voters_than_asked_are_counted() -> None:
    vote = {"test_accuracy": 0.9, "member_accuracies": [0.8, 0.9], "parameters": 3, "macs": 4, "seconds": 1.0}
    missing: Result = {"missing": "the search trained 2 different networks in full"}
    found = results(vote_mnist=vote, **{f"training_mnist_neat_{place}_seed_1": missing for place in (3, 4, 5)})
    assert row(gather_rows(SCALE, PLAN, found), "mnist", "vote").label == "NEAT, vote of 2"


def test_programs_read_shares_and_spreads() -> None:
    rows = json.loads(table_json(about(), gather_rows(SCALE, PLAN, results())))
    assert rows["complete"] and rows["format"] == "neat-deep published table"
    (found,) = [row for row in rows["rows"] if (row["data"], row["source"]) == ("mnist", "neat")]
    assert found["accuracies"] == [0.91, 0.92, 0.93] and found["seeds"] == [1, 2, 3] and found["published"] == 0.9914
    assert abs(found["standard_deviation"] - 0.01) < 1e-9 and abs(found["mean"] - 0.92) < 1e-9
