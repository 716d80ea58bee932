"""All INI keys, from the settings classes: what each section holds, with types, defaults and meanings.

A key's meaning is what most of the shipped files' comments say of it, or else the comment beside its field in the
source, or else the sentence of its class's docstring that names it. A key with none of these is an error.
"""

from __future__ import annotations

import inspect
import io
import re
import textwrap
import tokenize
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import neat_deep.config.strategy_experiment  # noqa: F401 - it registers [Search] and [SearchSpace]
from neat_deep.base.errors import ConfigError
from neat_deep.base.fields import KeyFacts, describe_keys
from neat_deep.base.plugins import load_installed_plugins
from neat_deep.base.registry import resolve
from neat_deep.base.sections import SECTIONS, Section

# In the order in which a file has them; the sections of strategies stand between.
FIRST = ("Data", "Network", "Training", "Fitness", "Run", "Search", "SearchSpace")
LAST = ("NEAT", "CellGenome", "DefaultSpeciesSet", "DefaultStagnation", "CellReproduction")

Comments = Mapping[tuple[str, str], Counter[str]]  # by section and key


def sections_of_keys(configs: Path) -> str:
    """All sections as Markdown; `configs` is the folder of the shipped INI files.

    Raises `ConfigError` for a key of which nothing says what it is.
    """
    load_installed_plugins()
    comments = shipped_comments(sorted(configs.glob("*.ini")))
    return "\n".join(_section(section, comments) for section in _in_order())


def shipped_comments(files: Iterable[Path]) -> Comments:
    """What the comments of INI files say of each key, and how many files say it."""
    comments: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for file in files:
        section, comment = "", list[str]()
        for line in file.read_text(encoding="utf-8").splitlines():
            if head := re.fullmatch(r"\[(\w+)\]", line):
                section, comment = head[1], []
            elif key := re.match(r"(?:# )?(\w+) =", line):
                if comment:
                    comments[section, key[1]][" ".join(comment)] += 1
                comment = []
            else:
                comment = [*comment, line[2:]] if line.startswith("# ") else []
    return comments


def usual(comments: Counter[str]) -> str:
    """What most files say of a key, without what single files add of their own numbers.

    Comments that begin alike, up to a colon or semicolon, are one; of what follows, that stays which most of them have.
    """
    heads: Counter[str] = Counter()
    for comment, files in comments.items():
        heads[_parts(comment)[0]] += files
    head, all_files = heads.most_common(1)[0]
    parts: Counter[str] = Counter()
    alike = Counter({comment: files for comment, files in comments.items() if _parts(comment)[0] == head})
    for comment, files in alike.items():
        for part in set(_parts(comment)):
            parts[part] += files
    commonest = alike.most_common(1)[0][0]
    return "".join(part for part in _parts(commonest) if 2 * parts[part] > all_files)


def _parts(comment: str) -> list[str]:
    """A comment in parts, each but the first with the colon or semicolon before it."""
    return re.split(r"(?=[;:] )", comment)


def source_comments(kind: type[Any]) -> dict[str, str]:
    """The comments beside the fields of a class, or else those on the lines above, by field."""
    source = textwrap.dedent(inspect.getsource(kind))
    lines, beside = source.splitlines(), dict[int, str]()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            beside[token.start[0]] = token.string.lstrip("# ")
    comments = {}
    for number, line in enumerate(lines, 1):
        if field := re.match(r"    (\w+): ", line):
            comments[field[1]] = beside.get(number) or " ".join(_above(lines, number))
    return {name: comment for name, comment in comments.items() if comment}


def _above(lines: list[str], number: int) -> list[str]:
    """The comment lines that end just above line `number`, counted from 1."""
    comment: list[str] = []
    for line in reversed(lines[: number - 1]):
        if not line.strip().startswith("#"):
            break
        comment.insert(0, line.strip().lstrip("# "))
    return comment


def _in_order() -> Iterator[Section]:
    known = {section.name: section for section in SECTIONS.values()}
    between = [name for name in known if name not in FIRST + LAST]
    return (known[name] for name in (*FIRST, *between, *LAST))


def _section(section: Section, comments: Comments) -> str:
    kind = resolve(section.settings)
    lines = [f"## [{section.name}]", "", *_docstring(kind)]
    lines += ["| key | what it is | it reads | default |", "| --- | --- | --- | --- |"]
    for key, facts in describe_keys(kind).items():
        meaning = _meaning(section.name, key, facts, comments)
        default = "must be given" if facts.default is None else f"`{facts.default}`" if facts.default else "nothing"
        lines.append(f"| `{key}` | {_cell(meaning)} | {facts.allowed} | {default} |")
    return "\n".join([*lines, ""])


def _docstring(kind: type[Any]) -> list[str]:
    """What a class says of itself, but for what it raises; that of a dataclass may be its signature alone."""
    text = inspect.getdoc(kind) or ""
    text = re.sub(r"; raises [^.]*|\s*\bRaises [^.]*\.", "", text)
    return [] if text.startswith(f"{kind.__name__}(") else [text, ""]


def _meaning(section: str, key: str, facts: KeyFacts, comments: Comments) -> str:
    shipped = comments.get((section, key))
    if shipped:
        return usual(shipped)
    beside = source_comments(facts.owner).get(facts.field)
    if beside:
        return beside
    text = " ".join((inspect.getdoc(facts.owner) or "").split())
    sentences = re.split(r"(?<=[.;:]) ", text)
    meaning = next((sentence.rstrip(".;:") for sentence in sentences if f"`{facts.field}`" in sentence), None)
    if meaning is None:
        raise ConfigError(f"[{section}] {key}: nothing says what it is; put a comment beside the field in its class")
    return meaning


def _cell(text: str) -> str:
    """A text that may stand in a cell of a Markdown table."""
    return text.replace("|", "\\|").replace("<", "&lt;")
