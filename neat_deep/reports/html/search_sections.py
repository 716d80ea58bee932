"""The sections of a page about a search that scores networks one by one."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from neat_deep.reports.html import charts
from neat_deep.reports.html.content import Chart, Drawing, Section, Shares, Table
from neat_deep.reports.html.numbers import counted, duration, percent
from neat_deep.reports.html.stored_run import StoredRun
from neat_deep.reports.lineage import FamilyTree, draw_family_tree, family_tree
from neat_deep.scoring.scores import REUSED, SCORED, UNSCORED
from neat_deep.store.records import CandidateRecord

MOST_ANCESTORS = 40  # more are no picture any more: the fitter parent's line alone is drawn then
MOST_OF_LINE = 15  # of that line's youngest
MOST_POINTS = 2_000  # of a chart: each takes some 150 bytes of the page
MOST_SPECIES = 7  # with a colour of their own
MOST_REASONS = 12
SPREAD = 0.28  # of a generation's points to either side, in generations

PRICES = (("parameters", "parameters in the search", "~s"), ("seconds", "seconds of training", "~r"))  # r: 10, not 1e+1
OUTCOMES = ("scored", "reused", "failed", "not scored")
OUTCOME_COLOURS = (charts.SERIES[0], charts.FAINT, charts.SERIES[1], charts.SERIES[4])

TOOLTIP_FIELDS = (
    ("accuracy", "accuracy", ".2%"),
    ("parameters", "parameters", ",d"),
    ("seconds", "training (s)", ".2f"),
    ("generation", "generation", "d"),
    ("status", "status", ""),
)


def progress_section(run: StoredRun) -> Section:
    """Accuracy over the generations: every network, the median, the best so far."""
    rows = [network_row(row) for row in run.candidates if row.objective is not None]
    last = max(row.generation for row in run.generations) + 1
    lines: list[dict[str, Any]] = []
    best = 0.0
    for number in range(1, last + 1):
        accuracies = [row["accuracy"] for row in rows if row["generation"] == number]
        best = max([best, *accuracies])
        if best:
            lines.append(
                {"generation": number, "best": best, "median": statistics.median(accuracies) if accuracies else None}
            )
    across = charts.generation_axis(last, run.step)
    tooltip = charts.tooltip(*TOOLTIP_FIELDS)
    keys = ("best so far", "median of the " + run.step, "one network")
    scale = {"domain": list(keys), "range": [charts.INK, charts.SERIES[1], charts.SERIES[0]]}

    def key(number: int) -> dict[str, Any]:
        return {"datum": keys[number], "type": "nominal", "scale": scale, "title": None, "sort": list(keys)}

    spec = charts.layers(
        charts.marks(
            lines,
            {"type": "line", "interpolate": "step-after", "strokeWidth": 2.5},
            x=across,
            y={**charts.accuracy_axis("accuracy", rows), "field": "best"},
            color=key(0),
        ),
        charts.marks(
            [row for row in lines if row["median"] is not None],
            {"type": "line", "strokeDash": [5, 3], "point": {"size": 30, "filled": True}},
            x=across,
            y={"field": "median", "type": "quantitative"},
            color=key(1),
            tooltip=charts.tooltip(("generation", run.step, "d"), ("median", "median", ".2%")),
        ),
        charts.marks(
            _thinned(rows),
            {"type": "circle", "size": 55, "opacity": 0.55},
            x={**across, "field": "place"},
            y=charts.accuracy_axis("accuracy", rows),
            color=key(2),
            tooltip=tooltip,
        ),
    )
    caption = f"Validation accuracy of {counted(len(rows), 'network')} by {run.step}; the best reached {percent(best)}."
    lead = (
        "Each point is a network: point at it to see its cell. Weaker ones than the axis shows lie on its lower edge."
    )
    return Section(f"Accuracy over the {run.step}s", (Chart(spec, caption, height=320),), lead)


def networks_section(run: StoredRun) -> Section:
    """Every network that was trained to the last rung, against its size and the time of its training."""
    rows = _trained_rows(run)
    blocks: list[Chart] = []
    for field, title, form in PRICES:
        shown = [row for row in rows if row[field] > 0]
        if not shown:
            continue
        front = _front(shown, field)
        on_front = {row["cell"] for row in front}
        others = _thinned([row for row in shown if row["cell"] not in on_front])
        shown = [
            *({**row, "front": "other networks"} for row in others),
            *({**row, "front": "Pareto front"} for row in front),
        ]
        x, y = charts.size_axis(field, title, shown, form), charts.accuracy_axis("accuracy", shown)
        spec = charts.layers(
            charts.marks(
                front,
                {"type": "line", "interpolate": "step-after", "color": charts.SERIES[1], "strokeWidth": 1.5},
                x=x,
                y=y,
            ),
            charts.marks(
                shown,
                {"type": "point", "filled": True, "opacity": 0.9},
                x=x,
                y=y,
                color=charts.colours("front", ("other networks", "Pareto front")),
                shape={
                    "field": "front",
                    "type": "nominal",
                    "scale": {"domain": ["other networks", "Pareto front"], "range": ["circle", "diamond"]},
                    "title": None,
                },
                size={"condition": {"test": "datum.front === 'Pareto front'", "value": 110}, "value": 50},
                tooltip=charts.tooltip(*TOOLTIP_FIELDS[:4]),
            ),
        )
        caption = f"Validation accuracy against {title}; {counted(len(front), 'network')} on the Pareto front."
        blocks.append(Chart(spec, caption, half=True))
    lead = (
        f"{counted(len(rows), 'different network')} trained in full. None is both better and cheaper than those on the "
        "Pareto front. Point at one to see its cell."
    )
    return Section("Every network", tuple(blocks), lead)


def family_section(run: StoredRun) -> Section | None:
    """The winner's ancestors; None where the strategy knows no parents."""
    if run.winner is None:
        return None
    tree = family_tree(run.candidates, run.winner.candidate)
    if len(tree.candidates) < 2:
        return None
    ancestors = counted(len(tree.candidates) - 1, "ancestor")
    lead = f"{ancestors} of network {run.winner.candidate}. Point at one to see its cell."
    if len(tree.candidates) > MOST_ANCESTORS + 1:
        tree = _first_line(tree, run.winner.candidate)
        lead += f" Only the last {len(tree.candidates) - 1} in the line of the fitter parents are drawn."
    cells = {str(row.candidate): row.digest for row in tree.candidates if row.digest}
    caption = "Where the best network comes from: the arrows lead from parents to children."
    return Section("Family tree of the winner", (Drawing(draw_family_tree(tree).source, caption, cells),), lead)


def species_section(run: StoredRun) -> Section | None:
    """How many genomes each species had, generation by generation; None for a search without species."""
    if not run.species:
        return None
    totals = Counter({row.species: 0 for row in run.species})
    for row in run.species:
        totals[row.species] += len(row.members)
    large = sorted(number for number, _ in totals.most_common(MOST_SPECIES))
    rest = "other species"
    names = [f"species {number}" for number in large] + ([rest] if len(totals) > len(large) else [])
    rows: Counter[tuple[int, str]] = Counter()
    for row in run.species:
        name = f"species {row.species}" if row.species in large else rest
        rows[row.generation + 1, name] += len(row.members)
    bars = [
        {"generation": generation, "species": name, "count": count, "order": names.index(name)}
        for (generation, name), count in sorted(rows.items())
    ]
    last = max(row.generation for row in run.species) + 1
    chart = charts.stacked_bars(
        bars,
        last=last,
        x_title="generation",
        y_title="genomes",
        kind="species",
        names=names,
        caption=f"Genomes of each species by generation; {len(totals)} species in all.",
    )
    return Section("Species over time", (chart,), "Genomes compete within their species, so that new ideas have time.")


def finalists_section(run: StoredRun) -> Section | None:
    """The best networks of the search, trained again; None where none were."""
    if not run.finalists:
        return None
    rows = tuple(
        (
            str(one.rank),
            one.record.digest[:8],
            percent(one.record.accuracy or 0.0),
            one.outcome,
            "" if one.parameters is None else f"{one.parameters:,}",
        )
        for one in run.finalists
    )
    fitness = run.experiment.fitness
    epochs = counted(fitness.finalist_training(run.experiment.training).epochs, "epoch")
    head = "in the search", "network", "validation there", "trained again", "parameters"
    return Section(
        "Finalists",
        (Table(head, rows, numbers=frozenset({0, 2, 3, 4})),),
        "The best of many noisy scores is the luckiest one, so the best networks were trained again, for"
        f" {epochs} with {counted(fitness.finalist_seeds, 'seed')} each. The first in this table is the winner.",
    )


def outcome_section(run: StoredRun) -> Section:
    """What became of the candidates, and why some failed."""
    counts = Counter((row.generation + 1, _outcome(row)) for row in run.candidates)
    names = [name for name in OUTCOMES if any(kind == name for _, kind in counts)]
    bars = [
        {"generation": generation, "outcome": kind, "count": count, "order": OUTCOMES.index(kind)}
        for (generation, kind), count in sorted(counts.items())
    ]
    chart = charts.stacked_bars(
        bars,
        last=max(row.generation for row in run.generations) + 1,
        x_title=run.step,
        y_title="networks",
        kind="outcome",
        names=names,
        palette=[OUTCOME_COLOURS[OUTCOMES.index(name)] for name in names],
        caption=f"Networks by {run.step}: scored by a training, reused from an equal one, failed.",
    )
    failed = [row for row in run.candidates if _outcome(row) == "failed"]
    lead = f"{len(failed):,} of {counted(len(run.candidates), 'candidate')} failed."
    unscored = sum(_outcome(row) == "not scored" for row in run.candidates)
    if unscored:
        lead += f" {unscored:,} were not scored: the budget of the search ended first."
    if run.screened_out:
        lead += f" {run.screened_out:,} more were proposed and screened out before any training."
    if not failed:
        return Section("What failed and why", (chart,), lead)
    reasons = Counter((row.status, _general(row)) for row in failed)
    lines = [(f"{count:,}", status, reason) for (status, reason), count in reasons.most_common(MOST_REASONS)]
    left_out = len(failed) - sum(count for _, count in reasons.most_common(MOST_REASONS))
    if left_out:
        lines.append((f"{left_out:,}", "", "other reasons, which `neat-deep report` lists"))
    table = Table(("networks", "status", "reason"), tuple(lines), numbers=frozenset({0}))
    return Section("What failed and why", (chart, table), lead)


def cost_section(run: StoredRun) -> Section:
    """Time by part of the run, and the training examples that were seen and spared."""
    search, training = run.seconds["search"], run.seconds["training"]
    times = Shares("Time", (("search", search, duration(search)), ("final training", training, duration(training))))
    seen, reuse, rungs = run.saved
    total = max(1, seen + reuse + rungs)

    def part(name: str, amount: int) -> tuple[str, float, str]:
        return name, amount, f"{amount:,} ({100 * amount / total:.0f}%)"

    examples = Shares(
        "Training examples of the search",
        (part("seen", seen), part("spared by reuse of scores", reuse), part("spared by early stopping", rungs)),
    )
    lead = "What is spared is counted against training every connected network from scratch, for all epochs."
    return Section("Time spent and saved", (times, examples), lead)


def network_row(row: CandidateRecord) -> dict[str, Any]:
    """A candidate for a chart. `place` sets the points of a generation apart."""
    return {
        "generation": row.generation + 1,
        "place": round(row.generation + 1 + SPREAD * (row.position * 7 % 11 / 5 - 1), 3),
        "accuracy": round(row.accuracy or 0.0, 5),
        "parameters": row.parameters,
        "seconds": round(row.seconds, 3),
        "status": row.status,
        "cell": row.digest,
    }


def _thinned(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """At most `MOST_POINTS` of the rows, spread evenly."""
    step = -(-len(rows) // MOST_POINTS)
    return list(rows[::step]) if rows else []


def _trained_rows(run: StoredRun) -> list[dict[str, Any]]:
    """The different networks that came to the last rung, each where it was trained."""
    records: dict[str, CandidateRecord] = {}
    for row in run.candidates:
        if row.objective is None or row.rung < run.top_rung:
            continue
        previous = records.get(row.key)
        if previous is None or (row.seconds > 0 and previous.seconds == 0):
            records[row.key] = row
    return [network_row(row) for row in records.values()]


def _front(rows: Sequence[dict[str, Any]], field: str) -> list[dict[str, Any]]:
    """Those that no other beats at their price or less; of equals the first."""
    front: list[dict[str, Any]] = []
    for row in sorted(rows, key=lambda row: (row[field], -row["accuracy"])):
        if not front or row["accuracy"] > front[-1]["accuracy"]:
            front.append(row)
    return front


def _first_line(tree: FamilyTree, child: int) -> FamilyTree:
    """The fitter parent, its fitter parent, and so on; the youngest `MOST_OF_LINE` of them."""
    known = {row.candidate: row for row in tree.candidates}
    line = [child]
    while len(line) <= MOST_OF_LINE:
        parents = [parent for parent in known[line[-1]].parents if parent in known]
        if not parents:
            break
        line.append(parents[0])
    edges = tuple((parent, own) for own, parent in pairwise(line))
    return FamilyTree(tuple(known[key] for key in reversed(line)), edges)


def _outcome(row: CandidateRecord) -> str:
    if row.status in (SCORED, REUSED):
        return row.status
    return "not scored" if row.status == UNSCORED else "failed"


def _general(row: CandidateRecord) -> str:
    """A reason without what differs from network to network."""
    text = row.reason.replace(f"genome {row.candidate}: ", "")
    head, got, tail = text.partition("got ")
    value, comma, rest = tail.partition(", allowed:")
    return f"{head}allowed:{rest}" if got and comma and value.replace(",", "").isdigit() else text
