"""The project built and installed into an environment of its own, which borrows the libraries of this one."""

from __future__ import annotations

import os
import shutil
import site
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("neat_deep", "darts", "configs", "pyproject.toml", "setup.py", "README.md", "LICENSE")


def copy_sources(folder: Path) -> Path:
    """What git holds of the packages, in `folder`: building writes beside its sources."""
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / name)
    return folder


def new_environment(folder: Path) -> Path:
    """An environment without pip that finds the libraries of the running interpreter; returns its `bin`."""
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    binaries = folder / ("Scripts" if os.name == "nt" else "bin")
    asked = "import sysconfig; print(sysconfig.get_path('purelib'))"
    own = subprocess.run([binaries / "python", "-c", asked], capture_output=True, text=True, check=True, env=clean())
    (Path(own.stdout.strip()) / "borrowed.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    return binaries


def clean() -> dict[str, str]:
    """The environment variables of an installed project: Python does not find this checkout.

    The programs of this interpreter's libraries, such as the one that draws graphs, are found.
    """
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {**variables, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])}


def install(binaries: Path, *what: str | Path) -> None:
    """Install the project alone, built with this interpreter's setuptools; no network is needed."""
    options = ["--no-deps", "--no-build-isolation", "--ignore-installed", "--no-index", "--quiet"]
    command = [sys.executable, "-m", "pip", "--python", str(binaries / "python"), "install", *options, *map(str, what)]
    subprocess.run(command, check=True, env=clean())


def build(kind: str, source: Path, target: Path) -> Path:
    """Build `source` (a folder or an sdist) as a wheel, or as an sdist, in `target`; returns the file."""
    target.mkdir(parents=True, exist_ok=True)
    if kind == "wheel":
        options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
        command = [sys.executable, "-m", "pip", "wheel", *options, str(source), "--wheel-dir", str(target)]
    else:
        code = f"import setuptools.build_meta as backend; backend.build_sdist({str(target)!r})"
        command = [sys.executable, "-c", code]
    subprocess.run(
        command, check=True, cwd=source if source.is_dir() else target, env=clean(), stdout=subprocess.DEVNULL
    )
    (built,) = target.iterdir()
    return built
