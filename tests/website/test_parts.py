"""What the site tells of the program: keys, ops, names, links; and that the hand-written pages keep up."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
import torch

from neat_deep.base.errors import ConfigError
from neat_deep.base.sections import SECTIONS
from neat_deep.cli.registry import COMMANDS
from neat_deep.ops import get_op, list_ops
from neat_deep.strategies.registry import STRATEGIES
from tests.support.documentation import PAGES, README, ROOT, blocks
from website import assemble, build, ini_keys, links, space_pictures
from website.api_pages import FACES, ROOMS, exported, summary, tables_of_names

DOCS = ROOT / "docs"


def text_of(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


# --- keys ------------------------------------------------------------------------------------------------------------


def test_every_section_and_key_stands_on_the_page_with_a_meaning() -> None:
    text = ini_keys.sections_of_keys(ROOT / "configs")
    assert re.findall(r"(?m)^## \[(\w+)\]$", text)[:2] == ["Data", "Network"]
    assert text.count("\n## [") + 1 == len(list(SECTIONS.values()))
    rows = re.findall(r"(?m)^\| `(\w+)` \| (.*) \| (.*) \| (.*) \|$", text)
    assert len(rows) > 150
    assert all(meaning and reads and default for _, meaning, reads, default in rows)
    assert ("rung_share", "the share of the compared networks that is trained further, at least one", "a number") in [
        row[:3] for row in rows
    ]


@pytest.mark.parametrize(
    ("comments", "expected"),
    [
        ({"how long": 1}, "how long"),
        ({"how long: a minute": 1, "how long: an hour": 1, "how long": 1}, "how long"),
        (
            {"the most; 0: no limit": 2, "the most; 0: no limit; 4 as published": 1, "so many": 1},
            "the most; 0: no limit",
        ),
        ({"images": 3, "texts; or none": 1}, "images"),
    ],
)
def test_what_single_files_add_is_left_out(comments: dict[str, int], expected: str) -> None:
    assert ini_keys.usual(Counter(comments)) == expected


def test_comments_are_read_from_files_and_from_classes(tmp_path: Path) -> None:
    file = tmp_path / "a.ini"
    file.write_text(
        "# all\n[Run]\n# how long\n# to search\ngenerations = 2\n# where\n# out = x\n\n# no key\n\nseed = 1\n"
    )
    found = ini_keys.shipped_comments([file])
    assert found == {("Run", "generations"): {"how long to search": 1}, ("Run", "out"): {"where": 1}}

    class Settings:
        """A class with comments beside and above its fields."""

        beside: int = 1  # what it is
        # What the next one
        # is.
        above: str = "#"
        without: int = 2

    assert ini_keys.source_comments(Settings) == {"beside": "what it is", "above": "What the next one is."}


# --- the search space ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "places"),
    [("identity", 1), ("sep_conv_3", 9), ("dil_conv_5", 25), ("max_pool_5", 25)],
)
def test_the_picture_of_an_op_shows_what_it_reads(name: str, places: int) -> None:
    influence = space_pictures.reach(get_op(name), 2)
    middle = space_pictures.SIDE // 2
    assert influence.shape == (space_pictures.SIDE, space_pictures.SIDE)
    assert int((influence > 0).sum()) == places
    assert influence[middle, middle] > 0
    assert space_pictures.reach_svg(influence).count("<rect") == 1 + space_pictures.SIDE**2 + 1


def test_every_op_and_activation_is_in_its_table(tmp_path: Path) -> None:
    state = torch.random.get_rng_state()
    table = space_pictures.ops_table(tmp_path / "ops", "pictures")
    assert re.findall(r"(?m)^\| `(\w+)` ", table) == [*list_ops(), "none"]
    for place in re.findall(r"\(pictures/([^)]*)\)", table):
        assert (tmp_path / "ops" / place).is_file()
    assert "`tanh`" in space_pictures.activations_table(tmp_path / "activations", "pictures")
    assert torch.equal(torch.random.get_rng_state(), state)


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_every_public_name_has_a_room_with_a_page_and_says_what_it_is() -> None:
    table = tables_of_names()
    listed = build.CONFIG.read_text(encoding="utf-8")
    assert all(f"api/{room}.md" in listed for room in ROOMS)
    for face in FACES:
        for name, module in exported(face).items():
            assert f"[`{name}`](" in table
            if not name.isupper():
                assert summary(name, module), name


# --- pages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<!-- made: nonsense -->", r"a.md: <!-- made: nonsense -->: allowed: keys, names"),
        ("[a](../nothing.ini)", r"a.md: the link ../nothing.ini leads to no file of the repository"),
        ("[a](../../../elsewhere.ini)", r"a.md: the link ../../../elsewhere.ini leads to no file of the repository"),
    ],
)
def test_a_page_with_what_cannot_be_filled_in_is_refused(text: str, message: str, tmp_path: Path) -> None:
    source = tmp_path / "a.md"
    source.write_text(text)
    with pytest.raises(ConfigError, match=message):
        assemble.fill_in(source, tmp_path / "site" / "a.md", tmp_path / "site", set())


def test_a_page_is_filled_in(tmp_path: Path) -> None:
    site, shown = tmp_path / "site", set[Path]()
    (site / "pictures").mkdir(parents=True)
    text = assemble.fill_in(DOCS / "how-it-works.md", site / "how-it-works.md", site, shown)
    (picture,) = (site / "pictures").iterdir()
    assert f"![from an INI file to a report](pictures/{picture.name})" in text
    assert "```dot" not in text
    text = assemble.fill_in(DOCS / "guide" / "texts.md", site / "guide" / "texts.md", site, shown)
    assert "[configs/sst2_neat.ini](../files/configs/sst2_neat.ini.md)" in text
    assert Path("configs/sst2_neat.ini") in shown


def test_pages_that_the_navigation_leaves_out_are_told(tmp_path: Path) -> None:
    for name in ("index.md", "guide/images.md", "files/a.ini.md", "lost.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("# A page\n")
    assert build.unlisted_pages(tmp_path, build.CONFIG.read_text()) == ["lost.md: not in the navigation of mkdocs.yml"]


def test_links_that_lead_nowhere_are_told(tmp_path: Path) -> None:
    (tmp_path / "guide").mkdir()
    (tmp_path / "index.html").write_text(
        '<h1 id="top">A</h1> <a href="guide/b.html#here">1</a> <a href="guide/b.html#gone">2</a> <img src="c.png">'
        '<a href="#top">3</a> <a href="https://example.org/x">4</a> <a href="../out.html">5</a> <a href="guide/">6</a>'
    )
    (tmp_path / "guide" / "b.html").write_text('<a id="here" href="../index.html">back</a>')
    assert links.broken_links(tmp_path) == [
        "index.html: guide/b.html#gone: no such place on the page",
        "index.html: c.png: no such file",
        "index.html: ../out.html: no such file",
        "index.html: guide/: no such file",
    ]


def test_the_readme_is_short_and_names_the_rooms_that_there_are() -> None:
    text = README.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 150
    assert len(re.findall(r"!\[", text)) == 2
    rooms = re.findall(r"(?m)^\| `(\w+)/` \|", text)
    assert sorted(rooms) == sorted(path.parent.name for path in (ROOT / "neat_deep").glob("*/__init__.py"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_to_files(page: Path) -> None:
    """As they are read in the repository; the site shows files, and no folders."""
    text = re.sub(r"(?s)```.*?```", "", page.read_text(encoding="utf-8"))
    for link in re.findall(r"\]\(([^)#\s:]+)(?:#[^)]*)?\)", text):
        target = page.parent / link
        assert target.is_file() or (target.is_dir() and not page.is_relative_to(ROOT / "docs")), link


def test_the_guide_names_every_strategy_and_every_command() -> None:
    strategies = text_of("guide/strategies.md")
    assert [name for name in STRATEGIES if f"| `{name}` |" not in strategies] == []
    commands = text_of("index.md")
    assert [name for name in COMMANDS if f"| `{name}` |" not in commands] == []


def test_the_guide_calls_pip_for_extras_that_there_are() -> None:
    _, _, optional = (ROOT / "pyproject.toml").read_text().partition("optional-dependencies]")
    extras = set(re.findall(r"(?m)^(\w+) = \[", optional))
    named = {name for page in PAGES for name in re.findall(r"pip install[^`]*'\.\[(\w+)\]'", page.read_text())}
    assert {"ray", "optuna", "torchtext"} <= named <= extras
    assert not any("pip install" in block.text for page in PAGES for block in blocks(page, "sh"))
