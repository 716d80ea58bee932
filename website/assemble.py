"""The pages of the site in one folder: those of `docs/`, and those that the program tells.

A page of `docs/` may hold three things that this module fills in:

- `<!-- made: NAME -->`, a part that is made from the program (`TEXTS`, `PICTURED`);
- a fenced block of the language `dot` with a title, which becomes a picture;
- a link to a file of the repository, which becomes a page that shows the file.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import graphviz  # type: ignore[import-untyped]

from neat_deep.base.errors import ConfigError
from neat_deep.cli.listing import LISTINGS
from neat_deep.reports.pictures.render import draw_cell, draw_network
from neat_deep.space.architecture import Architecture
from website.api_pages import tables_of_names, write_room_pages
from website.ini_keys import sections_of_keys
from website.space_pictures import Table, activations_table, aggregations_table, ops_table, save_svg

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PICTURES, FILES = "pictures", "files"  # folders of what is made
LANGUAGES = {".ini": "ini", ".py": "python", ".json": "json", ".toml": "toml"}
SHOWN = "configs/architectures/resnet_block.json"  # the architecture that a page shows

MADE = re.compile(r"<!-- made: (\w+) -->")
DOT = re.compile(r"```dot title=\"([^\"]*)\"\n(.*?)```", re.DOTALL)
LINK = re.compile(r"(\]\()([^)#\s]+)((?:#[^)\s]*)?\))")


def assemble(target: Path) -> None:
    """Write all pages and pictures into `target`, which must not exist.

    Raises `ConfigError` for a part that nothing makes, and for a link to a file that is not there.
    """
    shutil.copytree(DOCS, target)
    (target / PICTURES).mkdir()
    write_room_pages(target / "api")
    shown: set[Path] = set()
    for source in sorted(DOCS.rglob("*.md")):
        page = target / source.relative_to(DOCS)
        page.write_text(fill_in(source, page, target, shown), encoding="utf-8")
    for file in sorted(shown):
        _show(file, target / FILES / f"{file}.md")
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    (target / "changelog.md").write_text(changes.replace("](docs/", "]("), encoding="utf-8")


def fill_in(source: Path, page: Path, target: Path, shown: set[Path]) -> str:
    """The text of the page `source` with all that is filled in, for the place `page` in `target`.

    Pictures are written into `target`. Files that the page links to are added to `shown`, as paths in the repository.
    """
    text = source.read_text(encoding="utf-8")
    text = MADE.sub(partial(_part, page, target), text)
    text = DOT.sub(partial(_drawing, page, target), text)
    return LINK.sub(partial(_link, source, page, target, shown), text)


# --- parts that the program tells ------------------------------------------------------------------------------------


def _listed(kind: str) -> str:
    """A table of what `neat-deep list` tells of a kind of names."""
    rows = [[f"`{name}`", text.replace("|", "\\|")] for name, text in sorted(LISTINGS.get(kind).lines())]
    return Table(["name", "what it is"], rows).text()


def _rooms() -> str:
    """The README's table of rooms."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return "\n".join(re.findall(r"(?m)^\|.*$", text.partition("\n## Layout\n")[2]))


def _architecture(pictures: Path, link: str) -> str:
    """A shipped cell, and a network of it for images of 32 pixels a side."""
    pictures.mkdir()
    architecture = Architecture.load(ROOT / SHOWN)
    cell = save_svg(draw_cell(architecture.cell), pictures / "cell")
    network = save_svg(draw_network(architecture, (3, 32, 32), 10), pictures / "network")
    return f"![a cell]({link}/{cell.name})\n\n![a network of such cells]({link}/{network.name})"


KINDS = ("datasets", "metrics", "objectives", "architectures")
TEXTS: dict[str, Callable[[], str]] = {
    "keys": partial(sections_of_keys, ROOT / "configs"),
    "names": tables_of_names,
    "rooms": _rooms,
    **{kind: partial(_listed, kind) for kind in KINDS},
}
# Called with the folder that pictures are written into, and the link by which the page reaches it.
PICTURED: dict[str, Callable[[Path, str], str]] = {
    "ops": ops_table,
    "activations": activations_table,
    "aggregations": aggregations_table,
    "architecture": _architecture,
}


def _part(page: Path, target: Path, match: re.Match[str]) -> str:
    name = match[1]
    if name in TEXTS:
        return TEXTS[name]()
    if name not in PICTURED:
        raise ConfigError(f"{page.relative_to(target)}: {match[0]}: allowed: {', '.join([*TEXTS, *PICTURED])}")
    pictures = target / PICTURES / name
    return PICTURED[name](pictures, os.path.relpath(pictures, page.parent))


def _drawing(page: Path, target: Path, match: re.Match[str]) -> str:
    """The picture of a block in DOT."""
    title, source = match[1], match[2]
    name = "-".join([page.stem, *re.findall(r"\w+", title)])
    file = save_svg(graphviz.Source(source), target / PICTURES / name)
    return f"![{title}]({os.path.relpath(file, page.parent)})"


# --- links to files of the repository --------------------------------------------------------------------------------


def _link(source: Path, page: Path, target: Path, shown: set[Path], match: re.Match[str]) -> str:
    """A link of a page, to a page that shows a file where it leaves the folder of the pages."""
    link = match[2]
    if ":" in link:  # to another site
        return match[0]
    file = Path(os.path.normpath(source.parent / link))
    if file.is_relative_to(DOCS):
        return match[0]  # what is missing there is found when the site is built
    if not file.is_relative_to(ROOT) or not file.is_file():
        raise ConfigError(f"{page.relative_to(target)}: the link {link} leads to no file of the repository")
    inside = file.relative_to(ROOT)
    shown.add(inside)
    place = os.path.relpath(target / FILES / f"{inside}.md", page.parent)
    return f"{match[1]}{place}{match[3]}"


def _show(file: Path, page: Path) -> None:
    """Write a page that shows a file of the repository."""
    page.parent.mkdir(parents=True, exist_ok=True)
    text = (ROOT / file).read_text(encoding="utf-8")
    language = LANGUAGES.get(file.suffix, "text")
    page.write_text(f"# {file}\n\n````{language}\n{text.rstrip()}\n````\n", encoding="utf-8")
