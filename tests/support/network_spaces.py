"""Spaces of whole networks that tests draw."""

from __future__ import annotations

from hypothesis import strategies as st

from neat_deep.space.architecture import Skeleton
from neat_deep.space.network_space import NetworkSpace
from neat_deep.space.skeleton_options import SkeletonOptions
from neat_deep.space.skeleton_space import SkeletonSpace
from tests.support.spaces import spaces

BASE = Skeleton(channels=8, cells=3, reduce_after=(1,), norm="layer", dropout=0.1)


@st.composite
def skeleton_options(draw: st.DrawFn) -> SkeletonOptions:
    """Options of channels, or of the layout, or of both."""
    kinds = draw(st.sampled_from([("channels",), ("layout",), ("channels", "layout")]))
    channels = st.lists(st.sampled_from((4, 8, 12, 16)), min_size=1, unique=True)
    reductions = st.lists(st.integers(0, 3), min_size=1, unique=True)
    cells = st.lists(st.integers(0, 3), min_size=1, unique=True).filter(any)
    return SkeletonOptions(
        channels_options=tuple(draw(channels)) if "channels" in kinds else (),
        reductions_options=tuple(draw(reductions)) if "layout" in kinds else (),
        stage_cells_options=tuple(draw(cells)) if "layout" in kinds else (),
    )


@st.composite
def skeleton_spaces(draw: st.DrawFn) -> SkeletonSpace:
    """A space of skeletons made of `BASE`."""
    return SkeletonSpace(draw(skeleton_options()), BASE)


@st.composite
def network_spaces(draw: st.DrawFn, max_nodes: int = 3) -> NetworkSpace:
    """A space of small cells in such skeletons."""
    return NetworkSpace(draw(spaces(max_nodes)), draw(skeleton_spaces()))
