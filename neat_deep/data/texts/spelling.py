"""The characters of a vocabulary's words, as numbers: what n-grams within words are made of."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from neat_deep.data.encoding import SPECIAL_TOKENS

SPELLED = 20  # characters of a word, the marks at its ends among them; the rest of a longer one is cut off


def spell(words: Sequence[str]) -> Tensor:
    """The code points (words, `SPELLED`) of each `<word>`, int32; 0 beyond its end, and for special tokens."""
    rows = [[] if word in SPECIAL_TOKENS else list(map(ord, f"<{word}>"[:SPELLED])) for word in words]
    return torch.tensor([row + [0] * (SPELLED - len(row)) for row in rows], dtype=torch.int32).view(-1, SPELLED)
