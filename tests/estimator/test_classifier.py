"""The estimator on images and texts: what it predicts, what it keeps, and what it refuses."""

from __future__ import annotations

import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from neat_deep import NeatDeepError, NeuralSearchClassifier
from neat_deep.store.run_store import RunStore
from neat_deep.training.trained_file import load_network
from tests.support.command import run_command
from tests.support.random_cells import DIGITS_INI
from tests.support.toy_data import stripes

NAMES = np.array(["row", "column"])
TINY = {"evaluations": 1, "epochs": 1, "workers": 0, "device": "cpu", "random_state": 0}
GOOD, BAD = "a good fine film", "a bad dull film"


def images(count: int = 60, seed: int = 0) -> tuple[Any, Any]:
    """uint8 images (N, 6, 6), and what they show."""
    split = stripes(count, seed)
    return split.images[:, 0].contiguous().numpy(), NAMES[split.labels.numpy()]


def estimator(folder: Path, strategy: str = "random", **options: Any) -> NeuralSearchClassifier:
    return NeuralSearchClassifier(strategy, out=folder / "run", **{**TINY, **options})


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> NeuralSearchClassifier:
    """It knows rows from columns."""
    return estimator(tmp_path_factory.mktemp("fitted"), evaluations=2, epochs=12).fit(*images(120))


def test_it_predicts_labels_of_their_own_kind(fitted: NeuralSearchClassifier) -> None:
    X, y = images(80, seed=5)
    assert fitted.classes_.tolist() == ["column", "row"]
    assert fitted.score(X, y) > 0.9
    probabilities = fitted.predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(1), 1)
    assert (fitted.classes_[probabilities.argmax(1)] == fitted.predict(X)).all()
    np.testing.assert_allclose(fitted.predict_proba(X[:3]), probabilities[:3], atol=1e-5)
    np.testing.assert_array_equal(fitted.predict_proba(X.tolist()), probabilities)  # as lists of lists
    assert not hasattr(fitted, "n_features_in_")


def test_its_run_is_kept(fitted: NeuralSearchClassifier) -> None:
    assert {"run.sqlite", "experiment.ini", "best.json", "trained.pt"} <= files(fitted.run_)
    network = load_network(fitted.run_ / "trained.pt")
    for name, weights in fitted.network_.state_dict().items():
        assert torch.equal(weights, network.state_dict()[name])
    with RunStore.read(fitted.run_) as store:
        assert len(store.evaluations()) == fitted.result_.trained == 2
    assert fitted.architecture_ == fitted.result_.best.architecture


def test_it_travels_as_scikit_learn_estimators_do(fitted: NeuralSearchClassifier) -> None:
    X, _ = images(20, seed=5)
    again = pickle.loads(pickle.dumps(fitted))  # noqa: S301  our own bytes
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))
    assert not hasattr(clone(fitted), "network_")


def test_numbers_are_scaled_by_what_it_is_fitted_to(tmp_path: Path) -> None:
    X, y = images()
    low, high = int(X.min()), int(X.max())
    stretched = (X.astype(float) - low) / (high - low)  # 0 to 1
    one = estimator(tmp_path).fit(np.rint(255 * stretched).astype(np.uint8), y)
    two = estimator(tmp_path).fit(7 * stretched - 3, y)
    np.testing.assert_array_equal(
        one.predict_proba(np.rint(255 * stretched[:9]).astype(np.uint8)), two.predict_proba(7 * stretched[:9] - 3)
    )
    np.testing.assert_array_equal(two.predict_proba(np.full((1, 6, 6), 9.0)), two.predict_proba(np.full((1, 6, 6), 4)))


def test_colours_and_rows(tmp_path: Path) -> None:
    X, y = images()
    colour = estimator(tmp_path).fit(np.stack([X, X, X], -1), y)
    assert colour.network_ is not None and colour.predict(np.stack([X, X, X], -1)[:2]).shape == (2,)
    rows = estimator(tmp_path).fit(X.reshape(len(X), -1), y)
    assert rows.n_features_in_ == 36


@pytest.mark.parametrize("strategy", ["neat", "random"])
def test_texts(strategy: str, tmp_path: Path) -> None:
    texts = [f"{GOOD if number % 2 else BAD} {'film ' * (number % 5)}" for number in range(40)]
    labels = [number % 2 for number in range(40)]
    found = estimator(tmp_path, strategy, epochs=3, population=2).fit(texts, labels)
    assert found.classes_.tolist() == [0, 1]
    probabilities = found.predict_proba([*texts[:4], "something else"])
    assert probabilities.shape == (5, 2)
    np.testing.assert_allclose(found.predict_proba(np.array(texts[3:4], dtype=object)), probabilities[3:4], atol=1e-5)
    for wrong, message in (
        (np.zeros((3, 4)), "X: got ndarray of shape (3, 4), allowed: a list of one or more texts, as in fit"),
        ([], "X: got list, allowed: a list of one or more texts, as in fit"),
        ([GOOD, 3], "X: text 2: got int, allowed: str"),
        ([GOOD, " "], "X: text 2: the tokenizer finds no token in ' '"),
    ):
        with pytest.raises(ValueError) as error:
            found.predict(wrong)
        assert str(error.value) == message and isinstance(error.value, NeatDeepError)


def test_in_cross_validation_and_pipelines(tmp_path: Path) -> None:
    X, y = images(40)
    pipeline = make_pipeline(FunctionTransformer(np.negative), estimator(tmp_path))
    scores = cross_val_score(pipeline, X.astype(int), y, cv=2)
    assert np.isfinite(scores).all()
    assert files(tmp_path) == {"run", "run-2"}


def test_equal_random_states_give_equal_networks_and_leave_the_callers_alone(tmp_path: Path) -> None:
    X, y = images(40)
    random.seed(3)
    np.random.seed(3)
    torch.manual_seed(3)
    drawn = random.random(), np.random.rand(), torch.rand(1).item()
    random.seed(3)
    np.random.seed(3)
    torch.manual_seed(3)
    one = estimator(tmp_path, "neat", population=2).fit(X, y)
    assert (random.random(), np.random.rand(), torch.rand(1).item()) == drawn
    two = estimator(tmp_path, "neat", population=2).fit(X, y)
    np.testing.assert_array_equal(one.predict_proba(X), two.predict_proba(X))
    other = estimator(tmp_path, "neat", population=2, random_state=np.random.RandomState(4)).fit(X, y)
    assert (other.predict_proba(X) != one.predict_proba(X)).any()


def test_warm_start_goes_on_with_its_run(tmp_path: Path) -> None:
    X, y = images(40)
    found = estimator(tmp_path, warm_start=True, random_state=None).fit(X, y)
    first = found.run_
    found.set_params(evaluations=3).fit(X, y)
    assert found.run_ == first and files(tmp_path) == {"run"}
    with RunStore.read(found.run_) as store:
        assert len(store.evaluations()) == 3
    before = found.network_
    for wrong, message in (
        (
            (X[::-1], y),
            f"warm_start: X or y are not those of {first}; allowed: the same, or warm_start=False",
        ),
        ((X, y[::-1]), "warm_start: X or y are not those"),
    ):
        with pytest.raises(ValueError, match="X or y are not those") as error:
            found.fit(*wrong)
        assert message in str(error.value)
    with pytest.raises(ValueError, match=r"\[Search\] generation_size: the run has '12', got '3'"):
        found.set_params(population=3).fit(X, y)
    assert found.network_ is before  # what is refused changes nothing
    found.set_params(population=None, warm_start=False, evaluations=1).fit(X, y)
    assert found.run_ != first


def test_what_is_interrupted_can_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = images(40)
    found = estimator(tmp_path, warm_start=True, evaluations=2)

    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("neat_deep.estimator.running.retrain", interrupt)
        found.fit(X, y)
    with pytest.raises(NotFittedError):
        found.predict(X)
    found.fit(X, y)
    assert files(tmp_path) == {"run"} and found.result_.trained == 2


X, Y = images(20)


@pytest.mark.parametrize(
    ("options", "given", "message"),
    [
        ({"minutes": 0.001}, (X, Y), "minutes: got 0.001, allowed: "),
        ({"minutes": 0}, (X, Y), "minutes: got 0, allowed: more than 0, or None"),
        ({"minutes": "20"}, (X, Y), "minutes: got '20', allowed: a number"),
        ({"evaluations": -1}, (X, Y), "evaluations: got -1, allowed: 0 or more"),
        ({"epochs": 0}, (X, Y), "epochs: got 0, allowed: 1 or more"),
        ({"epochs": 1.5}, (X, Y), "epochs: got 1.5, allowed: a whole number"),
        ({"population": 0}, (X, Y), "population: got 0, allowed: 1 to "),
        ({"workers": "many"}, (X, Y), "workers: got 'many', allowed: auto, 0 to 1024, or ray"),
        ({"random_state": -1}, (X, Y), "random_state: got -1, allowed: 0 to 4294967295"),
        ({"strategy": "nact"}, (X, Y), "strategy: got 'nact', allowed: neat, random"),
        ({"config": "none.ini"}, (X, Y), "cannot read INI file none.ini: No such file or directory"),
        ({"config": DIGITS_INI}, (X, Y), "strategy: got 'random', "),
        ({}, (X, None), "requires y to be passed, but the target y is None"),
        ({}, (X, Y[:-1]), "X and y: got inconsistent numbers of samples, 20 and 19"),
        ({}, (X, [*Y[:-1], "other"]), "y: class 'other': got 1 sample, allowed: 2 or more"),
        ({}, (X, ["row"] * 20), "y: got 1 class, 'row', allowed: 2 or more classes"),
        ({}, (X[..., None, None], Y), "X: got shape ('N', 6, 6, 1, 1), allowed: (N, H, W), (N, H, W, C), (N, F) or"),
        ({}, (np.zeros((20, 3, 8, 8)), Y), "the channels last; X.transpose(0, 2, 3, 1) makes ('N', 8, 8, 3) of it"),
        ({}, ("a text", Y), "X: got one str, allowed: a list of texts, or an array of images"),
        ({}, (["a text", 1, "b", "c"], [0, 1, 0, 1]), "X: text 2: got int, allowed: str"),
    ],
)
def test_what_it_refuses(options: dict[str, Any], given: tuple[Any, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError) as error:
        estimator(tmp_path, **options).fit(*given)
    assert message in str(error.value) and "\n" not in str(error.value)
    assert isinstance(error.value, NeatDeepError)
    assert files(tmp_path) == set()


def test_it_refuses_images_of_another_shape(fitted: NeuralSearchClassifier) -> None:
    with pytest.raises(ValueError, match=r"X: got examples of shape \(5, 6\), allowed: \(6, 6\), as in fit"):
        fitted.predict(np.zeros((2, 5, 6)))
    with pytest.raises(NeatDeepError, match="not fitted yet"):
        clone(fitted).predict(X)


def test_the_command_reports_its_run_but_cannot_go_on_with_it(
    fitted: NeuralSearchClassifier, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(monkeypatch, "report", fitted.run_) == 0
    assert run_command(monkeypatch, "resume", fitted.run_, "--evaluations", "3") == 2
    assert "got 'memory', data that a Python program had in its memory" in capsys.readouterr().err
