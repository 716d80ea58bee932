"""The characters of a vocabulary's words, as numbers: what n-grams within words are made of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from neat_deep.data.encoding import SPECIAL_TOKENS

SPELLED = 20  # characters of a word, the marks at its ends among them; the rest of a longer one is cut off


def spell(words: Sequence[str]) -> Tensor:
    """The code points (words, `SPELLED`) of each `<word>`, int32; 0 beyond its end, and for special tokens."""
    marked = ("" if word in SPECIAL_TOKENS else f"<{word}>"[:SPELLED] for word in words)
    text = "".join(word.ljust(SPELLED, "\0") for word in marked)
    # In one go: a vocabulary may have some 100,000 words, and every data set of texts is spelled.
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<i4")
    return torch.from_numpy(points.astype(np.int32)).view(-1, SPELLED)
