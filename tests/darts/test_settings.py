"""[Darts] of an INI file: what is read, and one message for each thing that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from darts import DartsSettings, load_darts_experiment
from darts.search_space import Candidate
from neat_deep.base.errors import ConfigError
from neat_deep.data import Augmentation
from neat_deep.ops import list_ops
from neat_deep.space.architecture import Skeleton
from neat_deep.space.op_names import plain_name

CONFIGS = sorted((Path(__file__).resolve().parents[2] / "configs").glob("*_darts*.ini"))
SECTIONS = "[Data]\ndataset = digits\n[Network]\nchannels = 8\n[Training]\nepochs = 2\n[Run]\nseed = 3\n[Darts]\n"


def ini(folder: Path, darts: str) -> Path:
    file = folder / "experiment.ini"
    file.write_text(SECTIONS + darts + "\n", encoding="utf-8")
    return file


def test_defaults_are_the_published_ones(tmp_path: Path) -> None:
    experiment = load_darts_experiment(ini(tmp_path, ""))
    assert experiment.darts == DartsSettings()
    assert experiment.run.seed == 3
    space = experiment.darts.space()
    assert set(space.real_ops) == set(map(plain_name, list_ops(rank=2)))
    assert Candidate("none") in space.candidates
    assert (space.nodes, space.num_inputs, space.activations) == (4, 2, ("identity", "relu"))


def test_what_is_read(tmp_path: Path) -> None:
    text = "op_options = none sep_conv_3\nactivation_options = tanh\naggregation_options = mul add\nnodes = 2\n"
    text += "num_inputs = 1\noutput = concat\norder = second\ncompile = True\naugment = true\nchannels = 4\nepochs = 9"
    settings = load_darts_experiment(ini(tmp_path, text)).darts
    space = settings.space()
    assert [str(c) for c in space.candidates] == ["none", "sep_conv_3 tanh"]
    assert (space.aggregations, space.nodes, space.num_inputs, space.output) == (("mul", "add"), 2, 1, "concat")
    assert (settings.order, settings.compile, settings.epochs) == ("second", True, 9)
    assert settings.skeleton(Skeleton(channels=32, cells=7)) == Skeleton(channels=4, cells=7)
    assert settings.augmentation(Augmentation(shift=2)) == Augmentation(shift=2)
    assert DartsSettings().skeleton(Skeleton(channels=32)) == Skeleton(channels=32)
    assert DartsSettings().augmentation(Augmentation(shift=2)) == Augmentation()


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
def test_shipped_files_load(path: Path) -> None:
    assert load_darts_experiment(path).darts.epochs > 1


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("nodes = 0", "nodes: got 0, allowed: 1 to 32"),
        ("nodes = two", "nodes: got 'two', allowed: a whole number"),
        ("nodes =", "nodes: got nothing, allowed: a whole number"),
        ("num_inputs = 3", "num_inputs: got 3, allowed: 1 to 2"),
        ("output = first", "output: got 'first', allowed: last, concat"),
        ("op_options =", "op_options: got nothing, allowed: names with one space between"),
        ("op_options = none", "op_options: got only 'none', allowed: at least one other op"),
        ("op_options = identity  none", "op_options: got 'identity  none', allowed: names with one space between"),
        ("op_options = identity identity", "op_options: got 'identity identity', allowed: each name once"),
        ("op_options = identity sepconv_3", "unknown op 'sepconv_3' in op_options; did you mean 'sep_conv_3'? known:"),
        ("op_options = identity xyzzy", "unknown op 'xyzzy' in op_options; known: "),
        ("op_options = identity # no", "op_options: got 'identity # no'; a comment needs a line of its own"),
        ("activation_options =", "activation_options: got nothing, allowed: names with one space between"),
        ("activation_options = rleu", "unknown activation 'rleu' in activation_options; did you mean 'relu'? known:"),
        ("activation_options = relu relu", "activation_options: got 'relu relu', allowed: each name once"),
        ("aggregation_options = max", "aggregation_options: got 'max', allowed: add, mul"),
        ("epochs = 0", "epochs: got 0, allowed: 1 or more"),
        ("weight_epochs = 50", "weight_epochs: got 50, allowed: 0 to 49"),
        ("batch_size = 1", "batch_size: got 1, allowed: 2 or more"),
        ("train_subset = -1", "train_subset: got -1, allowed: 0 or more"),
        ("alpha_share = 0", "alpha_share: got 0.0, allowed: more than 0 and at most 0.9"),
        ("alpha_share = 1", "alpha_share: got 1.0, allowed: more than 0 and at most 0.9"),
        ("channels = -8", "channels: got -8, allowed: 0 or more"),
        ("augment = maybe", "augment: got 'maybe', allowed: True, False"),
        ("precision = float16", "precision: got 'float16', allowed: float32, bfloat16"),
        ("learning_rate = 0", "learning_rate: got 0.0, allowed: more than 0 and at most 100"),
        ("learning_rate = nan", "learning_rate: got nan, allowed: more than 0"),
        ("final_learning_rate = 1", "final_learning_rate: got 1.0, allowed: at most learning_rate (0.025)"),
        ("optimizer = adam", "optimizer: got 'adam', allowed: sgd, adamw"),
        ("order = second\noptimizer = adamw", "order: got 'second' with optimizer = adamw, allowed: first"),
        ("momentum = 1", "momentum: got 1.0, allowed: 0 to 0.9999"),
        ("weight_decay = -1", "weight_decay: got -1.0, allowed: 0 or more"),
        ("gradient_clip = inf", "gradient_clip: got inf, allowed: a finite number, 0 or more"),
        ("order = third", "order: got 'third', allowed: first, second"),
        ("order = second\nsampling = gumbel", "order: got 'second' with sampling = gumbel, allowed: first"),
        ("alpha_learning_rate = 0", "alpha_learning_rate: got 0.0, allowed: more than 0"),
        ("alpha_weight_decay = -1", "alpha_weight_decay: got -1.0, allowed: 0 or more"),
        ("sampling = uniform", "sampling: got 'uniform', allowed: softmax, gumbel"),
        ("temperature = 0", "temperature: got 0.0, allowed: more than 0"),
        ("final_temperature = 20", "final_temperature: got 20.0, allowed: more than 0 and at most 10"),
        ("partial_channels = 0", "partial_channels: got 0, allowed: 1 or more"),
        ("edge_normalisation = 2", "edge_normalisation: got '2', allowed: True, False"),
        ("identity_dropout = 1", "identity_dropout: got 1.0, allowed: 0 to 0.95"),
        ("identity_cap = -2", "identity_cap: got -2, allowed: -1 or more"),
        (
            "identity_cap = 0\nop_options = none identity",
            "identity_cap: got 0 with op_options = none identity, allowed",
        ),
        ("compile = True\nsampling = gumbel", "compile: got True with sampling = gumbel, allowed: False"),
        ("order = second\nprecision = bfloat16", "order: got 'second' with precision = bfloat16, allowed: first"),
        ("identity_dropout = 0.2\nop_options = sep_conv_3", "identity_dropout: got 0.2, but op_options holds no"),
        ("stop_parameter_free = -1", "stop_parameter_free: got -1, allowed: 0 to 8"),
        ("sampling = softmix", "sampling: got 'softmix', allowed: softmax, gumbel, sigmoid"),
        ("stop_eigenvalue_ratio = 1", "stop_eigenvalue_ratio: got 1.0, allowed: 0 to 0.99"),
        ("entropy_price = -1", "entropy_price: got -1.0, allowed: 0 or more"),
        ("entropy_price = 1\nsampling = sigmoid", "entropy_price: got 1.0 with sampling = sigmoid, allowed: 0"),
        ("zero_one_price = -1", "zero_one_price: got -1.0, allowed: 0 or more"),
        ("shrink = 5 5", "shrink: got 5 5, allowed: numbers that fall, each below the 21 candidates of an edge"),
        ("shrink = 21", "shrink: got 21, allowed: numbers that fall, each below the 21 candidates of an edge"),
        ("shrink = 4 0", "shrink: got 4 0, allowed: numbers that fall"),
        ("shrink = few", "shrink: got 'few', allowed: whole numbers"),
        ("shrink = 5 3\nepochs = 2", "shrink: got 2 numbers, allowed: at most 1, fewer than epochs that train alphas"),
        ("shrink = 5\ncompile = True", "compile: got True with shrink, allowed: False"),
        ("selection = strongest", "selection: got 'strongest', allowed: alphas, perturbation"),
        ("selection_examples = -1", "selection_examples: got -1, allowed: 0 or more"),
        ("restarts = 0", "restarts: got 0, allowed: 1 or more"),
        ("restart_epochs = -1", "restart_epochs: got -1, allowed: 0 or more"),
        ("selection_steps = -1", "selection_steps: got -1, allowed: 0 or more"),
        ("selection = perturbation\nsampling = gumbel", "sampling: got gumbel with selection = perturbation, allowed"),
        (
            "selection = perturbation\naggregation_options = add mul",
            "aggregation_options: got add mul with selection = perturbation, allowed: one",
        ),
        ("selection = perturbation\ncompile = True", "compile: got True with selection = perturbation, allowed: False"),
        (
            "stop_eigenvalue_ratio = 0.75\nsampling = gumbel",
            "stop_eigenvalue_ratio: got 0.75 with sampling = gumbel, allowed: 0",
        ),
        (
            "stop_eigenvalue_ratio = 0.75\nprecision = bfloat16",
            "stop_eigenvalue_ratio: got 0.75 with precision = bfloat16, allowed: 0",
        ),
        ("stop_eigenvalue_ratio = 0.75\nshrink = 5", "stop_eigenvalue_ratio: got 0.75 with shrink, allowed: 0"),
        (
            "selection = perturbation\nidentity_cap = 1",
            "identity_cap: got 1 with selection = perturbation, allowed: -1",
        ),
        ("node = 2", "unknown key 'node'; did you mean 'nodes'? known: "),
    ],
    ids=lambda text: text.replace("\n", " and ") if " = " in text else "",
)
def test_bad_settings(line: str, says: str, tmp_path: Path) -> None:
    file = ini(tmp_path, line)
    with pytest.raises(ConfigError) as caught:
        load_darts_experiment(file)
    message = str(caught.value)
    assert message.startswith(f"{file}: [Darts] {says}")
    assert "\n" not in message


@pytest.mark.parametrize("wanted", [False, True])
def test_a_supernet_has_ngrams_only_where_the_file_wants_them(wanted: bool, tmp_path: Path) -> None:
    settings = load_darts_experiment(ini(tmp_path, f"ngrams = {wanted}\nchannels = 4")).darts
    skeleton = settings.skeleton(Skeleton(rank=1, channels=8, ngrams=2, char_ngrams=5))
    assert (skeleton.channels, skeleton.ngrams, skeleton.char_ngrams) == (4, 2 * wanted, 5 * wanted)
    assert DartsSettings().ngrams is False


def test_a_file_without_the_section(tmp_path: Path) -> None:
    file = tmp_path / "experiment.ini"
    file.write_text(SECTIONS.replace("[Darts]", "[Dart]"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"unknown section \[Dart\]; did you mean \[Darts\]\?"):
        load_darts_experiment(file)
