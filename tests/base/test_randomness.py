"""Seeds: derived from names, and used without a trace."""

from __future__ import annotations

import pytest
import torch

from neat_deep.base.randomness import derive_seed, seeded


def test_a_derived_seed_depends_on_every_part() -> None:
    seeds = {derive_seed(1, "a", "b"), derive_seed(1, "b", "a"), derive_seed(1, "ab"), derive_seed(2, "a", "b")}
    assert len(seeds) == 4
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert derive_seed(1, "a", "b") == derive_seed(1, "a", "b")


@pytest.mark.parametrize("device", [None, torch.device("cpu")])
def test_the_block_draws_from_its_seed_and_leaves_no_trace(device: torch.device | None) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    before = torch.get_rng_state()
    with seeded(5, device):
        assert torch.equal(torch.rand(3), expected)
    assert torch.equal(torch.get_rng_state(), before)
    with pytest.raises(RuntimeError, match="in the block"), seeded(6, device):
        torch.rand(3)
        raise RuntimeError("in the block")
    assert torch.equal(torch.get_rng_state(), before)


def test_seeding_the_cpu_touches_no_other_device(monkeypatch: pytest.MonkeyPatch) -> None:
    def touched(seed: int) -> None:
        raise AssertionError("nothing would put these generators back")

    monkeypatch.setattr(torch.cuda, "manual_seed_all", touched)
    with seeded(5):
        pass


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("device", [None, torch.device("cpu"), torch.device("cuda")])
def test_a_gpu_draws_on_where_it_was(device: torch.device | None) -> None:
    before = torch.cuda.get_rng_state()
    with seeded(5, device):
        if device is not None and device.type == "cuda":
            assert torch.cuda.initial_seed() == 5
        torch.rand(3)
    assert torch.equal(torch.cuda.get_rng_state(), before)
