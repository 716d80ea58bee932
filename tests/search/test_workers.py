"""Where evaluations run, as `workers` says: on all cores unless something speaks against it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import nn

from neat_deep.base.errors import ConfigError
from neat_deep.base.registry import registration_scope
from neat_deep.ops import FeatureSpec, register_op
from neat_deep.search.workers import plan_workers
from tests.support import worker_tasks

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def three_cores(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("neat_deep.search.workers.cores", lambda: 3)
    with registration_scope():
        yield


@pytest.mark.parametrize(
    ("workers", "expected", "note"),
    [
        ("auto", "3", "evaluations run in 3 processes of one thread each"),
        ("0", "0", "evaluations run in this process, on one thread"),
        ("1", "1", "evaluations run in this process, on one thread"),
        ("5", "5", "evaluations run in 5 processes of one thread each"),
    ],
)
def test_on_the_cpu(workers: str, expected: str, note: str) -> None:
    plan = plan_workers(workers, CPU)
    assert (plan.workers, plan.note) == (expected, note)


def test_one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neat_deep.search.workers.cores", lambda: 1)
    plan = plan_workers("auto", CPU)
    assert (plan.workers, plan.note) == ("0", "evaluations run in this process: there is one core")


def test_an_accelerator_is_not_shared_unless_asked_for() -> None:
    plan = plan_workers("auto", torch.device("cuda"))
    assert (plan.workers, plan.note) == ("0", "evaluations run in this process, on one accelerator")
    assert plan_workers("2", torch.device("cuda")).workers == "2"


@pytest.mark.parametrize(
    ("device", "gpus", "says"),
    [
        ("cuda", 0.0, r"\[Run\] ray_gpus: got 0, allowed with workers = ray on a GPU: .*; or device = cpu"),
        ("cuda:1", 0.5, r"\[Run\] device: got cuda:1, allowed with workers = ray: cuda, cpu or auto"),
    ],
)
def test_ray_is_told_how_much_of_a_gpu_an_evaluation_takes(
    device: str, gpus: float, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("neat_deep.search.workers.check_workers", lambda workers: None)  # Ray is an extra
    with pytest.raises(ConfigError, match=says):
        plan_workers("ray", torch.device(device), gpus)
    assert plan_workers("ray", torch.device("cuda"), 0.5).workers == "ray"
    assert plan_workers("ray", CPU).workers == "ray"


def test_an_op_that_no_other_process_can_import() -> None:
    @register_op("local", parametric=False)
    def local(spec: FeatureSpec) -> nn.Module:
        return nn.Identity()

    plan = plan_workers("auto", CPU)
    assert plan.workers == "0"
    assert plan.note == (
        "evaluations run in this process: the op 'local' is made inside a function, where other processes cannot "
        "import it"
    )
    with pytest.raises(ConfigError, match="the op 'local' is made inside a function"):
        plan_workers("2", CPU)
    assert plan_workers("0", CPU).workers == "0"


def test_an_op_of_a_module_is_sent() -> None:
    register_op("raises", parametric=False)(worker_tasks.raises)
    assert plan_workers("auto", CPU).workers == "3"
