"""What an ensemble of trees expects networks to be worth, learned from those that are known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

POOR = 0.25  # worths below this quantile count as it: how bad a bad network is would take up most of the trees


def expected_worths(
    known: Sequence[Sequence[float]],
    worths: Sequence[float],
    asked: Sequence[Sequence[float]],
    *,
    trees: int,
    seed: int,
) -> tuple[Array, Array]:
    """The mean and the standard deviation of what the trees expect of each of the vectors `asked`.

    They learn from the vectors `known` and their `worths`.
    """
    from sklearn.ensemble import ExtraTreesRegressor  # a second's import, for those who search this way alone

    values = np.array(worths)
    forest = ExtraTreesRegressor(trees, random_state=seed)
    forest.fit(np.array(known), np.maximum(values, np.quantile(values, POOR)))
    plain = np.array(asked).astype(np.float32)  # what the trees compare: converted once, not once a tree
    expected = np.stack([tree.predict(plain, check_input=False) for tree in forest.estimators_])
    return expected.mean(axis=0), expected.std(axis=0)
