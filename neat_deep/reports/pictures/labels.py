"""Colours, and the HTML-like labels of graphviz that `neat_deep.reports.pictures.render` puts on its nodes."""

from __future__ import annotations

from html import escape

from neat_deep.reports.pictures.drawing import TIMES, Box, CellFacts, Slot, Stage
from neat_deep.space.cell_graph import IDENTITY, NONE

INK = "#1F2937"
LINE = "#4B5563"
MUTED = "#6B7280"
FAINT = "#AEB6C2"
FAINT_LINE = "#D5DAE1"
FAINT_FILL = "#FAFAFB"
PAPER = "#FFFFFF"
GATE = "#C2410C"  # of gates and the wires that they stand at

# Each family's fill and line. Families that users name share the last pair.
FAMILY_COLOURS = {
    "separable convolution": ("#DBE8FA", "#2F6BB5"),
    "dilated convolution": ("#D2EDE7", "#1C7F70"),
    "pooling": ("#FCE9C4", "#B7791F"),
    "identity": ("#E9EBEF", "#7B8494"),
    "attention": ("#E7DEF7", "#7548B5"),
    "convolution": ("#D5E9F7", "#1F5F8B"),
    "recurrence": ("#F6E3D3", "#A8561C"),
}
CUSTOM_COLOURS = ("#FADDE3", "#B83A5B")
# Motifs are dark, with light names, and each has the colour of the frame that shows its inside.
MOTIF_COLOURS = ("#1E40AF", "#9A3412", "#166534", "#6B21A8", "#9D174D", "#0E7490")
SIGNS = {"add": "+", "mul": TIMES}

SIGN_PORT = "sign"


def title_label(title: str) -> str:
    """A picture's title, large."""
    return _html(_font(f"<B>{escape(title)}</B>", size=20))


def inset_label(text: str, colour: str = INK) -> str:
    """The heading of a part of a picture."""
    return _html(_font(f"<B>{escape(text)}</B>", size=13, colour=colour))


def motif_colour(place: int) -> str:
    """The colour of the motif at that place among a cell's."""
    return MOTIF_COLOURS[place % len(MOTIF_COLOURS)]


def stage_label(stage: Stage) -> str:
    """A stage's name, and below it the shape that leaves it."""
    shape = f"<BR/>{_font(escape(stage.shape), size=11)}" if stage.shape else ""
    return _html(f"<B>{escape(stage.label)}</B>{shape}")


def box_label(box: Box) -> str:
    """A node as a card: a row for each slot, and beside two slots the sign of the aggregation.

    Edges find the ports `slot1`, `slot2` and `sign`.
    """
    line, ink = (LINE, MUTED) if box.live else (FAINT_LINE, FAINT)
    columns = len(box.slots)  # the second column holds the sign
    caption = _font(escape(box.caption), size=10, colour=ink)
    rows = f'<TR><TD COLSPAN="{columns}" BORDER="0" ALIGN="LEFT" CELLPADDING="1">{caption}</TD></TR>'
    for number, slot in enumerate(box.slots, 1):
        sign = _sign_cell(box) if columns == 2 and number == 1 else ""
        rows += f"<TR>{_slot_cell(slot, f'slot{number}')}{sign}</TR>"
    return _html(
        f'<TABLE STYLE="ROUNDED" BORDER="1" COLOR="{line}" BGCOLOR="{PAPER}"'
        f' CELLBORDER="1" CELLSPACING="4" CELLPADDING="5">{rows}</TABLE>'
    )


def box_outlet(box: Box) -> str:
    """The port that a node's value leaves by: the sign of its aggregation, or its only slot."""
    return f"{box.name}:{SIGN_PORT if len(box.slots) == 2 else 'slot1'}"


def legend_label(facts: CellFacts) -> str:
    """What the colours and lines mean, for those that occur; empty where none does."""
    cells = ""
    for family in facts.families:
        fill, line = _family_colours(family)
        swatch = f'STYLE="ROUNDED" BGCOLOR="{fill}" COLOR="{line}" WIDTH="22" HEIGHT="14" FIXEDSIZE="TRUE"'
        cells += f"<TD {swatch}></TD>{_legend_text(family)}"
    states = {wire.state for wire in facts.wires}
    if "unused" in states or not all(box.live for box in facts.boxes):
        swatch = f'STYLE="ROUNDED" BGCOLOR="{FAINT_FILL}" COLOR="{FAINT}" WIDTH="22" HEIGHT="14" FIXEDSIZE="TRUE"'
        cells += f"<TD {swatch}></TD>{_legend_text('not expressed')}"
    if "disabled" in states:
        cells += f'<TD BORDER="0">{_font("<B>- - - -</B>", size=11, colour=FAINT)}</TD>{_legend_text("disabled")}'
    if any(slot.gated for box in facts.boxes for slot in box.slots):
        cells += (
            f'<TD BORDER="0">{_font(f"<I>{TIMES} g</I>", size=11, colour=GATE)}</TD>{_legend_text("learnable gate")}'
        )
    if not cells:
        return ""
    return _html(f'<TABLE BORDER="0" CELLBORDER="1" CELLSPACING="4" CELLPADDING="1"><TR>{cells}</TR></TABLE>')


def _slot_cell(slot: Slot, port: str) -> str:
    fill, line = _family_colours(slot.family) if slot.live else (FAINT_FILL, FAINT_LINE)
    ink = INK if slot.live else FAINT
    if slot.live and slot.motif is not None:
        fill, line, ink = motif_colour(slot.motif), motif_colour(slot.motif), PAPER
    text = f"<B>{escape(slot.op)}</B>"
    if slot.activation != IDENTITY and slot.op != NONE:
        text += f"  {escape(slot.activation)}"
    if slot.gated:
        text += "  " + _font(f"<I>{TIMES} g</I>", size=12, colour=GATE)
    text = _font(text, size=12, colour=ink)
    return f'<TD PORT="{port}" STYLE="ROUNDED" BGCOLOR="{fill}" COLOR="{line}" ALIGN="LEFT">{text}</TD>'


def _sign_cell(box: Box) -> str:
    colour = INK if all(slot.live for slot in box.slots) else FAINT  # one live slot leaves nothing to aggregate
    sign = _font(f"<B>{escape(SIGNS.get(box.aggregation, box.aggregation))}</B>", size=18, colour=PAPER)
    return f'<TD ROWSPAN="2" PORT="{SIGN_PORT}" STYLE="ROUNDED" BGCOLOR="{colour}" COLOR="{colour}">{sign}</TD>'


def _legend_text(text: str) -> str:
    return f'<TD BORDER="0" ALIGN="LEFT">{_font(escape(text), size=11, colour=MUTED)}  </TD>'


def _family_colours(family: str) -> tuple[str, str]:
    return FAMILY_COLOURS.get(family, CUSTOM_COLOURS)


def _font(text: str, *, size: int, colour: str = "") -> str:
    colouring = f' COLOR="{colour}"' if colour else ""
    return f'<FONT POINT-SIZE="{size}"{colouring}>{text}</FONT>'


def _html(text: str) -> str:
    return f"<{text}>"  # the outer angle brackets tell graphviz that a label is HTML-like
