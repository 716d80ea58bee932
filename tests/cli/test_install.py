"""The wheel, an sdist's wheel and an editable install carry the shipped files, and the command."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.installed import ROOT, build, clean, copy_sources, install, new_environment

SHIPPED = sorted(path.relative_to(ROOT / "configs") for path in (ROOT / "configs").rglob("*.[ij][ns]*"))
ASSETS = sorted(path.name for path in (ROOT / "neat_deep" / "reports" / "html" / "assets").rglob("*") if path.is_file())
FIND = """
from importlib.resources import as_file, files
with as_file(files("neat_deep.reports.html") / "assets") as folder:
    print(*sorted(path.name for path in folder.rglob("*") if path.is_file()))
"""
READ = """
from importlib.resources import files
import sys
import neat_deep
print(neat_deep.__file__)
for name in sys.argv[1:]:
    print(len(files("neat_deep.configs").joinpath(*name.split("/")).read_bytes()))
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["wheel", "sdist", "editable"])
def test_an_installed_project_has_its_files_and_its_command(how: str, tmp_path: Path) -> None:
    source = copy_sources(tmp_path / "source")
    binaries = new_environment(tmp_path / "environment")
    if how == "editable":
        install(binaries, "--editable", source)
    elif how == "wheel":
        install(binaries, build("wheel", source, tmp_path / "built"))
    else:
        install(binaries, build("wheel", build("sdist", source, tmp_path / "sdist"), tmp_path / "built"))
    empty = tmp_path / "empty"
    empty.mkdir()

    def run(*command: str) -> str:
        line = [str(binaries / command[0]), *command[1:]]
        return subprocess.run(line, cwd=empty, env=clean(), capture_output=True, text=True, check=True).stdout

    place, *sizes = run("python", "-c", READ, *map(str, SHIPPED)).splitlines()
    assert Path(place).is_relative_to(source if how == "editable" else tmp_path / "environment")
    assert [int(size) for size in sizes] == [(ROOT / "configs" / path).stat().st_size for path in SHIPPED]
    assert run("neat-deep", "init", "digits") == (ROOT / "configs" / "digits_neat.ini").read_text()
    assert run("python", "-c", FIND).split() == ASSETS
    assert "resnet_block" in run("neat-deep", "list", "architectures")
    assert not list(empty.iterdir())


def test_the_shipped_files_are_found() -> None:
    names = {path.name for path in SHIPPED}
    assert {"page.html", "page.css", "page.js", "vega.min.js", "LICENSE.vega"} <= set(ASSETS)
    assert {"digits_neat.ini", "mnist_darts.ini", "resnet_block.json", "gated_linear.json"} <= names
