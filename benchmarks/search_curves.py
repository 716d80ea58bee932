"""The best accuracy so far against training samples: curves of searches, their table and their picture."""

from __future__ import annotations

import hashlib
import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter
from rich.table import Table

from neat_deep.base.errors import ConfigError
from neat_deep.base.files import append_text, read_text
from neat_deep.reports.pictures.plots import save_figure, style_axes

MOST_FAINT = 7
OFF = "off"  # the contender that the others are held against, where it is one of them
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))  # colours alone are lost on some readers and printers


@dataclass(frozen=True)
class Curve:
    """The samples by the end of each generation, evaluation or search by descent, and the best accuracy by then."""

    contender: str
    seed: int
    samples: tuple[int, ...]
    best: tuple[float, ...]

    def last(self, budget: int) -> int:
        """The number, from 0, of the point at which the budget ran out, or of the last if it never did."""
        return next((i for i, samples in enumerate(self.samples) if samples >= budget), len(self.samples) - 1)

    def by(self, budget: int) -> float:
        """The best accuracy by the end of what the budget ran out in."""
        return self.best[self.last(budget)]

    def needed_for(self, accuracy: float) -> int | None:
        """The samples after which the best was as good, None if it never was."""
        return next((s for s, b in zip(self.samples, self.best, strict=True) if b >= accuracy), None)


class KeptCurves:
    """The curves of searches that ended, a line of JSON each in a file, for those who ask with the same `facts`.

    Without a file nothing is kept. Raises `ConfigError` for a file that holds anything else.
    """

    def __init__(self, path: Path | None, facts: Mapping[str, Any]) -> None:
        self._path = path
        self._facts = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def find(self, contender: str, seed: int) -> list[Curve] | None:
        """The curves of one contender and seed, None if they are not kept."""
        if self._path is None or not self._path.is_file():
            return None
        for number, line in enumerate(read_text(self._path, "the kept curves", ConfigError).splitlines(), 1):
            try:
                kept = json.loads(line)
                if (kept["facts"], kept["contender"], kept["seed"]) == (self._facts, contender, seed):
                    return [
                        Curve(row["contender"], row["seed"], tuple(row["samples"]), tuple(row["best"]))
                        for row in kept["curves"]
                    ]
            except (LookupError, TypeError, ValueError):
                raise ConfigError(f"--keep: {self._path}:{number}: not a kept curve") from None
        return None

    def add(self, contender: str, seed: int, curves: Sequence[Curve]) -> None:
        """Keep the curves of one contender and seed."""
        if self._path is not None:
            rows = [asdict(curve) for curve in curves]
            line = {"facts": self._facts, "contender": contender, "seed": seed, "curves": rows}
            append_text(self._path, json.dumps(line) + "\n")


def summarise(curves: Sequence[Curve], budget: int) -> dict[str, dict[str, Any]]:
    """For each contender the best accuracies by the budget, and the share of `off`'s samples that reached its best."""
    reference = {curve.seed: curve for curve in curves if curve.contender == OFF}
    figures: dict[str, dict[str, Any]] = {}
    for name in _names(curves):
        rows = [curve for curve in curves if curve.contender == name]
        shares: list[float | None] = []
        for curve in rows if reference else []:
            off = reference[curve.seed]
            goal = off.by(budget)
            needed, full = curve.needed_for(goal), off.needed_for(goal)
            assert full is not None
            shares.append(None if needed is None else needed / full)
        figures[name] = {"best": [curve.by(budget) for curve in rows], "share_of_samples": shares}
    return figures


def draw(curves: Sequence[Curve], budget: int, path: Path) -> None:
    """Best so far against samples: the mean over the seeds a strong line, every search a faint one; a PNG file.

    Of more than `MOST_FAINT` contenders the means stand alone, since so many lines hide each other.

    A search of one point that lies below the axis stands at its foot as a triangle, with its figure.
    """
    figure = Figure(figsize=(9, 5), dpi=144, layout="constrained", facecolor="white")
    axes = figure.subplots()
    # To the end of the last point at which a budget ran out, since that is what the table counts.
    end = max(budget, *(curve.samples[curve.last(budget)] for curve in curves))
    grid = [end * step / 200 for step in range(1, 201)]
    axes.axvline(budget, color="#9CA3AF", linewidth=0.8)
    axes.text(budget, 1, "budget ", transform=axes.get_xaxis_transform(), ha="right", va="top", color="#6B7280")
    by_name = {name: [curve for curve in curves if curve.contender == name] for name in _names(curves)}
    for number, (name, rows) in enumerate(by_name.items()):
        if _is_points(rows):
            continue
        style: dict[str, Any] = {"color": f"C{number}", "linestyle": LINES[number % len(LINES)]}
        heights = [[100 * _known_at(curve, samples) for samples in grid] for curve in rows]
        for line in heights if len(by_name) <= MOST_FAINT else []:
            axes.plot(grid, line, **style, alpha=0.25, linewidth=0.8, drawstyle="steps-post")
        means = [statistics.fmean(values) for values in zip(*heights, strict=True)]
        axes.plot(grid, means, **style, linewidth=2.2, drawstyle="steps-post", label=name)
    axes.set_ylim(*_room(curves, budget))
    low, high = axes.get_ylim()
    for number, (name, rows) in enumerate(by_name.items()):
        if not _is_points(rows):
            continue
        for curve in rows:
            samples, best = curve.samples[0], 100 * curve.best[0]
            inside = best >= low
            height = best if inside else low + 0.03 * (high - low)
            axes.plot(samples, height, "D" if inside else "v", color=f"C{number}", label=name, clip_on=False)
            name = "_nolegend_"
        below = sorted(100 * curve.best[0] for curve in rows if 100 * curve.best[0] < low)
        if below:
            text = ", ".join(f"{best:.1f}" for best in below) + "%"
            place = (max(curve.samples[0] for curve in rows), low + 0.03 * (high - low))
            axes.annotate(text, place, (8, 0), textcoords="offset points", color=f"C{number}", va="center")
    axes.set_xlabel("training samples")
    axes.set_ylabel("best validation accuracy so far (%)")
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    figure.legend(loc="outside right upper", frameon=False)
    style_axes(axes)
    save_figure(figure, path)


def _is_points(rows: Sequence[Curve]) -> bool:
    return all(len(curve.samples) == 1 for curve in rows)


def _room(curves: Sequence[Curve], budget: int) -> tuple[float, float]:
    """The axis: from where most searches were after a tenth of the budget, and each contender halfway, to the best.

    The few that began far below come in from the foot: shown whole they would press all others into one line.
    """
    lines = [curve for curve in curves if len(curve.samples) > 1] or curves
    early = sorted(100 * curve.by(budget // 10) for curve in lines)
    halfway = [
        100 * statistics.fmean(curve.by(budget // 2) for curve in lines if curve.contender == name)
        for name in _names(lines)
    ]
    low, high = min(early[len(early) // 5], *halfway), max(100 * curve.by(budget) for curve in curves)
    return low - 0.15 * (high - low) - 0.05, high + 0.05 * (high - low) + 0.05


def _names(curves: Sequence[Curve]) -> list[str]:
    return list(dict.fromkeys(curve.contender for curve in curves))


def _known_at(curve: Curve, samples: float) -> float:
    """The best of what had ended by then; not a number before the first."""
    return next(
        (b for s, b in zip(reversed(curve.samples), reversed(curve.best), strict=True) if s <= samples), float("nan")
    )


def tabulate(figures: Mapping[str, Mapping[str, Any]], budget: int, seeds: int) -> Table:
    """The best accuracies of each contender; where there is `off`, the samples to reach its best."""
    table = Table(title=f"best validation accuracy after {budget:,} training samples, {seeds} seeds")
    table.add_column("search")
    against = ["samples to reach the best of 'off'"] if OFF in figures else []
    for heading in ("mean", "lowest", "highest", *against):
        table.add_column(heading, justify="right")
    for name, row in figures.items():
        best, shares = row["best"], row["share_of_samples"]
        reached = [share for share in shares if share is not None]
        median = (
            f"{100 * statistics.median(reached):.0f}% ({len(reached)} of {len(shares)} seeds)" if reached else "never"
        )
        accuracies = [f"{100 * f(best):.2f}%" for f in (statistics.fmean, min, max)]
        table.add_row(name, *accuracies, *([median] if against else []))
    return table
