"""What a user would write instead of a search of ours: Optuna over a compact residual CNN, in plain torch.

TPE proposes stages, width, blocks, kernel, dropout, learning rate and weight decay; a median pruner stops trials that
fall behind. After three fifths of the time the best trial is trained again on all examples, in the time that is left.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import optuna
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neat_deep.data import Augmentation, Dataset, Split

SEARCH_SHARE = 0.6  # of the time
STARTUP_TRIALS = 5  # before the pruner compares
BATCH_SIZE = 128


@dataclass(frozen=True)
class Found:
    """The test accuracy (0..1) of the best trial's network, trained again, its weights, and how many were tried."""

    accuracy: float
    parameters: int
    tried: int
    epochs: int
    settings: dict[str, Any]


class Block(nn.Module):
    """Two convolutions around a shortcut; with a stride the shortcut is a convolution too."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.second = nn.Conv2d(outputs, outputs, kernel, 1, kernel // 2, bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(outputs) for _ in range(2))
        self.dropout = nn.Dropout(dropout)
        same = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.norms[0](self.first(x)))
        return F.relu(self.norms[1](self.second(self.dropout(out))) + self.shortcut(x))


def best_trial(study: optuna.Study) -> optuna.trial.FrozenTrial:
    """The best that ended; where the time cut all of them short, the best after its last epoch.

    Raises `RuntimeError` where no epoch ended.
    """
    if any(trial.state == optuna.trial.TrialState.COMPLETE for trial in study.trials):
        return study.best_trial
    begun = [trial for trial in study.trials if trial.intermediate_values]
    if not begun:
        raise RuntimeError("the Optuna script ended no epoch of any trial; allowed: more --seconds")
    return max(begun, key=lambda trial: trial.intermediate_values[max(trial.intermediate_values)])


def make_network(settings: dict[str, Any], channels: int, classes: int) -> nn.Module:
    """The network of a trial: each stage halves the image and doubles the width."""
    width, kernel, dropout = settings["width"], settings["kernel"], settings["dropout"]
    layers: list[nn.Module] = [nn.Conv2d(channels, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    for stage in range(settings["stages"]):
        for block in range(settings["blocks"]):
            halves = stage > 0 and block == 0
            inputs = width * 2 ** (stage - 1) if halves else width * 2**stage
            layers.append(Block(inputs, width * 2**stage, kernel, 2 if halves else 1, dropout))
    last = width * 2 ** (settings["stages"] - 1)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(last, classes))


def accuracy_of(network: nn.Module, split: Split) -> float:
    """The share of the examples that are classified rightly."""
    network.eval()
    with torch.no_grad():
        right = sum(int((network(b.inputs).argmax(1) == b.labels).sum()) for b in split.eval_batches(500))
    return right / len(split)


def search(
    dataset: Dataset, augmentation: Augmentation, *, seconds: float, seed: int, trial_epochs: int, final_epochs: int
) -> Found:
    """Search and train again within `seconds` from now; the test set is read once, at the end."""
    end = time.time() + seconds
    search_end = end - (1 - SEARCH_SHARE) * seconds
    channels, classes = dataset.spec.shape[0], dataset.spec.num_classes
    seconds_of: dict[int, float] = {}  # an epoch's, by trial

    def train(settings: dict[str, Any], split: Split, epochs: int, until: float, epoch_ended: Any) -> nn.Module:
        """Train on a one-cycle schedule; it ends early at `until`."""
        network = make_network(settings, channels, classes)
        generator = torch.Generator().manual_seed(seed)
        optimizer = torch.optim.AdamW(network.parameters(), settings["rate"], weight_decay=settings["decay"])
        steps = epochs * (len(split) // BATCH_SIZE + 1)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings["rate"], steps)
        for epoch in range(epochs):
            network.train()
            for batch in split.train_batches(BATCH_SIZE, generator, augmentation):
                optimizer.zero_grad()
                F.cross_entropy(network(batch.inputs), batch.labels, label_smoothing=0.05).backward()
                optimizer.step()
                schedule.step()
                if time.time() >= until:
                    return network
            epoch_ended(epoch, network)
        return network

    def objective(trial: optuna.Trial) -> float:
        settings = {
            "stages": trial.suggest_int("stages", 1, 3),
            "width": trial.suggest_int("width", 8, 64, log=True),
            "blocks": trial.suggest_int("blocks", 1, 3),
            "kernel": trial.suggest_categorical("kernel", [3, 5]),
            "dropout": trial.suggest_float("dropout", 0.0, 0.3),
            "rate": trial.suggest_float("rate", 1e-3, 3e-2, log=True),
            "decay": trial.suggest_float("decay", 1e-4, 1e-1, log=True),
        }
        started, reached = time.time(), 0.0

        def epoch_ended(epoch: int, network: nn.Module) -> None:
            nonlocal reached
            reached = accuracy_of(network, dataset.validation)
            trial.report(reached, epoch)
            seconds_of[trial.number] = (time.time() - started) / (epoch + 1)
            if trial.should_prune():
                raise optuna.TrialPruned

        train(settings, dataset.train, trial_epochs, search_end, epoch_ended)
        if time.time() >= search_end:
            raise optuna.TrialPruned  # it was cut short: nothing to compare
        return reached

    torch.manual_seed(seed)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler, pruner = optuna.samplers.TPESampler(seed=seed), optuna.pruners.MedianPruner(STARTUP_TRIALS, 1)
    study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
    while time.time() < search_end:
        study.optimize(objective, n_trials=1, catch=(RuntimeError,))
    best = best_trial(study)
    whole, test = dataset.for_retraining().train, dataset.read_test()
    share = len(whole) / len(dataset.train)
    epochs = int(0.95 * (end - time.time()) / (seconds_of[best.number] * share))
    epochs = max(1, min(final_epochs, epochs))
    network = train(best.params, whole, epochs, end, lambda *_: None)
    parameters = sum(weight.numel() for weight in network.parameters())
    return Found(accuracy_of(network, test), parameters, len(study.trials), epochs, best.params)
