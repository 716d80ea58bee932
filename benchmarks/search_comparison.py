"""What a search finds for how many training samples: parts of the search switched on, or ways of choosing parents.

    python benchmarks/search_comparison.py parts   [--config configs/mnist_neat.ini] [--budget N] [--seeds 3] [--json]
    python benchmarks/search_comparison.py schemes [--config configs/digits_neat.ini] [--budget N] [--seeds 3] [--json]

`parts` compares, all else as in the INI file: `off` (every genome is trained from scratch for all epochs), `cache`
(scores of networks known already are reused), `rungs` (cache, and only the better half of a generation is trained
beyond `--rungs` epochs), `inheritance` (cache, and children start from their parents' weights), and `all`. `off` and
`cache` are the same search, counted with and without what reuse saves: the same network with the same seed has the same
score. Beside the best validation accuracy stands how many samples each needed to reach the best of `off`.

`schemes` compares ways to choose parents, with the cache alone: truncation (neat-python's own, within species),
fitness-proportional, rank and tournament selection, random search; and gradient descent, whose searches with
`--darts-config` count their samples, of weights and of alphas alike, and whose derived cells are then trained and
scored as genomes are. `darts` is one search of as many epochs as the budget lasts for; `darts restarts` is searches of
the file's epochs, each with another seed, until the budget is spent, of which the best counts (arXiv 1806.09055, 3.2).

A search ends at the evaluation with which its samples reach the budget; what counts is the best network that was
trained for all epochs by then. Figures are of the validation part: no test set is read. `--set` changes the INI files,
the one for DARTS in [Darts]: `--set Fitness.train_subset=2000 Fitness.channels=8 Darts.train_subset=2000`. `--picture
FILE` draws best so far against samples.
"""

from __future__ import annotations

import argparse
import configparser
import contextlib
import itertools
import json
import logging
import math
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter
from rich.console import Console
from rich.table import Table

from darts.bilevel import search
from darts.checks import check_search
from darts.settings import DartsSettings, load_darts_experiment
from neat_deep.base.devices import get_device, set_threads
from neat_deep.base.errors import ConfigError, SearchError
from neat_deep.base.files import read_text
from neat_deep.base.randomness import derive_seed
from neat_deep.cli.running import run_script
from neat_deep.config.experiment_file import Experiment, load_experiment
from neat_deep.data import Dataset, load_dataset
from neat_deep.reports.pictures.plots import save_figure, style_axes
from neat_deep.scoring.budget import Budget
from neat_deep.scoring.candidate import Candidate
from neat_deep.scoring.scorer import Scorer
from neat_deep.search.evolve import evolve
from neat_deep.store.file import FILE_NAME
from neat_deep.store.run_store import RunStore
from turns import at_least

CONFIGS = Path(__file__).resolve().parent.parent / "configs"
DEFAULT_CONFIGS = {"parts": CONFIGS / "mnist_neat.ini", "schemes": CONFIGS / "digits_neat.ini"}
log = logging.getLogger(__name__)
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))  # colours alone are lost on some readers and printers
OFF, CACHE, DARTS, RESTARTS = "off", "cache", "darts", "darts restarts"
MANY_GENERATIONS = 10_000  # the budget ends a search first

Sections = Mapping[str, Mapping[str, str]]
SCHEMES: Mapping[str, Sections] = {
    "truncation": {},
    "proportional": {"Run": {"reproduction": "ProportionalReproduction"}, "ProportionalReproduction": {"elitism": "2"}},
    "rank": {"Run": {"reproduction": "RankReproduction"}, "RankReproduction": {"elitism": "2"}},
    "tournament": {"Run": {"reproduction": "TournamentReproduction"}, "TournamentReproduction": {"elitism": "2"}},
    "random search": {"Run": {"reproduction": "RandomReproduction"}, "RandomReproduction": {"elitism": "0"}},
}


@dataclass(frozen=True)
class Curve:
    """The samples seen by the end of each generation, or of each search by descent, and the best accuracy by then."""

    contender: str
    seed: int
    samples: tuple[int, ...]
    best: tuple[float, ...]

    def last(self, budget: int) -> int:
        """The number, from 0, of the generation in which the budget ran out, or of the last if it never did."""
        return next((i for i, samples in enumerate(self.samples) if samples >= budget), len(self.samples) - 1)

    def by(self, budget: int) -> float:
        """The best accuracy by the end of the generation in which the budget ran out."""
        return self.best[self.last(budget)]

    def needed_for(self, accuracy: float) -> int | None:
        """The samples after which the best was as good, None if it never was."""
        return next((s for s, b in zip(self.samples, self.best, strict=True) if b >= accuracy), None)


def main(arguments: Sequence[str] | None) -> None:
    """Search, print the table, draw."""
    options = _parse(arguments)
    console = Console()
    curves: list[Curve] = []
    for seed in range(options.seed, options.seed + options.seeds):
        for contender in options.contenders:
            found = _curves(options, contender, seed)
            curves += found
            for curve in found:
                console.print(f"{curve.contender}, seed {seed}: {100 * curve.by(options.budget):.2f}%", highlight=False)
    figures = summarise(curves, options.budget)
    console.print(_table(figures, options))
    if options.picture is not None:
        draw(curves, options.budget, options.picture)
    if options.json:
        facts = {"budget": options.budget, "seeds": options.seeds, **_versions()}
        print(json.dumps({"rows": figures, "curves": [asdict(curve) for curve in curves], **facts}))


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


# --- one search ------------------------------------------------------------------------------------------------------


def parts(rungs: str) -> dict[str, Sections]:
    """What `parts` compares: changes of the INI file by contender; `off` is `cache`, counted otherwise."""
    stopped, inherited = {"rungs": rungs}, {"inherit": "True"}
    return {
        CACHE: {},
        "rungs": {"Fitness": stopped},
        "inheritance": {"Fitness": inherited},
        "all": {"Fitness": {**stopped, **inherited}},
    }


def _curves(options: argparse.Namespace, contender: str, seed: int) -> list[Curve]:
    """The searches of one contender: one, but for `cache`, which also tells what `off` would have cost."""
    if contender in (DARTS, RESTARTS):
        return [_darts(options, contender, seed)]
    changes = parts(options.rungs) if options.what == "parts" else SCHEMES
    experiment = _experiment(options, changes[contender], seed)
    dataset = load_dataset(experiment.data)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with (folder / "screen").open("w", encoding="utf-8") as screen:
            evolve(experiment, dataset, folder / "run", Console(file=screen), budget=Budget(samples=options.budget))
        with RunStore.read(folder / "run" / FILE_NAME) as store:
            generations, candidates = store.generations(), store.candidates()
    top = len(experiment.fitness.rungs)
    best = [
        max((c.accuracy or 0.0 for c in candidates if c.generation <= row.generation and c.rung == top), default=0.0)
        for row in generations
    ]
    found = [Curve(contender, seed, _cumulative([row.samples for row in generations]), tuple(best))]
    if contender == CACHE:
        uncached = _cumulative([row.samples + row.saved_by_reuse for row in generations])
        found.insert(0, replace(found[0], contender=OFF, samples=uncached))
    return found


def _cumulative(samples: Sequence[int]) -> tuple[int, ...]:
    return tuple(itertools.accumulate(samples))


def _darts(options: argparse.Namespace, contender: str, seed: int) -> Curve:
    """A point for each search: the samples of searching and of training the cell, the best accuracy by then.

    As with genomes a cell that cannot be trained is worth nothing; raises `SearchError` when none could be.
    """
    with _changed(options.darts_config, {"Darts": options.set.get("Darts", {})}) as file:
        settings = load_darts_experiment(file)
    experiment = _experiment(options, {}, seed)
    set_threads(experiment.run.threads)
    device = get_device(experiment.run.device)
    dataset = load_dataset(experiment.data)
    skeleton = replace(experiment.network, rank=dataset.spec.rank)
    scorer = Scorer(dataset, experiment.fitness, experiment.training, experiment.network, device=device, seed=seed)
    samples_of_a_cell = experiment.fitness.epochs * scorer.evaluate.train_examples
    darts, at_most = settings.darts, math.inf
    if contender == DARTS:
        check_search(darts, skeleton, dataset)
        darts, at_most = _filling(darts, dataset, options.budget - samples_of_a_cell), 1
    samples: list[int] = []
    accuracies: list[float] = []
    while len(samples) < at_most and sum(samples) < options.budget:
        number = len(samples)
        found = search(
            darts,
            skeleton,
            dataset,
            device=device,
            seed=derive_seed(seed, DARTS, f"search {number}") if number else seed,
            augmentation=settings.training.augmentation,
        )
        score = scorer.score([Candidate(number, found.architecture)])[0]
        if score.accuracy is None:
            log.warning("%s, seed %d: cell %d %s: %s", contender, seed, number + 1, score.status, score.reason)
        samples.append(found.history[-1].samples + scorer.cost.samples)
        accuracies.append(score.accuracy or 0.0)
    if not any(accuracies):
        raise SearchError(f"{contender}, seed {seed}: no derived cell could be scored; the last: {score.reason}")
    return Curve(contender, seed, _cumulative(samples), tuple(itertools.accumulate(accuracies, max)))


def _filling(settings: DartsSettings, dataset: Dataset, samples: int) -> DartsSettings:
    """The settings with as many epochs as about so many samples last for; raises `ConfigError` if they are too few."""
    images = min(settings.train_subset or len(dataset.train), len(dataset.train))
    for_weights = images - round(images * settings.alpha_share)  # in an epoch; as many train alphas, but for the first
    epochs = (samples // for_weights + settings.weight_epochs) // 2
    if epochs <= settings.weight_epochs:
        least = for_weights * (settings.weight_epochs + 2)
        raise ConfigError(
            f"--budget: got {samples:,} training samples for a search by gradient descent, after those for its cell; "
            f"allowed: {least:,} or more"
        )
    return replace(settings, epochs=epochs)


def _experiment(options: argparse.Namespace, changes: Sections, seed: int) -> Experiment:
    asked = {section: values for section, values in options.set.items() if section != "Darts"}
    with _changed(options.config, asked, changes) as file:
        experiment = load_experiment(file)
    experiment.neat.pop_size = options.genomes or experiment.neat.pop_size
    return replace(
        experiment,
        data=replace(experiment.data, root=options.data_root or experiment.data.root),
        run=replace(experiment.run, seed=seed, generations=MANY_GENERATIONS),
    )


@contextlib.contextmanager
def _changed(config: Path, *changes: Sections) -> Iterator[Path]:
    """A copy of an INI file in which some keys have other values."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(read_text(config, "the INI file", ConfigError))
    for some in changes:
        parser.read_dict(some)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / config.name
        with path.open("w", encoding="utf-8") as file:
            parser.write(file)
        yield path


# --- what is shown ---------------------------------------------------------------------------------------------------


def draw(curves: Sequence[Curve], budget: int, path: Path) -> None:
    """Best so far against samples: every search a faint line, the mean over the seeds a strong one; a PNG file.

    A search of one point that lies below the axis stands at its foot as a triangle, with its figure.
    """
    figure = Figure(figsize=(9, 5), dpi=144, layout="constrained", facecolor="white")
    axes = figure.subplots()
    # To the end of the last generation in which a budget ran out, since that is what the table counts.
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
        for line in heights:
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
            told = ", ".join(f"{best:.1f}" for best in below) + "%"
            place = (max(curve.samples[0] for curve in rows), low + 0.03 * (high - low))
            axes.annotate(told, place, (8, 0), textcoords="offset points", color=f"C{number}", va="center")
    axes.set_xlabel("training samples")
    axes.set_ylabel("best validation accuracy so far (%)")
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    figure.legend(loc="outside right upper", frameon=False)
    style_axes(axes)
    save_figure(figure, path)


def _is_points(rows: Sequence[Curve]) -> bool:
    return all(len(curve.samples) == 1 for curve in rows)


def _room(curves: Sequence[Curve], budget: int) -> tuple[float, float]:
    """The axis from where most searches stood after a tenth of the budget, and each contender halfway, to the best.

    The few that began far below come in from the foot: shown whole they would press all others into one line.
    """
    found = [curve for curve in curves if len(curve.samples) > 1] or curves
    early = sorted(100 * curve.by(budget // 10) for curve in found)
    halfway = [
        100 * statistics.fmean(curve.by(budget // 2) for curve in found if curve.contender == name)
        for name in _names(found)
    ]
    low, high = min(early[len(early) // 5], *halfway), max(100 * curve.by(budget) for curve in curves)
    return low - 0.15 * (high - low) - 0.05, high + 0.05 * (high - low) + 0.05


def _names(curves: Sequence[Curve]) -> list[str]:
    return list(dict.fromkeys(curve.contender for curve in curves))


def _known_at(curve: Curve, samples: float) -> float:
    """The best of the generations that had ended by then; not a number before the first."""
    return next(
        (b for s, b in zip(reversed(curve.samples), reversed(curve.best), strict=True) if s <= samples), float("nan")
    )


def _table(figures: Mapping[str, Mapping[str, Any]], options: argparse.Namespace) -> Table:
    table = Table(title=f"best validation accuracy after {options.budget:,} training samples, {options.seeds} seeds")
    table.add_column("search")
    against = ["samples to reach the best of 'off'"] if OFF in figures else []
    for heading in ("mean", "lowest", "highest", *against):
        table.add_column(heading, justify="right")
    for name, row in figures.items():
        best, shares = row["best"], row["share_of_samples"]
        reached = [share for share in shares if share is not None]
        told = (
            f"{100 * statistics.median(reached):.0f}% ({len(reached)} of {len(shares)} seeds)" if reached else "never"
        )
        accuracies = [f"{100 * f(best):.2f}%" for f in (statistics.fmean, min, max)]
        table.add_row(name, *accuracies, *([told] if against else []))
    return table


def _versions() -> dict[str, Any]:
    return {"threads": torch.get_num_threads(), "torch": torch.__version__}


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("parts", "schemes"), help="what is compared")
    parser.add_argument("--config", type=Path, help="INI file (default: MNIST's for parts, digits' for schemes)")
    parser.add_argument("--darts-config", type=Path, default=CONFIGS / "digits_darts.ini", help="for schemes' darts")
    parser.add_argument("--budget", type=at_least(1), default=200_000, help="training samples (default: %(default)s)")
    parser.add_argument(
        "--set", type=_setting, nargs="+", default=[], metavar="SECTION.KEY=VALUE", help="over the INI files"
    )
    parser.add_argument("--genomes", type=at_least(2), help="population; over [NEAT] pop_size")
    parser.add_argument("--rungs", default="1", help="epochs after which the weaker half stops (default: %(default)s)")
    parser.add_argument("--seeds", type=at_least(1), default=3, help="from --seed on (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="the first seed (default: %(default)s)")
    parser.add_argument("--contenders", nargs="+", metavar="NAME", help="some of them (default: all)")
    parser.add_argument("--data-root", help="folder that holds the data sets; over [Data] root")
    parser.add_argument("--picture", type=Path, help="a PNG file to draw")
    parser.add_argument("--json", action="store_true", help="print the figures as one line of JSON, last")
    options = parser.parse_args(arguments)
    options.set = _by_section(options.set)
    options.config = options.config or DEFAULT_CONFIGS[options.what]
    known = list(parts(options.rungs)) if options.what == "parts" else [*SCHEMES, DARTS, RESTARTS]
    options.contenders = options.contenders or known
    for name in options.contenders:
        if name not in known:
            parser.error(f"--contenders: got {name!r}, allowed: {', '.join(known)}")
    return options


def _setting(text: str) -> tuple[str, str, str]:
    place, equals, value = text.partition("=")
    section, dot, key = place.partition(".")
    if not (section and dot and key and equals):
        raise argparse.ArgumentTypeError(f"got {text!r}, allowed: SECTION.KEY=VALUE")
    return section, key, value


def _by_section(settings: Sequence[tuple[str, str, str]]) -> Sections:
    sections: dict[str, dict[str, str]] = {}
    for section, key, value in settings:
        sections.setdefault(section, {})[key] = value
    return sections


if __name__ == "__main__":
    run_script(main)
