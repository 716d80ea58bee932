"""What a user of `neat-deep` can get wrong ends in exit code 2, one line and nothing half-written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import darts.plugin  # noqa: F401  registers the search `darts`, as its installation does
from neat_deep.config.experiment_file import load_experiment, settings_text
from neat_deep.store.run_store import RunStore
from tests.support.command import run_command
from tests.support.folders import contents

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "configs"

Prepare = Callable[[Path], None]


def nothing(folder: Path) -> None:
    """The folder as it is: d.ini for NEAT, darts.ini for DARTS, a.json, an empty folder and a text file."""


def stored_run(folder: Path) -> None:
    """A folder `run` with the store of a run that has just begun."""
    experiment = load_experiment(folder / "d.ini")
    meta = {"ini": experiment.text, "settings": settings_text(experiment), "data": "", "device": "cpu", "threads": "1"}
    RunStore.create(folder / "run" / "run.sqlite", meta).close()


def broken_run(folder: Path) -> None:
    stored_run(folder)
    (folder / "broken").mkdir()
    (folder / "broken" / "run.sqlite").write_bytes((folder / "run" / "run.sqlite").read_bytes()[:1000])


def empty_file(folder: Path) -> None:
    (folder / "empty.json").write_text("")


def both_sections(folder: Path) -> None:
    """An INI file that is for both searches."""
    (folder / "d.ini").write_text((folder / "d.ini").read_text() + "\n[Darts]\nepochs = 2\n")


def no_section(folder: Path) -> None:
    """An INI file that says nothing about how to search."""
    text = (folder / "d.ini").read_text()
    (folder / "d.ini").write_text(text[: text.index("[NEAT]")])


def random_alone(folder: Path) -> None:
    """An INI file for a strategy of the registry, without a section of neat-python's."""
    text = (CONFIGS / "digits_random.ini").read_text()
    assert "[NEAT]" not in text
    (folder / "r.ini").write_text(text)


def misspelt_section(folder: Path) -> None:
    """[Darts] as [Dart]."""
    path = folder / "darts.ini"
    path.write_text(path.read_text().replace("[Darts]", "[Dart]"))


def full_folder(folder: Path) -> None:
    """A folder with a file of somebody's."""
    (folder / "full").mkdir()
    (folder / "full" / "notes.txt").write_text("mine\n")


def scored_nothing(folder: Path) -> None:
    """The folder of a run whose store has no network, with an architecture in it."""
    stored_run(folder)
    shutil.copy(folder / "a.json", folder / "run" / "best.json")


def _tuned(folder: Path, line: str) -> None:
    text = (folder / "d.ini").read_text()
    head, _, rest = text.partition("[Tuning]\n")
    (folder / "d.ini").write_text(f"{head}[Tuning]\n{line}\n{rest}")


def tuned_too_small(folder: Path) -> None:
    """A bound that no network keeps."""
    _tuned(folder, "max_macs = 10")


def tuned_with_commas(folder: Path) -> None:
    """A list as other formats write it."""
    _tuned(folder, "learning_rates = 0.1, 0.2")


def tuned_backwards(folder: Path) -> None:
    """Rungs that fall."""
    _tuned(folder, "rungs = 3 2")


def damaged_network(folder: Path) -> None:
    """A trained.pt that is none."""
    (folder / "empty" / "trained.pt").write_bytes(b"no network")


def locked_folder(folder: Path) -> None:
    """A folder that nobody may write to, where the user is not root."""
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    (folder / "locked").mkdir(mode=0o500)


CASES: tuple[tuple[str, str, Prepare], ...] = (
    ("serach d.ini", "unknown command 'serach'; did you mean 'search'? known: classify, ensemble, export,", nothing),
    ("--talkative", "no such option: --talkative; neat-deep --help shows what there is", nothing),
    ("search", "missing argument 'INI'; neat-deep search --help shows what there is", nothing),
    ("search d.ini extra", "got unexpected extra argument(s) (extra)", nothing),
    ("search d.ini --popluation 4", "no such option: --popluation; did you mean --population?", nothing),
    ("search d.ini --seed x", "--seed: got 'x', allowed: a whole number", nothing),
    ("search d.ini --seed", "option '--seed' requires an argument", nothing),
    ("search absent.ini", "cannot read INI file absent.ini: No such file", nothing),
    ("search empty", "cannot read INI file empty: Is a directory", nothing),
    ("search d.ini --generations 0", "--generations: got 0, allowed: 1 or more", nothing),
    ("search d.ini --minutes 0", "--minutes: got 0, allowed: a finite number above 0", nothing),
    ("search d.ini --minutes -1", "--minutes: got -1, allowed: a finite number above 0", nothing),
    ("search d.ini --minutes inf", "--minutes: got inf, allowed: a finite number above 0", nothing),
    ("search d.ini --minutes nan", "--minutes: got nan, allowed: a finite number above 0", nothing),
    ("search darts.ini --minutes 0", "--minutes: got 0, allowed: a finite number above 0", nothing),
    ("search d.ini --evaluations 0", "--evaluations: got 0, allowed: 1 or more", nothing),
    ("search d.ini --samples 0", "--samples: got 0, allowed: 1 or more", nothing),
    ("search d.ini --strategy grdi", "unknown strategy 'grdi' in --strategy; ", nothing),
    ("search r.ini --strategy neat", "r.ini: the section [NEAT] is missing", random_alone),
    ("search d.ini --retrainings 0", "--retrainings: got 0, allowed: 1 or more", nothing),
    (
        "search d.ini --data-root empty",
        "--data-root: got empty, allowed with the data set digits: none, it re",
        nothing,
    ),
    ("search darts.ini --data-root empty", "--data-root: got empty, allowed with the data set digits: none", nothing),
    ("train a.json --config d.ini --data-root empty", "--data-root: got empty, allowed with the data set", nothing),
    ("resume run --data-root empty", "--data-root: got empty, allowed with the data set digits: none", stored_run),
    ("search d.ini --dataset digit", "--dataset: unknown data set 'digit'; did you mean 'digits'?", nothing),
    ("search d.ini --device xyz", "--device: device 'xyz' cannot be used here; allowed: auto, cpu", nothing),
    ("search d.ini --workers many", "--workers: got 'many', allowed: auto, 0 to 1024, or ray", nothing),
    ("search d.ini --out file/run", "--out: cannot make the folder file/run: Not a directory", nothing),
    ("search d.ini --out file", "--out: file is a file, allowed: a folder", nothing),
    ("search d.ini --out locked/run", "--out: cannot make the folder locked/run: Permission denied", locked_folder),
    ("search d.ini --out /proc/nowhere/run", "--out: cannot make the folder /proc/nowhere/run: ", nothing),
    ("search d.ini --strategy net", "unknown strategy 'net' in --strategy; did you mean 'neat'? known: dart", nothing),
    ("search d.ini --strategy darts", "d.ini: the section [Darts] is missing", nothing),
    ("search d.ini --strategy darts", "`neat-deep init DATASET --strategy darts` writes a file that has it", nothing),
    ("search darts.ini --strategy neat", "darts.ini: the section [Fitness] is missing", nothing),
    ("search d.ini", "d.ini: is for several strategies (neat, darts); say which with --strategy", both_sections),
    ("search d.ini", "d.ini: no section that says how to search; allowed: [NEAT] (neat), [Darts] (darts)", no_section),
    ("search darts.ini", "darts.ini: unknown section [Dart]; did you mean [Darts]?", misspelt_section),
    ("search d.ini --search-epochs 3", "--search-epochs: got 3, which the strategy 'neat' does not know; all", nothing),
    ("search d.ini --epochs 3", "no such option: --epochs; did you mean --search-epochs?", nothing),
    ("search darts.ini --workers 2", "--workers: got 2, which the strategy 'darts' does not know; allo", nothing),
    ("search d.ini --start file", "file: not JSON", nothing),
    ("resume nowhere", "nowhere is not there, allowed: the folder of a search", nothing),
    ("resume empty", "empty holds no run.sqlite or search.pt; allowed: the folder of a search", nothing),
    ("resume file", "file is not a run store of neat-deep", nothing),
    (
        "resume run --search-epochs 3",
        "does not know; allowed when a run is resumed: --fitness-threshold, --gene",
        stored_run,
    ),
    (
        "search d.ini --dataset memory",
        "--dataset: got 'memory', data that a Python program had in its memory; a",
        nothing,
    ),
    (
        "train a.json --config d.ini --dataset sst2",
        "a.json: the architecture is for rank 2 (images), the data set 'sst2'",
        nothing,
    ),
    (
        "tune a.json --config d.ini --dataset sst2",
        "a.json: the architecture is for rank 2 (images), the data set 'sst2'",
        nothing,
    ),
    ("resume run --dataset mnist", "--dataset: got mnist, the run has digits; allowed to change when a", stored_run),
    ("resume run --config darts.ini", "darts.ini: [Data] validation: got '0.1', the run was started", stored_run),
    ("report nowhere", "nowhere is not there, allowed: the folder of a search", nothing),
    ("report empty", "empty holds no run.sqlite or search.pt; allowed: the folder of a search", nothing),
    ("search d.ini --start transformer_block --dataset mnist", "the architecture is for rank 1 (sequences)", nothing),
    ("search darts.ini --start transformer_block", "the architecture is for rank 1 (sequences), the data", nothing),
    ("train a.json --config d.ini --out file/run", "--out: cannot make the folder file/run: Not a directory", nothing),
    ("report broken --out new", "broken/run.sqlite", broken_run),
    ("report run --out file", "--out: file is a file, allowed: a folder", stored_run),
    ("report run --out /proc/nowhere", "--out: cannot make the folder /proc/nowhere: ", stored_run),
    ("train empty.json", "empty.json: not JSON: the file is empty", empty_file),
    ("train absent.json", "cannot read architecture absent.json: No such file", nothing),
    ("train resnet_blok", "unknown architecture 'resnet_blok'", nothing),
    ("train resnet_blok", "did you mean 'resnet_block'?", nothing),
    ("train empty", "empty holds no best.json or architecture.json; allowed: the folder of a run", nothing),
    ("train a.json --config d.ini --cells 0", "--cells: got 0, allowed: 1 to 200", nothing),
    ("train a.json --config d.ini --epochs 0", "--epochs: got 0, allowed: 1 or more", nothing),
    ("train a.json --config d.ini --reduce-after=x", "--reduce-after: got 'x', allowed: whole numbers", nothing),
    ("train a.json --config d.ini --reduce-after 2 1", "--reduce-after: got (2, 1), allowed: different", nothing),
    ("train a.json --config d.ini --max-length 9", "--max-length: got 9, allowed for images: none", nothing),
    ("tune absent.json", "cannot read architecture absent.json: No such file", nothing),
    ("tune a.json --config d.ini --trials 1", "--trials: got 1, allowed: 2 to 10000", nothing),
    ("tune a.json --config d.ini --epochs 0", "--epochs: got 0, allowed: 1 or more", nothing),
    ("tune a.json --config d.ini --minutes 0", "--minutes: got 0, allowed: a finite number above 0", nothing),
    ("tune a.json --config d.ini --networks 0", "--networks: got 0, allowed: 1 or more", nothing),
    ("tune a.json --config d.ini --networks 2", "--networks: got 2, allowed for a file: 1; the fo", nothing),
    ("tune a.json --config d.ini --out file", "--out: ", nothing),
    ("tune a.json --config d.ini --out full", "--out: full holds something else, allowed: a new fol", full_folder),
    ("tune a.json --config d.ini --max-length 9", "--max-length: got 9, allowed for images: none", nothing),
    ("tune run --networks 2", "--networks: got 2: no network of run was scored", scored_nothing),
    ("tune empty", "empty holds no best.json or architecture.json; allowed: the folder of a run", nothing),
    ("tune a.json --config d.ini", "d.ini: [Tuning] channels: every network is larger than max_mac", tuned_too_small),
    ("tune a.json --config d.ini", "d.ini: [Tuning] learning_rates: got '0.1, 0.2', allowed: numb", tuned_with_commas),
    ("tune a.json --config d.ini", "d.ini: [Tuning] rungs: got 3 2, allowed: rising, from 1 to below", tuned_backwards),
    ("render absent.json", "cannot read architecture absent.json: No such file", nothing),
    ("render a.json --shape 3x32", "--shape: got '3x32', allowed: 3 whole numbers of 1 or more, as", nothing),
    ("render a.json --shape 0x0x0", "--shape: got '0x0x0', allowed: 3 whole numbers of 1 or more, as 3x32", nothing),
    ("render a.json --classes 0", "--classes: got 0, allowed: 1 or more", nothing),
    ("render a.json --out file", "--out: file is a file, allowed: a folder", nothing),
    ("ensemble empty", "empty/run.sqlite is not there", nothing),
    ("ensemble run", "run: no network of this run was trained in full", stored_run),
    ("ensemble run --size 0", "--size: got 0, allowed: 2 or more", stored_run),
    ("ensemble run --size 1", "--size: got 1, allowed: 2 or more", stored_run),
    ("classify absent.pt x.png", "cannot read", nothing),
    ("classify empty x.png", "empty holds no trained.pt; allowed: the folder of a run that came to its end", nothing),
    ("classify empty x.png", "empty/trained.pt", damaged_network),
    ("init", "missing argument 'DATASET'", nothing),
    ("init minst", "unknown data set 'minst' in the shipped INI files; did you mean 'mnist'? known: cifar10", nothing),
    (
        "init cifar10 --strategy drats",
        "unknown strategy 'drats' in the shipped INI files for cifar10; did you mean 'darts'",
        nothing,
    ),
    ("init digits --strategy net", "did you mean 'neat'? known: darts, grid, ", nothing),
    ("init digits --out d.ini", "--out: d.ini is there already, allowed: a new file", nothing),
    ("init digits --out file/d.ini", "file is a file, allowed: a folder", nothing),
    ("list op", "unknown kind of names 'op'; did you mean 'ops'? known: activations, aggregations,", nothing),
)


@pytest.mark.parametrize(
    ("words", "says", "prepare"), [pytest.param(*case, id=f"{case[0]}-{case[2].__name__}") for case in CASES]
)
def test_a_mistake_ends_in_one_line(
    words: str,
    says: str,
    prepare: Prepare,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    shutil.copy(CONFIGS / "digits_neat.ini", tmp_path / "d.ini")
    shutil.copy(CONFIGS / "digits_darts.ini", tmp_path / "darts.ini")
    shutil.copy(CONFIGS / "architectures" / "resnet_block.json", tmp_path / "a.json")
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("a file, no folder\n")
    prepare(tmp_path)
    monkeypatch.chdir(tmp_path)
    before = contents(tmp_path)
    assert run_command(monkeypatch, *words.split()) == 2
    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: ") and printed.err.count("\n") == 1
    assert says in printed.err
    assert contents(tmp_path) == before


def test_a_full_disk_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def full(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Path, "write_text", full)
    assert run_command(monkeypatch, "init", "digits", "--out", "d.ini") == 2
    assert capfd.readouterr().err == "error: cannot write d.ini: No space left on device\n"
    assert not list(tmp_path.iterdir())
