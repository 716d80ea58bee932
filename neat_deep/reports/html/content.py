"""What a page is made of: figures and sections of blocks. What draws them knows nothing of runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from neat_deep.space.cell_graph import CellGraph


@dataclass(frozen=True)
class Figure:
    """One number of the headline, with its unit."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    kind: ClassVar[str] = "text"
    text: str


@dataclass(frozen=True)
class Code:
    """Lines to copy."""

    kind: ClassVar[str] = "code"
    text: str
    caption: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of texts; the columns in `numbers`, counted from 0, stand on the right. `folded` ones open by a click."""

    kind: ClassVar[str] = "table"
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    numbers: frozenset[int] = frozenset()
    folded: bool = False


@dataclass(frozen=True)
class Drawing:
    """A picture that Graphviz drew of DOT source `source`. Nodes named in `cells` show that cell under the pointer."""

    kind: ClassVar[str] = "drawing"
    source: str
    caption: str
    cells: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Chart:
    """A Vega-Lite specification without a theme or width; `caption` says what can be seen, for those who cannot.

    A datum with a field `cell` shows the page's cell of that digest under the pointer.
    """

    kind: ClassVar[str] = "chart"
    spec: Mapping[str, Any]
    caption: str
    height: int = 280  # pixels
    half: bool = False  # stands beside the next one where there is room


@dataclass(frozen=True)
class Shares:
    """Parts of a whole, as one bar: (name, amount, what to write)."""

    kind: ClassVar[str] = "shares"
    caption: str
    parts: tuple[tuple[str, float, str], ...]

    @property
    def total(self) -> float:
        """The whole."""
        return sum(amount for _, amount, _ in self.parts) or 1.0


@dataclass(frozen=True)
class Frames:
    """Cells in an order that a slider goes through; `charts` show what their signal `frame`, from 1, selects.

    `labels` name the frames, `cells` are digests of the page's cells.
    """

    kind: ClassVar[str] = "frames"
    caption: str
    labels: tuple[str, ...]
    cells: tuple[str, ...]
    charts: tuple[Chart, ...] = ()


Block = Text | Code | Table | Drawing | Chart | Shares | Frames


@dataclass(frozen=True)
class Section:
    """A part of a page under a heading; `lead` is one sentence on how to read it."""

    title: str
    blocks: tuple[Block, ...]
    lead: str = ""

    @property
    def anchor(self) -> str:
        """Its name in links of the page."""
        return "-".join("".join(c if c.isalnum() else " " for c in self.title.lower()).split())


@dataclass(frozen=True)
class Page:
    """All of a page.

    `cells` are those that are shown under the pointer, by digest, the most important first. `facts` are told beside
    each: names and what to write.
    """

    title: str
    subtitle: str
    figures: tuple[Figure, ...]
    sections: tuple[Section, ...]
    cells: Mapping[str, CellGraph] = field(default_factory=dict)
    facts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    notice: str = ""  # what a reader must know first, such as that the run is not finished


@dataclass(frozen=True)
class CurvePoint:
    """The best validation accuracy (0..1) known after so many training examples and minutes of a search."""

    samples: int
    minutes: float
    accuracy: float


@dataclass(frozen=True)
class RunReport:
    """What one run says of itself: its own page, and what a comparison needs.

    `data` are facts that runs must share to be compared. `group` names the runs that differ by their seed alone.
    Accuracies are shares (0..1), None where they are not known. `curve` is empty for a search that scores no networks
    one by one. `skeleton` tells that of the best network where the search chose it.
    """

    name: str
    strategy: str
    group: str
    seed: int
    data: Mapping[str, Any]
    page: Page
    validation_accuracy: float | None = None
    test_accuracies: tuple[float, ...] = ()
    parameters: int | None = None
    minutes: float | None = None
    samples: int | None = None
    networks: int | None = None
    curve: tuple[CurvePoint, ...] = ()
    best: CellGraph | None = None
    skeleton: str = ""
