"""The two parts of the training examples: one trains the supernet's weights, the other its alphas."""

from __future__ import annotations

from darts.settings import DartsSettings
from neat_deep.base.errors import DataError
from neat_deep.data import Split, part_of, stratified_split


def bilevel_split(train: Split, settings: DartsSettings, seed: int) -> tuple[Split, Split]:
    """The examples that train the weights, and those that train the alphas.

    Both hold every class. Raises `DataError` when one of them would be too small for that.
    """
    train = part_of(train, settings.train_subset, seed)
    classes = len(train.labels.unique())
    for_alphas = round(len(train) * settings.alpha_share)
    least = max(2, classes)  # or the split would quietly take more for one side than was asked for
    if min(for_alphas, len(train) - for_alphas) < least:
        raise DataError(
            f"[Darts] alpha_share: got {settings.alpha_share:g}, with which {len(train) - for_alphas} examples train "
            f"the weights and {for_alphas} the alphas; allowed: {least} or more each, one of each class"
        )
    weights, alphas = stratified_split(train.labels, settings.alpha_share, seed)
    return train.subset(weights), train.subset(alphas)
