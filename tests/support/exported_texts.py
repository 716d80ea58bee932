"""Texts as token ids by what an exported network says of itself, as a program without neat-deep makes them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor


def token_ids(texts: Sequence[str], facts: Mapping[str, Any]) -> Tensor:
    """Token ids (batch, length), padded on the right; `facts` is the description in the file."""
    tokenizer = Tokenizer.from_str(json.dumps(facts["tokenizer"]))
    numbers = [found.ids for found in tokenizer.encode_batch(list(texts), add_special_tokens=False)]
    most = facts["max_length"]
    if facts["cut"] == "end":
        numbers = [one[:most] for one in numbers]
    else:
        numbers = [one if len(one) <= most else one[: most - most // 2] + one[-(most // 2) :] for one in numbers]
    longest = max(map(len, numbers))
    return torch.tensor([one + [facts["padding"]] * (longest - len(one)) for one in numbers])
