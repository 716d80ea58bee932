"""A copy of the repository in which every command of the guide takes seconds: small experiments, small data.

The commands stay as they are. What is small are the shipped INI files and the data sets. A limit of minutes, which a
busy machine may refuse, becomes one of evaluations.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support.documentation import ROOT, Block
from tests.support.image_sets import pictures, write_classes, write_idx_set
from tests.support.installed import clean, install, new_environment
from tests.support.text_files import rows, write_folder, write_imdb, write_sst2

COPIED = (
    *("neat_deep", "darts", "configs", "examples", "benchmarks", "tests", "docs", "website"),
    *("Makefile", "pyproject.toml", "setup.py", "README.md", "CHANGELOG.md", "LICENSE"),
)
SMALL = {
    "Network": {"channels": "8"},
    "Training": {"epochs": "1", "batch_size": "16"},
    "Fitness": {"epochs": "1", "batch_size": "16", "train_subset": "40", "channels": "8"},
    "Run": {"generations": "2", "workers": "0"},
    "Search": {"generation_size": "3"},
    "Darts": {
        "op_options": "none identity sep_conv_3 max_pool_3",
        "epochs": "2",
        "weight_epochs": "1",
        "batch_size": "16",
        "train_subset": "40",
        "channels": "8",
    },
    "NEAT": {"pop_size": "4"},
    "Data": {"text_min_count": "1"},
}
STAMPS = (".installed", ".installed-test", ".installed-docs")  # what make takes for an environment that is ready


@dataclass(frozen=True)
class Workshop:
    """The folder that commands run in, and the folder of the programs of its environment."""

    folder: Path
    binaries: Path

    def run(self, block: Block, *, activated: bool) -> None:
        """Run a block as it stands, but for limits of minutes; raises `AssertionError` with what went wrong.

        `activated` says whether the reader has activated the environment by then.
        """
        text = re.sub(r"--minutes [\d.]+", "--evaluations 6", block.text)
        text = re.sub(r"minutes=[\d.]+", "evaluations=6", text)
        if block.language == "python":
            command = [str(self.binaries / "python"), "-c", text]
        else:
            command = ["bash", "-euo", "pipefail", "-c", f"{'. .venv/bin/activate' if activated else ':'}\n{text}"]
        variables = {**clean(), "HOME": str(self.folder / "home"), "OMP_NUM_THREADS": "1"}
        both = subprocess.STDOUT
        done = subprocess.run(
            command, cwd=self.folder, env=variables, stdout=subprocess.PIPE, stderr=both, text=True, check=False
        )
        assert done.returncode == 0, f"{text}\nended with {done.returncode}:\n{done.stdout[-3000:]}"


def open_workshop(folder: Path) -> Workshop:
    """Make the copy, its environment and its data in `folder`."""
    folder.mkdir()
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder)
    for file in (folder / "configs").glob("*.ini"):
        file.write_text(smaller(file.read_text(encoding="utf-8")), encoding="utf-8")
    binaries = new_environment(folder / ".venv")
    install(binaries, "--editable", folder)
    for stamp in STAMPS:
        (folder / ".venv" / stamp).touch()
    (folder / "home").mkdir()
    _write_data(folder)
    return Workshop(folder, binaries)


def smaller(text: str) -> str:
    """An INI file with the values of SMALL, for its keys that are set or stand commented with their default."""
    parts = re.split(r"(?m)^(?=\[)", text)
    return "".join(_smaller_section(part) for part in parts)


def _smaller_section(part: str) -> str:
    head = re.match(r"\[(\w+)\]", part)
    for key, value in SMALL.get(head[1] if head else "", {}).items():
        part = re.sub(rf"(?m)^(?:# )?{key} = .*$", f"{key} = {value}", part)
    return part


def _write_data(folder: Path) -> None:
    """What a reader has: published data sets, and images and texts of their own."""
    from PIL import Image

    data = folder / "data"
    for name in ("MNIST", "FashionMNIST"):
        write_idx_set(data / name / "raw")
    write_sst2(data)
    write_imdb(data)
    write_classes(folder / "my_images", ("cat", "dog"), 12)
    write_classes(folder, ("holiday",), 2)
    write_folder(folder / "my_texts")
    (folder / "reviews.txt").write_text("\n".join(text for text, _ in rows(4, 7)), encoding="utf-8")
    images, _ = pictures(2, 2, 24, 3, 9)
    Image.fromarray(images[0]).save(folder / "cat.jpg")
    Image.fromarray(images[1][:8, :8]).save(folder / "my_digit.png")
