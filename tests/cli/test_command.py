"""`neat-deep` as a user runs it: help, names, start-up; and an experiment from its INI file to a classified image."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path

import pytest
from PIL import Image

from darts.settings import load_darts_experiment
from neat_deep.base.errors import StoreError
from neat_deep.base.registry import registration_scope, resolve
from neat_deep.base.shipped import experiments
from neat_deep.cli.registry import COMMANDS, register_command
from neat_deep.cli.shipped_commands import load_commands
from neat_deep.config.experiment_file import load_experiment
from neat_deep.config.strategy_experiment import load_strategy_experiment
from neat_deep.data import DATASETS
from neat_deep.data.spec import DataSpec
from neat_deep.search.checks import check_experiment
from neat_deep.store.run_store import RunStore
from neat_deep.strategies.registry import STRATEGIES, proposing_strategies
from tests.support.command import run_command
from tests.support.installed import build, clean, copy_sources, install, new_environment

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "configs"
NAMES = (
    "classify",
    "ensemble",
    "export",
    "init",
    "list",
    "render",
    "report",
    "reproduce",
    "resume",
    "search",
    "train",
    "tune",
)
SMALL = {"pop_size": 4, "generations": 2, "epochs": 1, "train_subset": 60, "elitism": 1}


def small(text: str) -> str:
    """The digits experiment, made of seconds."""
    for key, value in SMALL.items():
        text, count = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", text)
        assert count, key
    return text.replace("channels = 16", "channels = 4")


# --- help and names ----------------------------------------------------------------------------------------------


def test_every_file_of_commands_is_a_subcommand() -> None:
    load_commands()
    files = {path.stem for path in (ROOT / "neat_deep" / "cli" / "commands").glob("*.py")} - {"__init__"}
    assert set(NAMES) == files
    assert files <= set(COMMANDS)


@pytest.mark.parametrize("words", [[], ["--help"], *([name, "--help"] for name in NAMES)], ids=" ".join)
def test_help_fits_a_screen_and_shows_an_example(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run_command(monkeypatch, *words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80
    assert any(line.startswith(f"      neat-deep {words[0] if words[1:] else 'init'} ") for line in lines)


def test_the_version_is_told_and_help_has_a_short_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(monkeypatch, "--version") == 0
    assert capsys.readouterr().out == f"neat-deep {version('neat-deep')}\n"
    for words in ((), ("search",)):
        assert run_command(monkeypatch, *words, "-h") == 0
        short = capsys.readouterr().out
        assert run_command(monkeypatch, *words, "--help") == 0
        assert capsys.readouterr().out == short


def test_init_prints_the_shipped_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in CONFIGS.glob("*_*.ini"):
        dataset, strategy = file.stem.split("_", 1)
        assert run_command(monkeypatch, "init", dataset, "--strategy", strategy) == 0
        assert capsys.readouterr().out == file.read_text()
    assert run_command(monkeypatch, "init", "mnist", "--out", tmp_path / "my.ini") == 0
    assert load_experiment(tmp_path / "my.ini").data.dataset == "mnist"


SPECS = {
    "digits": DataSpec("digits", 2, 10, tuple("0123456789"), (1, 8, 8), (0.3,), (0.3,)),
    "mnist": DataSpec("mnist", 2, 10, tuple("0123456789"), (1, 28, 28), (0.3,), (0.3,)),
    "cifar10": DataSpec("cifar10", 2, 10, tuple("0123456789"), (3, 32, 32), (0.5,) * 3, (0.3,) * 3),
    "sst2": DataSpec("sst2", 1, 2, ("negative", "positive"), (60,), (), (), vocabulary=1000),
}


@pytest.mark.usefixtures("needs_optuna")
@pytest.mark.parametrize("strategy", proposing_strategies())
def test_init_prints_a_file_for_every_strategy(
    strategy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for dataset in SPECS:  # with a shipped file of random search, and without
        path = tmp_path / f"{dataset}.ini"
        assert run_command(monkeypatch, "init", dataset, "--strategy", strategy, "--out", path) == 0
        experiment = load_strategy_experiment(path)
        check_experiment(experiment, SPECS[dataset])  # it can be searched as it is
        assert (experiment.search.strategy, experiment.data.dataset) == (strategy, dataset)
        kind = STRATEGIES.get(strategy).settings
        if (dataset, strategy) not in experiments():  # a shipped file may say more
            assert experiment.settings == (None if kind is None else resolve(kind)())


@pytest.mark.parametrize("dataset", ["digits", "cifar10"])  # with a shipped file of DARTS, and without
def test_init_prints_a_file_for_darts(dataset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "darts.ini"
    assert run_command(monkeypatch, "init", dataset, "--strategy", "darts", "--out", path) == 0
    assert load_darts_experiment(path).data.dataset == dataset


def test_list_has_a_line_for_each_name(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(monkeypatch, "list") == 0
    out = capsys.readouterr().out
    for name in (
        "sep_conv_3",
        "none",
        "relu",
        "mul",
        *STRATEGIES,
        "resnet_block",
        "hierarchical",
        "texts/linear",
        *DATASETS,
        *NAMES,
    ):
        assert len(re.findall(rf"(?m)^  {name}(?:  .*)?$", out)) == 1, name
    assert run_command(monkeypatch, "list", "datasets", "ops") == 0
    assert [line for line in capsys.readouterr().out.splitlines() if line and line[0] != " "] == [
        "datasets: of [Data] dataset",
        "ops: of op_options",
    ]


def test_a_subcommand_of_ones_own(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    load_commands()
    with registration_scope():

        @register_command("greet", summary="Greet somebody", examples=["neat-deep greet Ada"])
        def greet(name: str, times: int = 1) -> None:
            """As often as one likes."""
            print(f"hello {name}" * times)

        assert run_command(monkeypatch, "greet", "Ada", "--times", 2) == 0
        assert capsys.readouterr().out == "hello Adahello Ada\n"
        assert run_command(monkeypatch, "greet", "--help") == 0
        assert "Greet somebody." in capsys.readouterr().out
    assert run_command(monkeypatch, "greet", "Ada") == 2


# --- processes ---------------------------------------------------------------------------------------------------

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
COMMAND = "import sys; sys.argv[0] = 'neat-deep'; from neat_deep.cli.main import main; main()"
WITHOUT_TORCH = """
import sys
sys.argv[0] = "neat-deep"
from neat_deep.cli.main import main
try:
    main()
finally:
    print("torch" in sys.modules, file=sys.stderr)
"""


@pytest.mark.parametrize(
    "words",
    [
        *(
            "",
            "--help",
            "list",
            "init digits",
            "init digits --strategy reinforce",
            "init minst",
            "serach",
            "search d.ini --popluation 3",
            "search --seed x",
        ),
        *(f"{name} --help" for name in NAMES),
    ],
)
def test_torch_is_not_imported_for_an_answer_that_needs_none(words: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITHOUT_TORCH, *words.split()]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, cwd=tmp_path, check=False)
    assert done.stderr.splitlines()[-1] == "False", done.stderr


def test_a_closed_pipe_ends_quietly() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, "init", "mnist"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()  # before it has written, as `| true` does
        err = process.stderr.read()
    assert process.returncode == 141
    assert err == "stopped: nobody reads the output any more\n"


def evaluations(folder: Path) -> int:
    """How many evaluations a run's store holds; 0 where there is none yet."""
    try:
        with RunStore.read(folder) as store:
            return len(store.evaluations())
    except StoreError:
        return 0


def stop(command: list[str], folder: Path, at: int, how: signal.Signals, **options: object) -> tuple[int, str]:
    """Start a search, send it a signal after so many evaluations; its exit code and standard error."""
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **options)  # type: ignore[call-overload]
    deadline = time.monotonic() + 300
    while process.poll() is None and evaluations(folder) < at and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(how)
    return process.wait(), process.stderr.read()


@pytest.mark.slow
@pytest.mark.parametrize("after", [0.0, 0.3, 0.6, 1.5])
def test_ctrl_c_while_the_workers_start_ends_in_one_line(after: float, tmp_path: Path) -> None:
    assert interrupt(tmp_path, 0, after) == (130, "interrupted\n")


@pytest.mark.slow
def test_ctrl_c_ends_in_one_line(tmp_path: Path) -> None:
    assert interrupt(tmp_path, 2, 0.0) == (130, "interrupted\n")


def interrupt(folder: Path, at: int, after: float) -> tuple[int, str]:
    """Ctrl-C, as a terminal sends it to every process of the command, so many evaluations and seconds after it starts.

    Returns the exit code and standard error, once all processes have closed it.
    """
    (folder / "d.ini").write_text(small((CONFIGS / "digits_neat.ini").read_text()))
    words = ["search", "d.ini", "--out", "run", "--generations", "50", "--workers", "2"]
    with subprocess.Popen(
        [sys.executable, "-u", "-c", COMMAND, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
        cwd=folder,
        start_new_session=True,  # a group of its own
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # a job in the background ignores it
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline().startswith("searching on digits")
        deadline = time.monotonic() + 300
        while evaluations(folder / "run") < at and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(after)
        os.killpg(process.pid, signal.SIGINT)
        err = process.stderr.read()
    return process.returncode, err


# --- from a wheel to a classified image --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`bin` of an environment with nothing of ours but the wheel."""
    folder = tmp_path_factory.mktemp("installed")
    binaries = new_environment(folder / "environment")
    install(binaries, build("wheel", copy_sources(folder / "source"), folder / "built"))
    return binaries


Command = Callable[..., str]


@pytest.fixture
def run(installed: Path, tmp_path: Path) -> Command:
    """The installed command, in an empty folder; it must say nothing of errors."""

    def run_installed(*words: str) -> str:
        done = subprocess.run(
            [installed / "neat-deep", *words],
            cwd=tmp_path,
            env={**clean(), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout

    return run_installed


@pytest.mark.slow
def test_gradient_descent_from_an_empty_folder(run: Command, tmp_path: Path) -> None:
    text = run("init", "digits", "--strategy", "darts")
    smaller = {"epochs": "2", "weight_epochs": "1", "nodes": "2", "train_subset": "200", "channels": "4"}
    for key, value in smaller.items():
        text, count = re.subn(rf"(?m)^(# )?{key} = .*$", f"{key} = {value}", text)
        assert count, key
    (tmp_path / "d.ini").write_text(text)
    assert "written to run" in run("search", "d.ini", "--out", "run", "--device", "cpu")
    assert "epochs" in run("report", "run")
    Image.new("L", (8, 8), 128).save(tmp_path / "some.png")
    assert re.fullmatch(r"\d\t[\d.]+%\tsome.png\n", run("classify", "run", "some.png"))
    assert "cell.svg" in run("render", "run", "--out", "pictures")
    assert "written to again" in run("train", "run", "--config", "d.ini", "--out", "again", "--device", "cpu")
    before = json.loads((tmp_path / "run" / "result.json").read_text())
    run("resume", "run")
    after = json.loads((tmp_path / "run" / "result.json").read_text())
    for key in ("validation_accuracy", "test_accuracies", "parameters", "search_epochs"):
        assert after[key] == before[key]


@pytest.mark.slow
def test_an_experiment_from_an_empty_folder(installed: Path, run: Command, tmp_path: Path) -> None:
    (tmp_path / "d.ini").write_text(small(run("init", "digits", "--strategy", "neat")))
    assert "written to run" in run("search", "d.ini", "--out", "run", "--seed", "3", "--device", "cpu")
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    told = run("report", "run")
    for part in ("generations", "training examples", "best: "):
        assert part in told
    Image.new("L", (8, 8), 128).save(tmp_path / "some.png")
    assert re.fullmatch(r"\d\t[\d.]+%\tsome.png\n", run("classify", "run", "some.png"))
    assert "cell.svg" in run("render", "run", "--out", "pictures")
    assert "network 1 of 2" in run("ensemble", "run", "--size", "2", "--epochs", "1")
    assert "written to again" in run("train", "run", "--config", "d.ini", "--out", "again", "--device", "cpu")

    words = [str(installed / "neat-deep"), "search", "d.ini", "--out", "killed", "--seed", "3", "--device", "cpu"]
    environment = {**clean(), "OMP_NUM_THREADS": "1"}
    code, _ = stop(words, tmp_path / "killed", 2, signal.SIGKILL, env=environment, cwd=tmp_path)
    assert code == -signal.SIGKILL
    run("resume", "killed", "--seed", "3", "--dataset", "digits", "--out", "killed")
    after = json.loads((tmp_path / "killed" / "result.json").read_text())
    for key in ("validation_accuracy", "test_accuracies", "parameters", "networks_scored"):
        assert after[key] == result[key]
    assert "the search is done" in run("resume", "killed")


@pytest.mark.parametrize("strategy", ["neat", "darts"])
def test_ops_for_texts_are_refused_before_images_are_read(
    strategy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing lies in the folder: were it read first, that would be the message, or a download begin."""
    asked = [CONFIGS / f"sst2_{strategy}.ini", "--dataset", "mnist", "--data-root", tmp_path]
    assert run_command(monkeypatch, "search", *asked, "--out", tmp_path / "run") == 2
    message = capsys.readouterr().err
    assert re.search(r"\] op_options: got '\w+', which does not support the images of this data set; ", message)
    assert not (tmp_path / "run").exists()
