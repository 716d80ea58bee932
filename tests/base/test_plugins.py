"""Plugins: files and modules that register something, loaded once, and one line for whatever is wrong with them."""

from __future__ import annotations

import importlib.metadata
import logging
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from neat_deep.base import plugins
from neat_deep.base.errors import ConfigError
from neat_deep.base.plugins import load_installed_plugins, load_plugins, loaded_plugins, require_plugins
from neat_deep.base.registry import registration_scope
from neat_deep.base.sections import SECTIONS
from neat_deep.ops import ACTIVATIONS

GOOD = """
from neat_deep.ops import register_activation
print("it runs")

class Wave:
    pass

@register_activation("{name}", summary="a wave")
def wave(x):
    return x.sin()
"""

pytestmark = pytest.mark.usefixtures("registrations")


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_file_is_imported_once(capsys: pytest.CaptureFixture[str]) -> None:
    Path("once.py").write_text(GOOD.format(name="once"))
    load_plugins(["once.py"])
    load_plugins(["once.py", str(Path("once.py").resolve())])
    assert capsys.readouterr().out == "it runs\n"
    assert ACTIVATIONS.get("once").summary == "a wave"
    assert loaded_plugins()[-1] == str(Path("once.py").resolve())


def test_a_module_is_imported_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path / "lib")
    (tmp_path / "lib" / "others").mkdir(parents=True)
    (tmp_path / "lib" / "others" / "of_mine.py").write_text(GOOD.format(name="other"))
    load_plugins(["others.of_mine"])
    assert "other" in ACTIVATIONS
    assert loaded_plugins()[-1] == "others.of_mine"


def test_after_a_scope_a_plugin_is_not_loaded_and_can_be_again() -> None:
    Path("scoped.py").write_text(GOOD.format(name="scoped"))
    for _ in range(2):
        with registration_scope():
            load_plugins(["scoped.py"])
            require_plugins(["scoped.py"])
            assert "scoped" in ACTIVATIONS
        assert "scoped" not in ACTIVATIONS
        with pytest.raises(ConfigError, match="scoped.py"):
            require_plugins(["scoped.py"])


def test_another_process_finds_what_a_file_holds_under_the_same_name() -> None:
    Path("sent.py").write_text(GOOD.format(name="sent"))
    load_plugins(["sent.py"])
    sent = pickle.dumps(ACTIVATIONS.get("sent").code).hex()
    code = (
        "import pickle; from neat_deep.base.plugins import load_plugins;"
        f"load_plugins({list(loaded_plugins()[-1:])!r}); print(pickle.loads(bytes.fromhex('{sent}')).__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "it runs\nwave\n"


BROKEN = {
    "missing.py": (None, r"plugin missing.py: there is no such file; allowed: the path of a Python file"),
    "sub/missing.py": (None, r"plugin sub/missing.py: there is no such file"),
    "no_such_module_here": (None, r"plugin no_such_module_here: No module named 'no_such_module_here'; allowed: "),
    "os.no_such_part": (None, r"plugin os.no_such_part: No module named 'os.no_such_part'"),
    "syntax.py": ("x = 1\nx = = 2\n", r"plugin syntax.py, line 2: SyntaxError: invalid syntax"),
    "imports.py": (
        "\nimport no_such_thing\n",
        r"plugin imports.py, line 2: ModuleNotFoundError: No module named 'no_s",
    ),
    "raises.py": ("def f():\n    return {}['x']\n\nf()\n", r"plugin raises.py, line 2: KeyError: 'x'"),
    "two_lines.py": ("raise ValueError('a\\nb')\n", r"plugin two_lines.py, line 1: ValueError: a b"),
    "ends.py": ("import sys\nsys.exit('bye')\n", r"plugin ends.py, line 2: it ends the program; allowed: .*__main__"),
    "taken.py": (GOOD.format(name="relu"), r"plugin taken.py, line \d+: activation name 'relu' is taken"),
    "folder.py": ("folder", r"plugin folder.py: it is a folder"),
    "text/plugin.txt": ("x = 1", r"plugin text/plugin.txt: not a Python file; allowed: a file whose name ends in .py"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_with_a_plugin_is_said_in_a_line(name: str) -> None:
    content, message = BROKEN[name]
    path = Path(name)
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    before = loaded_plugins()
    with pytest.raises(ConfigError, match=message) as caught:
        load_plugins([name])
    assert "\n" not in str(caught.value)
    assert loaded_plugins() == before


def test_a_module_that_lies_here_as_a_file_is_suggested() -> None:
    Path("beside.py").write_text("")
    with pytest.raises(ConfigError, match=r"No module named 'beside'; did you mean beside.py\? allowed"):
        load_plugins(["beside"])


def test_a_plugin_that_fails_has_registered_nothing() -> None:
    Path("half.py").write_text(GOOD.format(name="half") + "\nraise ValueError('no further')\n")
    with pytest.raises(ConfigError, match="no further"):
        load_plugins(["half.py"])
    assert "half" not in ACTIVATIONS
    Path("half.py").write_text(GOOD.format(name="half"))
    load_plugins(["half.py"])
    assert "half" in ACTIVATIONS


def test_what_a_run_needs_is_known_by_its_name_wherever_it_lies() -> None:
    Path("moved").mkdir()
    Path("moved/tool.py").write_text(GOOD.format(name="tool"))
    with pytest.raises(
        ConfigError, match=r"the run needs old/tool.py, lib.x, .* with --plugin old/tool.py --plugin lib"
    ):
        require_plugins(["old/tool.py", "lib.x"])
    load_plugins(["moved/tool.py"])
    require_plugins(["old/tool.py", "tool.py"])


# --- installed packages ----------------------------------------------------------------------------------------------


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that says it is a plugin, as pip would have put it there."""
    folder = tmp_path / "site"
    (folder / "waves-1.0.dist-info").mkdir(parents=True)
    (folder / "waves-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: waves\nVersion: 1.0\n")
    (folder / "waves-1.0.dist-info" / "entry_points.txt").write_text(
        f"[{plugins.GROUP}]\nsea = {tmp_path.name}_waves\n"
    )
    monkeypatch.syspath_prepend(folder)
    importlib.invalidate_caches()
    return folder / f"{tmp_path.name}_waves.py"


def test_an_installed_plugin_is_loaded_once(installed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    installed.write_text(GOOD.format(name="sea"))
    for _ in range(2):
        load_installed_plugins()
        assert "sea" in ACTIVATIONS
    assert capsys.readouterr().out == "it runs\n"


def test_an_installed_plugin_that_fails_costs_a_line(installed: Path, caplog: pytest.LogCaptureFixture) -> None:
    installed.write_text(GOOD.format(name="sea") + "\n1 / 0\n")
    with caplog.at_level(logging.WARNING):
        load_installed_plugins()
        load_installed_plugins()
    messages = [record.getMessage() for record in caplog.records]
    assert messages == ["the plugin 'sea' of waves is left out: ZeroDivisionError: division by zero"]
    assert "sea" not in ACTIVATIONS


def test_darts_tells_its_section_by_its_entry_point() -> None:
    load_installed_plugins()
    assert "Darts" in SECTIONS
