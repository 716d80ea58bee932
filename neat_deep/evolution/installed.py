"""What the installed neat-python knows: its keys, arguments and fitness direction are asked for, not listed.

A release after 2.0.0 brings keys of its own. They become keys of our sections, with neat-python's types and defaults,
so that a file, or what `Config.save` wrote, may hold them.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import neat
from neat.config import ConfigParameter

from neat_deep.base.checks import check_choice, check_range
from neat_deep.base.errors import ConfigError
from neat_deep.base.fields import setting, text_keys

Checks = dict[str, Callable[[str, Any], None]]  # by key


def installed_keys(parse: Callable[[Any], Any], **answers: Any) -> list[ConfigParameter]:
    """The keys that a stock class's `parse_config` reads, found by letting it read.

    `answers` are values for the keys that it checks. Raises `ConfigError` for a neat-python that cannot be
    asked.
    """
    try:
        return list(parse(_Answers(answers))._params)
    except Exception as error:  # noqa: BLE001 - a release to come may raise anything
        reason = f"{getattr(parse, '__qualname__', parse)} raises {type(error).__name__}: {error}"
        raise _not_supported(f"its keys are not to be found out: {reason}") from None


def stock_keys() -> list[ConfigParameter]:
    """The keys of `[NEAT]`; raises `ConfigError` for a neat-python that cannot be asked."""
    try:
        return list(neat.Config._Config__params)  # no public name has them
    except AttributeError:
        raise _not_supported("the keys of [NEAT] are not to be found out") from None


def with_keys(kind: type[Any], parameters: list[ConfigParameter]) -> type[Any]:
    """The settings dataclass `kind` with those keys added that it lacks: at their own defaults they change nothing."""
    known = text_keys(kind)
    newer = [parameter for parameter in parameters if parameter.name not in known]
    if not newer:
        return kind

    def check(self: Any) -> None:
        if hasattr(kind, "__post_init__"):
            kind.__post_init__(self)
        for parameter in newer:
            if parameter.name in CHECKS:
                CHECKS[parameter.name](parameter.name, getattr(self, parameter.name))

    fields = [(parameter.name, _TYPES.get(parameter.value_type, str), _field(parameter)) for parameter in newer]
    return dataclasses.make_dataclass(
        kind.__name__, fields, bases=(kind,), frozen=True, kw_only=True, namespace={"__post_init__": check}
    )


@contextmanager
def utf8_files() -> Iterator[None]:
    """Within the block neat-python reads and writes its files as UTF-8; it would ask the locale."""
    module: Any = neat.config
    module.open = functools.partial(open, encoding="utf-8")  # in the place of the built-in one
    try:
        yield
    finally:
        del module.open


def accepted(function: Callable[..., Any], **options: Any) -> dict[str, Any]:
    """Those of the options that a function of the installed neat-python has an argument for."""
    parameters = inspect.signature(function).parameters
    return {name: value for name, value in options.items() if name in parameters}


def minimises(criterion: str) -> bool:
    """Whether the installed neat-python looks for the lowest fitness when `fitness_criterion` is so; 2.0 never does."""
    return criterion == "min" and hasattr(neat.Config, "is_better_fitness")


def check_criterion(criterion: str) -> None:
    """Raise `ConfigError` for a `fitness_criterion` with which the worst network would win."""
    if minimises(criterion):
        raise ConfigError(
            f"fitness_criterion: got '{criterion}', with which neat-python {neat.__version__} looks for the lowest "
            "fitness, but ours is better the higher it is; allowed: max, mean"
        )


# --- the checks that neat-python leaves out, of keys that came after 2.0 ---------------------------------------------


def _number_or(word: str, whole: bool = False) -> Callable[[str, str], None]:
    def check(key: str, text: str) -> None:
        if text == word:
            return
        try:
            number = int(text) if whole else float(text)
        except ValueError:
            raise ConfigError(f"{key}: got '{text}', allowed: {word}, or a number") from None
        check_range(key, number, low=1 if whole else 0)

    return check


def _check_no_interspecies(key: str, share: float) -> None:
    if share:
        raise ConfigError(
            f"{key}: got {share}, allowed: 0; neat-python may look for the second parent in a species that it has just "
            "emptied, and ends the search"
        )


def _low(key: str, value: float) -> None:
    check_range(key, value, low=0)


CHECKS: Checks = {
    "compatibility_excess_coefficient": _number_or("auto"),
    "compatibility_enable_penalty": _low,
    "target_num_species": _number_or("none", whole=True),
    "threshold_adjust_rate": _low,
    "threshold_min": _low,
    "threshold_max": _low,
    "fitness_sharing": lambda key, word: check_choice(key, word, ("normalized", "canonical")),
    "spawn_method": lambda key, word: check_choice(key, word, ("smoothed", "proportional")),
    "interspecies_crossover_prob": _check_no_interspecies,
}

# --- parts -----------------------------------------------------------------------------------------------------------

_TYPES: dict[Any, Any] = {int: int, float: float, bool: bool, str: str, list: tuple[str, ...]}


class _Any(str):
    """A text that every reader of neat-python takes: a number, a truth or a word."""

    def lower(self) -> str:
        return "true"


class _Answers(Mapping[str, Any]):
    """A section that has a value for every key, and tells of none."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self._answers = answers

    def __getitem__(self, key: str) -> Any:
        return self._answers.get(key, _Any("1"))

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def _field(parameter: ConfigParameter) -> Any:
    """A required key of neat-python is required here; a text may be the default of a truth there."""
    default = parameter.default
    if default is None and not getattr(parameter, "optional", False):
        return dataclasses.field()
    if parameter.value_type is bool and isinstance(default, str):
        default = default.lower() == "true"
    return setting(tuple(default) if isinstance(default, list) else default)


def _not_supported(reason: str) -> ConfigError:
    return ConfigError(
        f"neat-python {neat.__version__} is not supported: {reason}; allowed: one that is, such as 2.0.0"
    )
