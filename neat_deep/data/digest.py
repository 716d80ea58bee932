"""A name of examples, so that a search is never resumed on others."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from torch import Tensor

from neat_deep.data.spec import Split


def digest_tensors(*tensors: Tensor) -> str:
    """16 hex digits that other values, shapes, types or orders do not have."""
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(f"{tensor.dtype} {tuple(tensor.shape)};".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def digest_examples(parts: Sequence[Split], vectors: Tensor | None) -> str:
    """A name of examples, by what they are for (the order of `parts`), and of the word vectors that go with them."""
    names = [part.digest() for part in parts]
    return "".join(names if vectors is None else [*names, digest_tensors(vectors)])
