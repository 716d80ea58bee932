"""Files are UTF-8 everywhere, whatever the locale."""

from __future__ import annotations

import locale
import os
import subprocess
import sys
from pathlib import Path

import pytest

from neat_deep.config.experiment_file import load_experiment, read_settings_text, settings_text
from neat_deep.ops import register_activation
from tests.support.random_cells import DIGITS_INI

ROOT = Path(__file__).resolve().parents[2]
POOR = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
SCRIPT = """
import sys
from pathlib import Path
from neat_deep.cli.running import run_script

def main(_):
    from neat_deep.config.experiment_file import load_experiment, settings_text
    text = settings_text(load_experiment(sys.argv[1]))
    Path(sys.argv[2]).write_text(text)
    print(Path(sys.argv[2]).name, "größer" in text)

run_script(main)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="Python starts itself again by exec")
@pytest.mark.parametrize("name", ["plain", "größe", "日本"])
def test_a_script_reads_and_writes_utf8(name: str, tmp_path: Path) -> None:
    text = DIGITS_INI.read_text(encoding="utf-8").replace("root = data", "root = größer").replace("# ", "# é ")
    (tmp_path / f"{name}.ini").write_text(text, encoding="utf-8")
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "script.py", f"{name}.ini", f"out-{name}.txt"],
        cwd=tmp_path,
        env={**os.environ, **POOR, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )
    assert done.stderr.decode() == ""
    assert done.stdout.decode() == f"out-{name}.txt True\n"
    assert "größer" in (tmp_path / f"out-{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["größer", "ÉLU", "活性"])
def test_names_that_are_not_ascii_reach_neat_python(
    name: str, registrations: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register_activation(name)(abs)  # type: ignore[arg-type]
    monkeypatch.setattr(locale, "getpreferredencoding", lambda do_setlocale=True: "ascii")
    monkeypatch.setattr(locale, "getencoding", lambda: "ascii", raising=False)
    path = tmp_path / "e.ini"
    path.write_text(
        DIGITS_INI.read_text(encoding="utf-8").replace("activation_options = ", f"activation_options = {name} "),
        encoding="utf-8",
    )
    experiment = load_experiment(path)
    assert name in experiment.neat.genome_config.activation_options
    assert name in read_settings_text(settings_text(experiment)).neat.genome_config.activation_options
