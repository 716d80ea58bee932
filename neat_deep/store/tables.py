"""The tables of a run's file, and what a row of each holds; docs/run_store.md explains them."""

from __future__ import annotations

from dataclasses import dataclass

APPLICATION_ID = 0x4E444550  # "NDEP": in SQLite's header, so that other files are recognised as others
VERSION = 2  # 2: latency
CHECKSUM = "checksum"  # the entry of meta that tells whether the others are what was written

SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE populations (
    generation INTEGER PRIMARY KEY, state TEXT NOT NULL, torch_random BLOB NOT NULL, sha256 TEXT NOT NULL);
CREATE TABLE evaluations (
    generation INTEGER, key TEXT, rung INTEGER, genome INTEGER NOT NULL, digest TEXT NOT NULL, status TEXT NOT NULL,
    accuracy REAL, samples INTEGER NOT NULL, parameters INTEGER NOT NULL, macs INTEGER NOT NULL,
    seconds REAL NOT NULL, reason TEXT NOT NULL, latency REAL,
    PRIMARY KEY (generation, key, rung)) WITHOUT ROWID;
CREATE TABLE genomes (
    generation INTEGER, genome INTEGER, position INTEGER NOT NULL, species INTEGER, key TEXT NOT NULL,
    digest TEXT NOT NULL, status TEXT NOT NULL, rung INTEGER NOT NULL, accuracy REAL, fitness REAL NOT NULL,
    parameters INTEGER NOT NULL, macs INTEGER NOT NULL, parents TEXT NOT NULL, seconds REAL NOT NULL,
    reason TEXT NOT NULL, latency REAL,
    PRIMARY KEY (generation, genome)) WITHOUT ROWID;
CREATE TABLE species (
    generation INTEGER, species INTEGER, created INTEGER NOT NULL, last_improved INTEGER NOT NULL,
    representative INTEGER NOT NULL, members TEXT NOT NULL, history TEXT NOT NULL,
    PRIMARY KEY (generation, species)) WITHOUT ROWID;
CREATE TABLE generations (generation INTEGER PRIMARY KEY, samples INTEGER NOT NULL,
    saved_by_reuse INTEGER NOT NULL, saved_by_rungs INTEGER NOT NULL, seconds REAL NOT NULL);
CREATE TABLE best (
    generation INTEGER, genome INTEGER, key TEXT NOT NULL, rung INTEGER NOT NULL, accuracy REAL NOT NULL,
    architecture TEXT NOT NULL, genes TEXT NOT NULL,
    PRIMARY KEY (generation, genome)) WITHOUT ROWID;
CREATE TABLE weights (
    key TEXT, rung INTEGER, data BLOB NOT NULL, sha256 TEXT NOT NULL, PRIMARY KEY (key, rung));
"""


@dataclass(frozen=True)
class EvaluationRow:
    """One training and scoring that ended, well or not; `accuracy` is on the search's validation examples.

    `key` names what was trained (the digest, and what it inherited), `rung` how far, `genome` the first genome that
    asked for it, `samples` the training examples that it cost.
    """

    generation: int
    key: str
    rung: int
    genome: int
    digest: str
    status: str
    accuracy: float | None
    samples: int
    parameters: int
    macs: int
    seconds: float
    reason: str
    latency: float | None = None  # milliseconds for one example, where they were measured


@dataclass(frozen=True)
class GenomeRow:
    """One genome of one generation; `species` is the one that it competed in, `parents` are genome keys as JSON."""

    generation: int
    genome: int
    position: int
    species: int | None
    key: str
    digest: str
    status: str
    rung: int
    accuracy: float | None
    fitness: float
    parameters: int
    macs: int
    parents: str
    seconds: float
    reason: str
    latency: float | None = None


@dataclass(frozen=True)
class SpeciesRow:
    """One species of one generation as it was scored; `members` and `history` are JSON lists."""

    generation: int
    species: int
    created: int
    last_improved: int
    representative: int
    members: str
    history: str


@dataclass(frozen=True)
class GenerationRow:
    """What a scored generation cost, in training examples and seconds, and what reuse and early stopping saved."""

    generation: int
    samples: int
    saved_by_reuse: int
    saved_by_rungs: int
    seconds: float


@dataclass(frozen=True)
class BestRow:
    """A network better than all before it: `architecture` is an `Architecture`'s JSON, `genes` its genome's."""

    generation: int
    genome: int
    key: str
    rung: int
    accuracy: float
    architecture: str
    genes: str
