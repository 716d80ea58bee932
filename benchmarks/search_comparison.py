"""What a search finds for how many training samples: parts of it switched on, ways of choosing parents, or strategies.

    python benchmarks/search_comparison.py parts      [--config configs/mnist_neat.ini] [--budget N] [--json]
    python benchmarks/search_comparison.py schemes    [--config configs/digits_neat.ini] [--budget N] [--json]
    python benchmarks/search_comparison.py strategies [--config configs/digits_neat.ini] [--budget N] [--json]

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

`strategies` compares all strategies that can search the INI file's cells, with their own defaults, `--genomes` networks
at a time; NEAT and gradient descent stand among them as above. `grid` is left out, since it refuses a space of more
networks than it can finish. `morphism` begins with a cell that is drawn, inherits weights, and changes the cell alone,
since all others have the same skeleton.

A search ends at the evaluation with which its samples reach the budget; what counts is the best network that was
trained for all epochs by then. Figures are of the validation part: no test set is read. With `--keep FILE` a comparison
that was stopped goes on after the last search that ended, and two processes may share the file, each with other
`--contenders`. `--set` changes the INI files, the one for DARTS in [Darts]: `--set Fitness.train_subset=2000
Fitness.channels=8 Darts.train_subset=2000`.

`--picture FILE` draws best so far against samples: for `strategies` after each evaluation, in the order in which the
samples were spent, for the others by generation, for gradient descent after each search. Curves of `strategies` that an
earlier program kept have a point a generation, and are drawn as they are.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import json
import logging
import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from changed_ini import Sections, by_section, changed, setting
from darts.bilevel import search
from darts.checks import check_search
from darts.settings import DartsSettings, load_darts_experiment
from neat_deep.base.devices import get_device, set_threads
from neat_deep.base.errors import ConfigError, SearchError
from neat_deep.base.files import read_text
from neat_deep.base.randomness import derive_seed
from neat_deep.cli.running import run_script
from neat_deep.config.experiment_file import Experiment, load_experiment
from neat_deep.config.strategy_experiment import StrategyExperiment, load_strategy_experiment
from neat_deep.data import Dataset, load_dataset
from neat_deep.scoring.budget import Budget
from neat_deep.scoring.candidate import Candidate
from neat_deep.scoring.records import EvaluationRecord
from neat_deep.scoring.scorer import Scorer
from neat_deep.search.evolve import evolve
from neat_deep.search.strategy_search import search as search_by_strategy
from neat_deep.store.file import FILE_NAME
from neat_deep.store.run_store import RunStore
from neat_deep.strategies.registry import STRATEGIES
from search_curves import OFF, Curve, KeptCurves, draw, summarise, tabulate
from turns import at_least

CONFIGS = Path(__file__).resolve().parent.parent / "configs"
PARTS, SCHEMES_MODE, STRATEGIES_MODE = "parts", "schemes", "strategies"
DEFAULT_CONFIGS = {
    PARTS: CONFIGS / "mnist_neat.ini",
    SCHEMES_MODE: CONFIGS / "digits_neat.ini",
    STRATEGIES_MODE: CONFIGS / "digits_neat.ini",
}
log = logging.getLogger(__name__)
CACHE, NEAT, DARTS, RESTARTS = "cache", "neat", "darts", "darts restarts"
OPTUNA = "optuna"  # an extra
GRID = "grid"  # refuses the spaces of the shipped files
MANY_GENERATIONS = 10_000  # the budget ends a search first

SCHEMES: Mapping[str, Sections] = {
    "truncation": {},
    "proportional": {"Run": {"reproduction": "ProportionalReproduction"}, "ProportionalReproduction": {"elitism": "2"}},
    "rank": {"Run": {"reproduction": "RankReproduction"}, "RankReproduction": {"elitism": "2"}},
    "tournament": {"Run": {"reproduction": "TournamentReproduction"}, "TournamentReproduction": {"elitism": "2"}},
    "random search": {"Run": {"reproduction": "RandomReproduction"}, "RandomReproduction": {"elitism": "0"}},
}


def main(arguments: Sequence[str] | None) -> None:
    """Search, print the table, draw."""
    options = _parse(arguments)
    console = Console()
    kept = KeptCurves(options.keep, _facts(options))
    curves: list[Curve] = []
    for seed in range(options.seed, options.seed + options.seeds):
        for contender in options.contenders:
            contender_curves = kept.find(contender, seed)
            if contender_curves is None:
                contender_curves = _curves(options, contender, seed)
                kept.add(contender, seed, contender_curves)
            curves += contender_curves
            for curve in contender_curves:
                console.print(f"{curve.contender}, seed {seed}: {100 * curve.by(options.budget):.2f}%", highlight=False)
    figures = summarise(curves, options.budget)
    console.print(tabulate(figures, options.budget, options.seeds))
    if options.picture is not None:
        draw(curves, options.budget, options.picture)
    if options.json:
        facts = {"budget": options.budget, "seeds": options.seeds, **_versions()}
        print(json.dumps({"rows": figures, "curves": [asdict(curve) for curve in curves], **facts}))


def _facts(options: argparse.Namespace) -> dict[str, Any]:
    """What decides the curve of a contender and a seed, so that no curve kept by other options is reused."""
    files = {"config": options.config, "darts_config": options.darts_config}
    texts = {name: read_text(path, "the INI file", ConfigError) for name, path in files.items()}
    return {
        "what": options.what,
        "budget": options.budget,
        "set": options.set,
        "genomes": options.genomes,
        "rungs": options.rungs,
        **texts,
        **_versions(),
    }


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
    """The curves of one contender: its own; the search of `cache` also gives the curve of `off`."""
    if contender in (DARTS, RESTARTS):
        return [_darts(options, contender, seed)]
    with tempfile.TemporaryDirectory() as place, (Path(place) / "screen").open("w", encoding="utf-8") as screen:
        folder = Path(place) / "run"
        rungs = _search(options, contender, seed, folder, Console(file=screen))
        with RunStore.read(folder / FILE_NAME) as store:
            generations, candidates, evaluations = store.generations(), store.candidates(), store.evaluations()
    if options.what == STRATEGIES_MODE:
        return [by_evaluation(contender, seed, evaluations, rungs)]
    best = [
        max((c.accuracy or 0.0 for c in candidates if c.generation <= row.generation and c.rung == rungs), default=0.0)
        for row in generations
    ]
    curves = [Curve(contender, seed, _cumulative([row.samples for row in generations]), tuple(best))]
    if contender == CACHE:
        uncached = _cumulative([row.samples + row.saved_by_reuse for row in generations])
        curves.insert(0, replace(curves[0], contender=OFF, samples=uncached))
    return curves


def by_evaluation(contender: str, seed: int, evaluations: Sequence[EvaluationRecord], rungs: int) -> Curve:
    """A point for each evaluation: in a generation rung by rung, and on each in the order of the proposals.

    In this order the samples are asked of the budget, whichever of those that run at once ends first.
    """
    ordered = sorted(evaluations, key=lambda one: (one.generation, one.rung, one.candidate))
    whole = [one.metrics.get("accuracy", 0.0) if not one.has_failed and one.rung == rungs else 0.0 for one in ordered]
    samples = _cumulative([one.samples for one in ordered])
    return Curve(contender, seed, samples, tuple(itertools.accumulate(whole, max)))


def _search(options: argparse.Namespace, contender: str, seed: int, folder: Path, console: Console) -> int:
    """Search until the budget ends, with the run's store in `folder`; returns how many rungs the search has."""
    budget = Budget(samples=options.budget)
    if contender in STRATEGIES and contender != NEAT:
        of_strategy = _strategy_experiment(options, contender, seed)
        search_by_strategy(of_strategy, load_dataset(of_strategy.data), folder, console, budget=budget)
        return len(of_strategy.fitness.rungs)
    changes = {PARTS: parts(options.rungs), SCHEMES_MODE: SCHEMES, STRATEGIES_MODE: {NEAT: {}}}[options.what]
    experiment = _experiment(options, changes[contender], seed)
    evolve(experiment, load_dataset(experiment.data), folder, console, budget=budget)
    return len(experiment.fitness.rungs)


def _cumulative(samples: Sequence[int]) -> tuple[int, ...]:
    return tuple(itertools.accumulate(samples))


def _darts(options: argparse.Namespace, contender: str, seed: int) -> Curve:
    """A point for each search: the samples of searching and of training the cell, the best accuracy by then.

    As with genomes a cell that cannot be trained is worth nothing; raises `SearchError` when none could be.
    """
    with changed(options.darts_config, {"Darts": options.set.get("Darts", {})}) as file:
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
        result = search(
            darts,
            skeleton,
            dataset,
            device=device,
            seed=derive_seed(seed, DARTS, f"search {number}") if number else seed,
            augmentation=settings.training.augmentation,
            class_weights=settings.training.class_weights,
        )
        score = scorer.score([Candidate(number, result.architecture)])[0]
        if score.accuracy is None:
            log.warning("%s, seed %d: cell %d %s: %s", contender, seed, number + 1, score.status, score.reason)
        samples.append(result.history[-1].samples + scorer.cost.samples)
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
    with changed(options.config, asked, changes) as file:
        experiment = load_experiment(file)
    experiment.neat.pop_size = options.genomes or experiment.neat.pop_size
    return replace(
        experiment,
        data=replace(experiment.data, root=options.data_root or experiment.data.root),
        run=replace(experiment.run, seed=seed, generations=MANY_GENERATIONS),
    )


def _strategy_experiment(options: argparse.Namespace, strategy: str, seed: int) -> StrategyExperiment:
    """The INI file's search by another strategy: its data, skeleton, fitness and cells, and as many at a time."""
    count = options.genomes or load_experiment(options.config).neat.pop_size
    changes: dict[str, Mapping[str, str]] = {"Search": {"generation_size": str(count)}}
    if STRATEGIES.get(strategy).needs_weights:
        changes |= {"Fitness": {"inherit": "True"}, "Morphism": {"moves": "insert_node switch_on reconnect"}}
    asked = {section: values for section, values in options.set.items() if section != "Darts"}
    with changed(options.config, asked, changes) as file:
        experiment = load_strategy_experiment(file, strategy)
    return replace(
        experiment,
        data=replace(experiment.data, root=options.data_root or experiment.data.root),
        run=replace(experiment.run, seed=seed, generations=MANY_GENERATIONS),
    )


def _versions() -> dict[str, Any]:
    return {"threads": torch.get_num_threads(), "torch": torch.__version__}


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=tuple(DEFAULT_CONFIGS), help="what is compared")
    parser.add_argument("--config", type=Path, help="INI file (default: MNIST's for parts, digits' for the others)")
    parser.add_argument("--darts-config", type=Path, default=CONFIGS / "digits_darts.ini", help="for gradient descent")
    parser.add_argument("--budget", type=at_least(1), default=200_000, help="training samples (default: %(default)s)")
    parser.add_argument(
        "--set", type=setting, nargs="+", default=[], metavar="SECTION.KEY=VALUE", help="over the INI files"
    )
    parser.add_argument("--genomes", type=at_least(2), help="population; over [NEAT] pop_size")
    parser.add_argument("--rungs", default="1", help="epochs after which the weaker half stops (default: %(default)s)")
    parser.add_argument("--seeds", type=at_least(1), default=3, help="from --seed on (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="the first seed (default: %(default)s)")
    parser.add_argument("--contenders", nargs="+", metavar="NAME", help="some of them (default: all installed)")
    parser.add_argument("--data-root", help="folder that holds the data sets; over [Data] root")
    parser.add_argument(
        "--keep", type=Path, metavar="FILE", help="keep each search's curve here, and repeat none that is kept"
    )
    parser.add_argument("--picture", type=Path, help="a PNG file to draw")
    parser.add_argument("--json", action="store_true", help="print the figures as one line of JSON, last")
    options = parser.parse_args(arguments)
    options.set = by_section(options.set)
    options.config = options.config or DEFAULT_CONFIGS[options.what]
    known = {
        PARTS: list(parts(options.rungs)),
        SCHEMES_MODE: [*SCHEMES, DARTS, RESTARTS],
        STRATEGIES_MODE: [NEAT, *(name for name in STRATEGIES if name not in (GRID, NEAT, DARTS)), DARTS, RESTARTS],
    }[options.what]
    if not options.contenders:
        options.contenders = [name for name in known if name != OPTUNA or importlib.util.find_spec(OPTUNA)]
        if OPTUNA in known and OPTUNA not in options.contenders:
            log.warning("%s is left out: it is not installed (pip install 'neat-deep[optuna]')", OPTUNA)
    for name in options.contenders:
        if name not in known:
            parser.error(f"--contenders: got {name!r}, allowed: {', '.join(known)}")
    return options


if __name__ == "__main__":
    run_script(main)
