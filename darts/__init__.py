"""Search the same cells as `neat_deep` by gradient descent (DARTS): the public face.

A popular time-series package imports as `darts` too; this one is neat-deep's.
"""

from darts.alphas import Alphas
from darts.architect import Architect
from darts.bilevel import SearchResult, search
from darts.derivation import derive
from darts.search_space import SearchSpace
from darts.settings import DartsSettings, load_darts_experiment
from darts.supernet import Supernet, build_supernet
from darts.warm_starts import warm_start

__all__ = [
    "Alphas",
    "Architect",
    "DartsSettings",
    "SearchResult",
    "SearchSpace",
    "Supernet",
    "build_supernet",
    "derive",
    "load_darts_experiment",
    "search",
    "warm_start",
]
