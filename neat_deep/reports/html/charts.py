"""The charts of a page as Vega-Lite specifications, in plain JSON: what they show, without colours of the theme.

The page fills in the theme and the width. A colour is a variable of the page's style sheet, such as `var(--series-1)`,
so that one chart serves the light page, the dark one and paper.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from neat_deep.reports.html.content import Chart

Row = Mapping[str, Any]
Spec = dict[str, Any]

INK, FAINT = "var(--ink)", "var(--faint)"
SERIES = tuple(f"var(--series-{number})" for number in range(1, 9))
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [12, 3], [4, 1])
LOG_FROM = 20.0  # values that span more than this factor stand on a logarithmic axis
TICKS = 6


def axis(field: str, title: str, *, kind: str = "quantitative", **more: Any) -> Spec:
    """What an axis shows: a field, and its title with the unit."""
    return {"field": field, "type": kind, "title": title, **more}


def accuracy_axis(field: str, rows: Sequence[Row], title: str = "validation accuracy") -> Spec:
    """An accuracy in percent, on the part of 0 to 1 that the better three quarters of the values span."""
    values = sorted(row[field] for row in rows if row.get(field) is not None)
    low = values[len(values) // 4] if values else 0.0
    high = values[-1] if values else 1.0
    room = max(high - low, 0.01)
    bottom = max(0.0, min(low - 0.6 * room, high - 0.02))
    digits = 0 if high - bottom > 0.08 else 1 if high - bottom > 0.008 else 2
    scale = {"domain": [bottom, min(1.0, high + 0.15 * room)], "nice": False, "clamp": True, "zero": False}
    return axis(field, title, scale=scale, axis={"format": f".{digits}%", "tickCount": 6})


def size_axis(field: str, title: str, rows: Sequence[Row], form: str = "~s") -> Spec:
    """A number above 0 in d3's format `form`; on a logarithmic scale where the values span a wide range."""
    values = [row[field] for row in rows if row[field] > 0]
    is_wide = bool(values) and max(values) > LOG_FROM * min(values)
    scale: Spec = {"type": "log"} if is_wide else {"zero": False}
    return axis(field, title, scale={**scale, "nice": True}, axis={"format": form, "tickCount": TICKS})


def tooltip(*fields: tuple[str, str, str]) -> list[Spec]:
    """What is told under the pointer: (field, title, format); a text has the format ''."""
    return [
        {"field": field, "title": title, **({"type": "quantitative", "format": form} if form else {"type": "nominal"})}
        for field, title, form in fields
    ]


def colours(field: str, names: Sequence[str], palette: Sequence[str] = SERIES) -> Spec:
    """A colour for each name, of those that the colour-blind tell apart."""
    scale = {"domain": list(names), "range": [palette[n % len(palette)] for n in range(len(names))]}
    return {"field": field, "type": "nominal", "scale": scale, "title": None, "sort": list(names)}


def layers(*parts: Spec, **more: Any) -> Spec:
    """Marks over one another."""
    return {"layer": list(parts), **more}


def marks(rows: Sequence[Row], mark: Spec, **encoding: Any) -> Spec:
    """Rows as marks."""
    return {"data": {"values": list(rows)}, "mark": mark, "encoding": encoding}


def generation_axis(last: int, title: str) -> Spec:
    """Whole numbers from 1."""
    step = max(1, -(-last // 12))
    ticks = [number for number in range(1, last + 1) if number == 1 or number % step == 0]
    return axis(
        "generation",
        title,
        scale={"domain": [0.5, last + 0.5], "nice": False},
        axis={"values": ticks, "format": "d", "grid": False},
    )


def stacked_bars(
    rows: Sequence[Row],
    *,
    last: int,
    x_title: str,
    y_title: str,
    kind: str,
    names: Sequence[str],
    caption: str,
    palette: Sequence[str] = SERIES,
) -> Chart:
    """A bar a generation: the rows' `count`, by their field `kind`; `last` is the number of the last generation."""
    bars = [{**row, "from": row["generation"] - 0.4, "to": row["generation"] + 0.4} for row in rows]
    across = {**generation_axis(last, x_title), "field": "from"}
    spec = marks(
        bars,
        {"type": "bar", "stroke": "var(--paper)", "strokeWidth": 0.5},
        x=across,
        x2={"field": "to"},
        y=axis("count", y_title, aggregate="sum", stack="zero", axis={"tickMinStep": 1, "format": "d"}),
        color=colours(kind, names, palette),
        order={"field": "order", "type": "quantitative"},
        tooltip=tooltip(("generation", x_title, "d"), (kind, kind, ""), ("count", y_title, "d")),
    )
    return Chart(spec, caption, height=200)
