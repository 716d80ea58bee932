"""The ops of the search space. Importing the package registers them."""

from neat_deep.ops import attention, convolution, pooling
from neat_deep.ops.pointwise import ACTIVATIONS, AGGREGATIONS, get_activation, get_aggregation
from neat_deep.ops.registry import FeatureSpec, OpInfo, get_op, list_ops, register_op

__all__ = [
    "ACTIVATIONS",
    "AGGREGATIONS",
    "FeatureSpec",
    "OpInfo",
    "attention",
    "convolution",
    "get_activation",
    "get_aggregation",
    "get_op",
    "list_ops",
    "pooling",
    "register_op",
]
