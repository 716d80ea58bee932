"""What a network costs: its trainable weights, and the multiply-accumulates and milliseconds of one example."""

from __future__ import annotations

import statistics
import time

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from neat_deep.data.spec import DataSpec
from neat_deep.ops.pooling import AveragePool

WARM_UP, PASSES = 3, 15  # of a latency


def count_parameters(module: nn.Module) -> int:
    """The number of trainable weights."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def count_macs(network: nn.Module, data: DataSpec) -> int:
    """Multiply-accumulates of one example's forward pass, in convolutions, linear layers and attention.

    A pool has none, however it is computed.
    """
    example = torch.zeros(1, *data.shape, dtype=torch.float32 if data.rank == 2 else torch.long)
    was_training = network.training
    device = next(network.parameters()).device
    pooled = 0  # what the counter takes for convolutions

    def leave_out(sign: int) -> None:
        nonlocal pooled
        pooled += sign * int(counter.get_total_flops())

    hooks = []
    for module in network.modules():
        if isinstance(module, AveragePool):
            hooks.append(module.register_forward_pre_hook(lambda *_: leave_out(-1)))
            hooks.append(module.register_forward_hook(lambda *_: leave_out(1)))
    try:
        # The counter knows the matrix products of attention, but not every device's fused kernel for it.
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            network.eval()(example.to(device))
    finally:
        for hook in hooks:
            hook.remove()
    network.train(was_training)
    return (int(counter.get_total_flops()) - pooled) // 2


def measure_latency(network: nn.Module, data: DataSpec) -> float:
    """Milliseconds of a forward pass of one example, in evaluation mode: the median of `PASSES`, after a warm-up.

    On the device that the network is on, which is waited for. Whatever else the machine does meanwhile is measured
    too, so two calls give two figures. A text has the greatest length that the data allow.
    """
    example = torch.zeros(1, *data.shape, dtype=torch.float32 if data.rank == 2 else torch.long)
    was_training = network.training
    device = next(network.parameters()).device
    example = example.to(device)
    network.eval()
    seconds = []
    with torch.inference_mode():
        for _ in range(WARM_UP + PASSES):
            started = time.perf_counter()
            network(example).cpu()  # the copy waits for the device
            seconds.append(time.perf_counter() - started)
    network.train(was_training)
    return 1000 * statistics.median(seconds[WARM_UP:])
