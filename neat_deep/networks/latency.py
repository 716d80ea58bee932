"""How long a network takes for one example, by the clock."""

from __future__ import annotations

import statistics
import time

import torch
from torch import nn

from neat_deep.data import DataSpec

WARM_UP, PASSES = 3, 15


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
