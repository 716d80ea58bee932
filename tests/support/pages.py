"""Runs for HTML pages, and what a page holds."""

from __future__ import annotations

import base64
import gzip
import json
import random
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import torch

from darts.alphas import Alphas
from darts.derivation import derive
from darts.history import EpochSummary, save_history
from darts.run_files import BEGUN
from darts.settings import DartsExperiment, DartsSettings, darts_settings_text
from neat_deep.config.experiment_file import Experiment
from neat_deep.config.run_settings import RunSettings
from neat_deep.config.stored_settings import AnyExperiment
from neat_deep.data import Dataset, DataSettings
from neat_deep.scoring.records import EvaluationRecord
from neat_deep.search.run_identity import describe_run
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.store.records import BestRecord, CandidateRecord, GenerationRecord, SpeciesRecord
from neat_deep.store.run_store import RunStore
from neat_deep.training.settings import TrainingSettings
from tests.support.toy_search import DATA

EPOCHS = 4
SIZE = 6
REUSED_PLACE, FAILED_PLACE, FIRST_RUNG_PLACE = 3, 4, 5


def darts_run(folder: Path) -> list[EpochSummary]:
    """A folder as a search by gradient descent on the digits leaves it after `EPOCHS` epochs; returns its history."""
    settings = DartsSettings(
        ("none", "identity", "sep_conv_3", "max_pool_3"), aggregation_options=("add", "mul"), nodes=3, epochs=EPOCHS
    )
    experiment = DartsExperiment(
        DataSettings("digits"), Skeleton(channels=4, cells=2), TrainingSettings(epochs=1), settings, RunSettings(seed=7)
    )
    history = []
    for epoch in range(1, EPOCHS + 1):
        alphas = Alphas(settings.space(), torch.Generator().manual_seed(epoch), edge_normalisation=True)
        with torch.no_grad():
            for parameter in alphas.parameters():
                parameter.mul_(1000.0)
        mixing = alphas()
        assert mixing.edges is not None and mixing.aggregations is not None
        history.append(
            EpochSummary(
                epoch=epoch,
                weight_loss=2.0 / epoch,
                weight_accuracy=0.5 + 0.1 * epoch,
                alpha_loss=None if epoch == 1 else 2.5 / epoch,
                alpha_accuracy=None if epoch == 1 else 0.45 + 0.1 * epoch,
                parameter_free=2,
                identities=1,
                cell_digest=derive(alphas).digest(),
                samples=100 * epoch,
                seconds=1.5,
                probabilities=mixing.candidates.tolist(),
                edge_weights=mixing.edges.tolist(),
                aggregation_weights=mixing.aggregations.tolist(),
            )
        )
    folder.mkdir(parents=True)
    (folder / BEGUN).write_text(darts_settings_text(replace(experiment, data=experiment.data.with_whole_paths())))
    save_history(history, folder / "history.json")
    return history


def stored_run(
    folder: Path, experiment: AnyExperiment, generations: int = 3, samples: int = 100, data: Dataset = DATA
) -> None:
    """A folder as a search leaves it after some generations of six, without any training: the figures are made up.

    Each network is a child of two of the generation before. One of each generation fails, one is reused, and one stops
    on the first of two rungs.
    """
    draw = random.Random(experiment.run.seed)
    evolves = isinstance(experiment, Experiment)
    cells = [cell(number, experiment.run.seed) for number in range(generations * SIZE)]
    with RunStore.create(folder / "run.sqlite", describe_run(experiment, data, torch.device("cpu"))) as store:
        store.start_clock("search", already=60.0)
        best = 0.0
        for generation in range(generations):
            candidates, seconds = [], 0.0
            for position in range(SIZE):
                number = generation * SIZE + position
                graph = cells[0] if position == REUSED_PLACE and generation else cells[number]
                digest, failed = graph.digest(), position == FAILED_PLACE
                status = "raised" if failed else "reused" if graph is cells[0] and number else "scored"
                rung = 0 if position == FIRST_RUNG_PLACE else 1
                accuracy = round(0.5 + 0.1 * generation + 0.05 * draw.random(), 3)
                metrics = {"parameters": 1000 + 300 * number, "macs": 10_000}
                if not failed:
                    metrics |= {"accuracy": accuracy, "loss": 1 - accuracy}
                took = 0.0 if status == "reused" else 1 + draw.random()
                seconds += took
                figures: dict[str, Any] = {
                    "generation": generation, "candidate": number, "key": digest, "digest": digest, "status": status,
                    "rung": rung, "metrics": metrics, "seconds": took, "reason": "ValueError: no" if failed else "",
                }  # fmt: skip
                if status != "reused":
                    store.record(
                        EvaluationRecord(**figures, samples=0 if failed else samples),
                        Architecture(graph, experiment.network),
                    )
                parents = (number - SIZE, (generation - 1) * SIZE) if generation else ()
                more = {"position": position, "species": position % 2 + 1 if evolves else None, "parents": parents}
                objective = None if failed else accuracy
                candidates.append(CandidateRecord(**figures, **more, objective=objective, fitness=accuracy))
            top = max(
                (row for row in candidates if row.rung == 1 and row.objective), key=lambda row: row.objective or 0
            )
            record = None
            if (top.objective or 0) > best:
                best = top.objective or 0
                place = generation, top.candidate, top.key, top.digest
                record = BestRecord(**dict(zip(("generation", "candidate", "key", "digest"), place, strict=True)))
            species = [
                SpeciesRecord(
                    generation=generation,
                    species=number,
                    created=0,
                    last_improved=0,
                    representative=0,
                    members=tuple(row.candidate for row in candidates if row.species == number),
                    history=(),
                )
                for number in (1, 2)
                if evolves
            ]
            spent = samples * sum(row.status == "scored" for row in candidates)
            store.add_generation(
                GenerationRecord(
                    generation=generation,
                    finished=True,
                    samples=spent,
                    saved_by_reuse=samples,
                    saved_by_rungs=samples,
                    seconds=seconds + 1,
                ),
                candidates,
                species,
                record,
            )


def cell(number: int, seed: int) -> CellGraph:
    """One of many different cells."""
    ops = ("identity", "sep_conv_1", "sep_conv_3", "max_pool_3")
    draw = random.Random(1000 * seed + number)
    chain = tuple(
        CellNode((Edge(0, draw.choice(ops), "relu"), Edge(node, draw.choice(ops))), "mul" if node % 2 else "add", node)
        for node in range(1 + number % 5)
    )
    return CellGraph(1, chain)


class PageContent(HTMLParser):
    """What a page shows and holds: its visible `text`, and every tag with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._parts: list[str] = []
        self._inside: list[str] = []
        self.feed(html)
        self.text = " ".join(" ".join(self._parts).split())
        self.charts: list[dict[str, Any]] = json.loads(held(html, "charts"))
        self.cells: dict[str, str] = _unpacked(held(html, "cells"))
        self.facts: dict[str, dict[str, str]] = _unpacked(held(html, "facts"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._inside and self._inside[-1] == tag:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if not self._inside:
            self._parts.append(data)

    @property
    def headings(self) -> list[str]:
        """The sections' anchors."""
        return [str(attributes["id"]) for tag, attributes in self.tags if tag == "section"]


def _unpacked(text: str) -> Any:
    return json.loads(gzip.decompress(base64.b64decode(text)))


def held(html: str, name: str) -> str:
    """The text of the data that a page holds under a name."""
    found = re.search(rf'<script type="[^"]*" id="{name}">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    return found.group(1).strip()
