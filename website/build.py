"""Build the documentation site: `python -m website.build` writes it into `build/docs/site`.

It needs the extra `docs`. The build is strict: a warning of the site generator, a page that the navigation leaves out
or a link that leads nowhere ends it with exit code 1.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

from website.assemble import FILES, ROOT, assemble
from website.links import broken_links

GENERATOR = "zensical"
CONFIG, STYLE = (Path(__file__).with_name(name) for name in ("mkdocs.yml", "site.css"))
WORK = ROOT / "build" / "docs"
SITE = "site"  # within the folder that it is built in, as the generator asks


def build(work: Path) -> list[str]:
    """Gather the pages in the folder `work`, which is made anew, build the site in it, and return what is wrong."""
    if work.exists():
        shutil.rmtree(work)
    work.mkdir(parents=True)
    pages = work / "pages"
    assemble(pages)
    shutil.copy(STYLE, pages)
    config = CONFIG.read_text(encoding="utf-8").replace("SOURCES", str(ROOT))
    (work / CONFIG.name).write_text(config, encoding="utf-8")
    problems = unlisted_pages(pages, config)
    command = [
        sys.executable,
        "-m",
        GENERATOR,
        "build",
        "--clean",
        "--strict",
        "--config-file",
        str(work / CONFIG.name),
    ]
    if subprocess.run(command, cwd=work, check=False).returncode:
        return [*problems, f"{GENERATOR} ended with an error: see above"]
    return [*problems, *broken_links(work / SITE)]


def unlisted_pages(pages: Path, config: str) -> list[str]:
    """A line for each page that the navigation leaves out, but for those that show files, which pages link to."""
    listed = set(re.findall(r"[\w/-]+\.md", config.partition("\nnav:\n")[2]))
    paths = {path.relative_to(pages).as_posix() for path in pages.rglob("*.md")}
    left_out = sorted(page for page in paths - listed if not page.startswith(f"{FILES}/"))
    return [f"{page}: not in the navigation of {CONFIG.name}" for page in left_out]


def main() -> int:
    """Build, and tell what is wrong."""
    if importlib.util.find_spec(GENERATOR) is None:
        print(f"the site needs {GENERATOR}: pip install -e '.[docs]' (Python 3.11 or newer)", file=sys.stderr)
        return 2
    problems = build(WORK)
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(problems)} problems" if problems else f"the site is {WORK / SITE / 'index.html'}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
