"""What a run's store keeps of the data that the search sees, to tell on resume whether they are the same."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from neat_deep.base.fields import values_before
from neat_deep.data import Dataset, digest_examples


def data_facts(dataset: Dataset) -> str:
    """The facts of a data set as JSON: those of its `DataSpec`, and a digest of all examples and word vectors."""
    return json.dumps(_facts(dataset))


def changed_fact(stored: str, dataset: Dataset) -> str | None:
    """The first fact in which a data set differs from what `data_facts` gave for another; None where they are the same.

    A fact that the program did not know then is as it was before the program knew it. What `data_facts` did not write
    differs in its `facts`.
    """
    try:
        known = json.loads(stored)
    except ValueError:
        known = None
    if not isinstance(known, dict):
        return "facts"
    before = json.loads(json.dumps({**values_before(type(dataset.spec)), **known}))
    now = json.loads(json.dumps(_facts(dataset)))  # tuples are lists then
    return next((name for name in {**now, **before} if before.get(name) != now.get(name)), None)


def _facts(dataset: Dataset) -> dict[str, Any]:
    examples = digest_examples((dataset.train, dataset.validation), dataset.vectors)
    return {**asdict(dataset.spec), "examples": examples}
