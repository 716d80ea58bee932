"""The INI file that an experiment by any strategy begins with, made from a shipped one."""

from __future__ import annotations

import inspect
import re
import textwrap

from neat_deep.base.errors import unknown_name
from neat_deep.base.fields import text_of, values_of
from neat_deep.base.registry import resolve
from neat_deep.base.shipped import experiment_text, experiments
from neat_deep.strategies.registry import NEAT, STRATEGIES, StrategyInfo

RANDOM = "random"
WIDTH = 118


def initial_text(dataset: str, strategy: str) -> str:
    """The INI file for a data set and a strategy; raises `UnknownNameError`.

    It is the shipped one, or that of random search with the strategy's own section and what it needs in the others.
    Where no file of random search is shipped, it is that of neat-python, whose options in [CellGenome] are the search
    space.
    """
    known = experiments()
    base = RANDOM if (dataset, RANDOM) in known else NEAT
    if (dataset, strategy) in known or (dataset, base) not in known or strategy == NEAT:
        return experiment_text(dataset, strategy)
    shipped = [name for data, name in known if data == dataset]
    if strategy not in STRATEGIES:
        raise unknown_name("strategy", strategy, {*shipped, *STRATEGIES}, f"the shipped INI files for {dataset}")
    text = experiment_text(dataset, base)
    info = STRATEGIES.get(strategy)
    if base == RANDOM:
        _, _, rest = text.partition("\n")
        text = re.sub(r"(?m)^strategy = random$", f"strategy = {strategy}", rest)
        text = re.sub(rf"(?m)^out = runs/{dataset}_random$", f"out = runs/{dataset}_{strategy}", text)
        text = f"# {dataset} by the strategy {strategy}, which {info.summary}.\n{text}"
    else:
        text = f"{text.rstrip()}\n\n# Which strategy searches.\n[Search]\nstrategy = {strategy}\n"
    for (section, key), value in info.initial.items():
        text = _with_value(text, section, key, value)
    return text + _section(info)


def _with_value(text: str, section: str, key: str, value: str) -> str:
    """`text` with `key = value` in a section that it has.

    It stands in the place of the key, or of the comment that stands for it, or else first in the section.
    """
    head = rf"^\[{section}\]\n"
    place = rf"({head}(?:(?!^\[).)*?)^(?:# )?{key} =[^\n]*$"
    text, count = re.subn(place, rf"\g<1>{key} = {value}", text, count=1, flags=re.M | re.S)
    return text if count else re.sub(head, rf"\g<0>{key} = {value}\n", text, count=1, flags=re.M)


def _section(info: StrategyInfo) -> str:
    """A strategy's own section with its defaults, and what its settings' docstring says of them."""
    if not info.section:
        return ""
    kind = resolve(info.settings)
    comments = []
    for paragraph in (inspect.getdoc(kind) or "").replace("`", "").split("\n\n"):
        comments += textwrap.wrap(" ".join(paragraph.split()), WIDTH, initial_indent="# ", subsequent_indent="# ")
    keys = [f"{key} = {text_of(value)}" for key, value in values_of(kind()).items()]
    return "\n".join(["", *comments, f"[{info.section}]", *keys, ""])
