"""What may stand on an edge and in a node: ops, activations and aggregations, by name.

`registry` has their facts and needs no torch; the other files have the modules and functions, one family each.
"""

from typing import TYPE_CHECKING

from neat_deep.base.lazy import lazy_names

if TYPE_CHECKING:
    from neat_deep.ops.pointwise import get_activation as get_activation
    from neat_deep.ops.pointwise import get_aggregation as get_aggregation
    from neat_deep.ops.registry import ACTIVATIONS as ACTIVATIONS
    from neat_deep.ops.registry import OPS as OPS
    from neat_deep.ops.registry import FeatureSpec as FeatureSpec
    from neat_deep.ops.registry import OpInfo as OpInfo
    from neat_deep.ops.registry import get_op as get_op
    from neat_deep.ops.registry import list_ops as list_ops
    from neat_deep.ops.registry import register_activation as register_activation
    from neat_deep.ops.registry import register_op as register_op
    from neat_deep.space.aggregations import AGGREGATIONS as AGGREGATIONS
    from neat_deep.space.aggregations import register_aggregation as register_aggregation
else:
    __getattr__, __dir__, __all__ = lazy_names(
        __name__,
        {
            "neat_deep.ops.pointwise": "get_activation get_aggregation",
            "neat_deep.ops.registry": (
                "ACTIVATIONS OPS FeatureSpec OpInfo get_op list_ops register_activation register_op"
            ),
            "neat_deep.space.aggregations": "AGGREGATIONS register_aggregation",
        },
    )
