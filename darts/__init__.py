"""Search the same cells as `neat_deep` by gradient descent (DARTS): the public face.

A popular time-series package imports as `darts` too; this one is neat-deep's. Each name is imported when it is used, so
that what `plugin` tells neat-deep costs no torch.
"""

from typing import TYPE_CHECKING

from neat_deep.base.lazy import lazy_names

if TYPE_CHECKING:
    from darts.alphas import Alphas as Alphas
    from darts.architect import Architect as Architect
    from darts.bilevel import SearchResult as SearchResult
    from darts.bilevel import search as search
    from darts.derivation import derive as derive
    from darts.search_space import SearchSpace as SearchSpace
    from darts.settings import DartsSettings as DartsSettings
    from darts.settings import load_darts_experiment as load_darts_experiment
    from darts.supernet import Supernet as Supernet
    from darts.supernet import build_supernet as build_supernet
    from darts.warm_starts import warm_start as warm_start
else:
    __getattr__, __dir__, __all__ = lazy_names(
        __name__,
        {
            "darts.alphas": "Alphas",
            "darts.architect": "Architect",
            "darts.bilevel": "SearchResult search",
            "darts.derivation": "derive",
            "darts.search_space": "SearchSpace",
            "darts.settings": "DartsSettings load_darts_experiment",
            "darts.supernet": "Supernet build_supernet",
            "darts.warm_starts": "warm_start",
        },
    )
