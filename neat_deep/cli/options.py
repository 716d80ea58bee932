"""The options of the command and of the examples, declared once: a name means the same everywhere.

What is not given is None, and then an INI file or a run says it.
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from neat_deep.base.checks import check_range

Given = Mapping[str, Any]  # options by the names of `OPTIONS`; those that were not given are absent


def _text(metavar: str, text: str) -> Any:
    return Annotated[str | None, typer.Option(metavar=metavar, help=text, show_default=False)]


def _whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"got '{text}', allowed: a whole number") from None


def _number(text: str, *names: str) -> Any:
    option = typer.Option(*names, metavar="N", help=text, show_default=False, parser=_whole_number)
    return Annotated[int | None, option]


def _real_number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"got '{text}', allowed: a number") from None


def _real(text: str, *names: str) -> Any:
    option = typer.Option(*names, metavar="N", help=text, show_default=False, parser=_real_number)
    return Annotated[float | None, option]


def _file(metavar: str, text: str) -> Any:
    return Annotated[Path | None, typer.Option(metavar=metavar, help=text, show_default=False)]


OPTIONS: dict[str, Any] = {
    "config": _file("INI", "INI file of the experiment."),
    "strategy": _text("NAME", "How to search: see `neat-deep list strategies`."),
    "generations": _number("Generations to search; overrides [Run] generations."),
    "evaluations": _number("Trainings of the search; overrides [Run] evaluations."),
    "samples": _number("Training examples of the search; overrides [Run] samples."),
    "minutes": _real("Minutes for search and final training together."),
    "fitness_threshold": _real("Fitness that ends an evolution; overrides [NEAT]."),
    "population": _number("Networks of a generation; overrides the INI file."),
    "search_epochs": _number("Epochs of a search by gradient descent."),
    "start": _file("JSON", "Architecture or run to start from."),
    "workers": _text("N", "Evaluating processes: auto, 0, N or ray."),
    "threads": _number("CPU threads of the final training; overrides [Run] threads."),
    "retrainings": _number("Trainings at the end, each another seed.  [default: 1]"),
    "dataset": _text("NAME", "See `neat-deep list datasets`; overrides [Data] dataset."),
    "data_root": _text("FOLDER", "Folder that holds the data sets; overrides [Data] root."),
    "seed": _number("Seed of all randomness; overrides [Run] seed."),
    "device": _text("NAME", "cpu, cuda, cuda:1, ... or auto; overrides [Run] device."),
    "out": _text("FOLDER", "New folder; a number is appended to one that exists."),
    "cells": _number("Cells to stack instead of the architecture's."),
    "channels": _number("Channels after the stem instead of the architecture's."),
    "reduce_after": _text("N N ...", "After how many cells to halve height and width."),
    "ngrams": _number("Longest run of tokens with weights beside the cells."),
    "char_ngrams": _number("Longest run of characters in words with such weights: 3 to 6."),
    "ngram_buckets": _number("Rows of those weights."),
    "max_length": _number("Tokens at which texts are cut; overrides [Data] text_max_length."),
    "epochs": _number("Passes of training; overrides [Training] epochs."),
    "shape": _text("CxHxW", "Shape of the examples.  [default: the run's, 3x32x32]"),
    "classes": _number("Number of classes.  [default: the run's, 10]"),
    "size": _number("Networks that vote.  [default: 5]"),
    "trainings": _number("Trainings of each cell, each another seed; overrides the scale's."),
    "networks": _number("Best networks of a search to try.  [default: 1]"),
    "trials": _number("Combinations that begin; overrides [Tuning] trials."),
    "transfers": _number("The same on the data set that it is carried over to."),
}
WHERE = ("dataset", "data_root", "seed", "device", "out")
LIMITS = ("generations", "evaluations", "samples", "minutes")
SEARCH = (
    *LIMITS, "fitness_threshold", "population", "search_epochs", "start", "workers", "threads", "retrainings", *WHERE
)  # fmt: skip
TRAIN = (
    "config", "cells", "channels", "reduce_after", "ngrams", "char_ngrams", "ngram_buckets", "max_length", "epochs",
    "retrainings", "threads", *WHERE
)  # fmt: skip
DRAW = ("shape", "classes", "out")
TUNE = (
    "config", "networks", "trials", "epochs", "max_length", "retrainings", "workers", "threads", "dataset", "data_root",
    "seed", "device"
)  # fmt: skip
VOTE = ("size", "epochs", "data_root", "device")
REPRODUCE = ("trainings", "transfers", "data_root", "seed", "device")

LISTS = ("--reduce-after",)  # options that several numbers may follow, as `--reduce-after 1 2`


def flag(option: str) -> str:
    """The option as the user writes it."""
    return f"--{option.replace('_', '-')}"


def takes(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a function these options: those that were given arrive as its `**given`, beside its own parameters."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(**values: Any) -> Any:
            own = {name: value for name, value in values.items() if name not in names}
            return function(**own, **{name: values[name] for name in names if values.get(name) is not None})

        hints = typing.get_type_hints(function, include_extras=True)
        own = [
            parameter.replace(annotation=hints[parameter.name])
            for parameter in inspect.signature(function).parameters.values()
            if parameter.kind is not parameter.VAR_KEYWORD
        ]
        keyword = inspect.Parameter.KEYWORD_ONLY
        more = [inspect.Parameter(name, keyword, default=None, annotation=OPTIONS[name]) for name in names]
        parameters = [parameter.replace(kind=keyword) for parameter in own] + more
        call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        del call.__wrapped__  # type: ignore[attr-defined]  # or typer reads the function's own hints
        return call

    return decorate


def join_numbers(arguments: Sequence[str]) -> list[str]:
    """`--reduce-after 1 2` as `--reduce-after=1 2`: an option of `LISTS` takes the whole numbers that follow it."""
    words: list[str] = []
    numbers: list[str] | None = None
    for word in arguments:
        if numbers is not None and word.isdecimal():
            numbers.append(word)
            words[-1] = f"{words[-1].partition('=')[0]}={' '.join(numbers)}"
            continue
        numbers = [] if word in LISTS else None
        words.append(f"{word}=" if numbers is not None else word)
    return words


def retrainings_of(given: Given) -> int:
    """How often to train from scratch; raises `ConfigError`."""
    number: int = given.get("retrainings", 1)
    check_range(flag("retrainings"), number, low=1)
    return number
