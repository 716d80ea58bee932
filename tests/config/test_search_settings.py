"""What [SearchSpace] may say: a mistake is named by its key."""

from __future__ import annotations

from typing import Any

import pytest

from neat_deep.base.errors import NeatDeepError
from neat_deep.config.search_settings import SpaceSettings
from neat_deep.space.architecture import Skeleton

OPS = ("identity", "sep_conv_3", "none")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"op_options": ("none",)}, "op_options: got only 'none', allowed: at least one other op"),
        ({"op_options": ("identity", "identity")}, "op_options: got 'identity identity', allowed: each name once"),
        ({"op_options": ("sep_con_3",)}, "unknown op 'sep_con_3' in op_options; did you mean 'sep_conv_3'?"),
        ({"activation_options": ("relu", "relu")}, "activation_options: got 'relu relu', allowed: each name once"),
        ({"aggregation_options": ("add", "add")}, "aggregation_options: got 'add add', allowed: each name once"),
        ({"nodes": 0}, "nodes: got 0, allowed: 1 to 32"),
        ({"motifs": 2, "motif_levels": 9}, "motif_levels: got 9, allowed: 1 to 3"),
        ({"channels_options": (4096,)}, "channels_options: channels after the last reduction: got 8192, allowed: 1 to"),
        (
            {"reductions_options": (9,), "stage_cells_options": (1,)},
            "reductions_options: channels after the last reduction: got 8192, allowed: 1 to 4096",
        ),
    ],
)
def test_a_space_that_cannot_be_is_refused_by_its_key(keys: dict[str, Any], message: str) -> None:
    skeleton = Skeleton(channels=16, cells=2, reduce_after=(1,))
    with pytest.raises(NeatDeepError) as refusal:
        SpaceSettings(**{"op_options": OPS, **keys}).space(skeleton)
    assert str(refusal.value).startswith(message) and "\n" not in str(refusal.value)
