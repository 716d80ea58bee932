"""Weighted sums: what saves memory must equal what is written plainly, in everything that can be asked of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

from darts.mixing import Term, weighted_sums
from neat_deep.base.registry import registration_scope
from neat_deep.ops import get_activation, register_activation
from neat_deep.ops.norm import ImageBatchNorm

ALL_ACTIVATIONS = ("identity", "relu", "sigmoid", "tanh")
CONTIGUOUS, CHANNELS_LAST = torch.contiguous_format, torch.channels_last
SHAPE = (3, 4, 5, 2)


def literal(terms: Sequence[Term], weights: Tensor, activations: Sequence[str]) -> list[Tensor]:
    """The formula, word by word, on torch's own modules."""
    values = [value if norm is None else torch.nn.BatchNorm2d.forward(norm, value) for value, norm in terms]
    return [
        sum(row[o, a] * get_activation(name)(v) for o, v in enumerate(values) for a, name in enumerate(activations))
        for row in weights
    ]


class Example:
    """Values, weights and norms that are the same whenever one is made."""

    def __init__(
        self,
        formats: Sequence[torch.memory_format],
        activations: Sequence[str] = ALL_ACTIVATIONS,
        rows: int = 1,
        dtype: torch.dtype = torch.float64,
        shape: Sequence[int] = SHAPE,
    ) -> None:
        generator = torch.Generator().manual_seed(0)

        def draw(*size: int) -> Tensor:
            return torch.randn(*size, generator=generator, dtype=torch.float64).to(dtype)

        self.activations = activations
        self.values = [draw(*shape).contiguous(memory_format=f).requires_grad_() for f in formats]
        self.weights = draw(rows, len(formats), len(activations)).requires_grad_()
        self.norms: list[ImageBatchNorm | None] = []
        for place in range(len(formats)):
            if place % 2 == 0:  # an op without weights
                self.norms.append(None)
                continue
            norm = ImageBatchNorm(shape[1]).to(dtype)
            with torch.no_grad():
                norm.weight.copy_(draw(shape[1]))
                norm.bias.copy_(draw(shape[1]))
            self.norms.append(norm)

    def terms(self) -> list[Term]:
        return [Term(v, n) for v, n in zip(self.values, self.norms, strict=True)]

    def inputs(self) -> list[Tensor]:
        affine = [p for n in self.norms if n is not None for p in (n.weight, n.bias)]
        return [self.weights, *self.values, *affine]

    def buffers(self) -> list[Tensor]:
        return [b for n in self.norms if n is not None for b in n.buffers()]

    def sums(self, how: Callable[..., list[Tensor]]) -> list[Tensor]:
        return how(self.terms(), self.weights, self.activations)


def score(sums: Sequence[Tensor]) -> Tensor:
    """One number in which every position and every sum has a slope of its own."""
    slopes = torch.linspace(0.5, 1.5, sums[0].numel(), dtype=sums[0].dtype).view(sums[0].shape)
    return torch.stack([(k + 1) * (slopes * s + s.square()).sum() for k, s in enumerate(sums)]).sum()


FORMATS = {
    "contiguous": (CONTIGUOUS,) * 3,
    "channels_last": (CHANNELS_LAST,) * 3,
    "first is contiguous": (CONTIGUOUS, CHANNELS_LAST, CHANNELS_LAST),
    "first is channels_last": (CHANNELS_LAST, CONTIGUOUS, CHANNELS_LAST),
}


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("formats", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize("activations", [*((name,) for name in ALL_ACTIVATIONS), ALL_ACTIVATIONS], ids="-".join)
def test_value_gradients_and_statistics_equal_the_plain_sum(
    activations: tuple[str, ...], formats: Sequence[torch.memory_format], rows: int
) -> None:
    ours, plain = (Example(formats, activations, rows) for _ in range(2))
    found, wanted = ours.sums(weighted_sums), plain.sums(literal)
    assert len(found) == rows
    torch.testing.assert_close(found, wanted)
    gradients = torch.autograd.grad(score(found), ours.inputs())
    torch.testing.assert_close(gradients, torch.autograd.grad(score(wanted), plain.inputs()))
    torch.testing.assert_close(ours.buffers(), plain.buffers())
    assert ours.buffers()[-1] == 1  # the batches that were tracked


@pytest.mark.parametrize("formats", FORMATS.values(), ids=FORMATS)
def test_float32_agrees_too(formats: Sequence[torch.memory_format]) -> None:
    ours, plain = (Example(formats, rows=2, dtype=torch.float32, shape=(8, 4, 9, 9)) for _ in range(2))
    found, wanted = ours.sums(weighted_sums), plain.sums(literal)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
    pairs = zip(
        torch.autograd.grad(score(found), ours.inputs()),
        torch.autograd.grad(score(wanted), plain.inputs()),
        strict=True,
    )
    for got, expected in pairs:
        assert (got - expected).norm() <= 1e-5 * expected.norm()


@pytest.mark.parametrize("rows", [1, 2])
def test_second_derivatives(rows: int) -> None:
    example = Example((CONTIGUOUS, CHANNELS_LAST), ALL_ACTIVATIONS, rows, shape=(2, 2, 2, 1))

    def sums(*inputs: Tensor) -> tuple[Tensor, ...]:
        weights, first, second, gain, shift = inputs
        norm = ImageBatchNorm(2).double()
        del norm.weight, norm.bias  # parameters would hide the tensors that are differentiated by
        norm.weight, norm.bias = gain, shift  # type: ignore[assignment]
        return tuple(weighted_sums([Term(first), Term(second, norm)], weights, ALL_ACTIVATIONS))

    assert torch.autograd.gradgradcheck(sums, example.inputs())


def test_a_differentiable_gradient_counts_a_value_once_that_another_was_made_from() -> None:
    """On a mixed edge identity's value is the state itself, from which every other op's value is computed."""
    x = torch.randn(2, 3, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    weights = torch.tensor([[[0.2, 0.8], [0.7, 0.3]]], dtype=torch.float64, requires_grad=True)
    for create_graph in (False, True):
        found = []
        for how in (weighted_sums, literal):
            loss = score(how([Term(x), Term(x.sin())], weights, ("identity", "tanh")))
            gradients = torch.autograd.grad(loss, [x, weights], create_graph=create_graph)
            if create_graph:
                gradients = torch.autograd.grad(score(gradients[:1]), [x, weights])
            found.append(gradients)
        torch.testing.assert_close(*found)


def test_strided_parts_of_wider_values() -> None:
    """Partial channels hand over slices, which no memory format fits."""
    found = []
    for how in (weighted_sums, literal):
        wide = Example((CHANNELS_LAST,) * 2, shape=(3, 8, 5, 5)).values
        weights = torch.rand(1, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_()
        pooled = torch.nn.functional.max_pool2d(wide[1][:, :4], 3, 1, 1)
        sums = how([Term(wide[0][:, :4]), Term(pooled)], weights, ("identity", "relu"))
        found.append((sums, torch.autograd.grad(score(sums), [*wide, weights])))
    torch.testing.assert_close(*found)


def test_sequences() -> None:
    found = []
    for how in (weighted_sums, literal):
        generator = torch.Generator().manual_seed(2)
        values = [torch.randn(2, 5, 3, generator=generator).double().transpose(1, 2).requires_grad_() for _ in "ab"]
        weights = torch.rand(2, 2, 4, generator=generator).double().requires_grad_()
        sums = how([Term(v) for v in values], weights, ALL_ACTIVATIONS)
        found.append((sums, torch.autograd.grad(score(sums), [*values, weights])))
    torch.testing.assert_close(*found)


def test_what_needs_no_gradient_gets_none() -> None:
    example = Example((CONTIGUOUS,) * 2)
    example.values[0].requires_grad_(False)
    for create_graph in (False, True):
        gradients = torch.autograd.grad(
            score(example.sums(weighted_sums)),
            [example.weights, example.values[1]],
            create_graph=create_graph,
        )
        assert all(g.isfinite().all() for g in gradients)


@pytest.mark.parametrize("changes", ["a user's activation", "evaluation"])
def test_what_the_shorter_way_does_not_know_is_summed_plainly(changes: str) -> None:
    with registration_scope():
        register_activation("sine")(torch.sin)
        check_summed_plainly(changes)


def check_summed_plainly(changes: str) -> None:
    activations = ("identity", "sine") if changes == "a user's activation" else ALL_ACTIVATIONS
    found = []
    for how in (weighted_sums, literal):
        example = Example((CHANNELS_LAST,) * 3, activations, rows=2)
        if changes == "evaluation":
            for norm in filter(None, example.norms):
                norm.eval()
        sums = example.sums(how)
        found.append((sums, torch.autograd.grad(score(sums), example.inputs()), example.buffers()))
    torch.testing.assert_close(*found)


def test_bfloat16_values_among_float32_ones() -> None:
    """Autocast leaves pools in float32 and makes convolutions bfloat16."""
    example, wide = (Example((CHANNELS_LAST,) * 3, dtype=torch.float32) for _ in range(2))
    terms = [Term(v.bfloat16() if o else v, n) for o, (v, n) in enumerate(example.terms())]
    gradients = torch.autograd.grad(
        score([s.float() for s in weighted_sums(terms, example.weights, ALL_ACTIVATIONS)]), example.inputs()
    )
    exact = torch.autograd.grad(score(wide.sums(literal)), wide.inputs())
    for got, expected in zip(gradients, exact, strict=True):
        assert got.dtype == torch.float32
        assert (got - expected).norm() <= 0.05 * expected.norm() + 0.05


def test_fewer_numbers_are_kept_for_the_backward_pass() -> None:
    """That is what the second way of writing the sum is for; compare it with `benchmarks/supernet_step.py`."""
    kept = []
    for how in (weighted_sums, literal):
        sizes: dict[int, int] = {}
        example = Example((CHANNELS_LAST,) * 4)

        def keep(tensor: Tensor, sizes: dict[int, int] = sizes) -> Tensor:
            sizes[tensor.data_ptr()] = tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            sums = example.sums(how)
        kept.append(sum(sizes.values()))
        del sums
    assert kept[0] < 0.5 * kept[1]
