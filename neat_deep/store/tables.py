"""The tables of a run's file; docs/run_store.md explains them."""

from __future__ import annotations

APPLICATION_ID = 0x4E444550  # "NDEP": in SQLite's header, so that other files are recognised as others
VERSION = 3  # 2: latency; 3: metrics, candidates of any strategy, architectures
CHECKSUM = "checksum"  # the entry of meta that tells whether the others are what was written

SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE states (
    generation INTEGER PRIMARY KEY, state TEXT NOT NULL, torch_random BLOB NOT NULL, sha256 TEXT NOT NULL);
CREATE TABLE architectures (digest TEXT PRIMARY KEY, architecture TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE evaluations (
    generation INTEGER, key TEXT, rung INTEGER, candidate INTEGER NOT NULL, digest TEXT NOT NULL, status TEXT NOT NULL,
    metrics TEXT NOT NULL, samples INTEGER NOT NULL, seconds REAL NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (generation, key, rung)) WITHOUT ROWID;
CREATE TABLE candidates (
    generation INTEGER, candidate INTEGER, position INTEGER NOT NULL, species INTEGER, key TEXT NOT NULL,
    digest TEXT NOT NULL, status TEXT NOT NULL, rung INTEGER NOT NULL, metrics TEXT NOT NULL, objective REAL,
    fitness REAL, parents TEXT NOT NULL, seconds REAL NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (generation, candidate)) WITHOUT ROWID;
CREATE TABLE species (
    generation INTEGER, species INTEGER, created INTEGER NOT NULL, last_improved INTEGER NOT NULL,
    representative INTEGER NOT NULL, members TEXT NOT NULL, history TEXT NOT NULL,
    PRIMARY KEY (generation, species)) WITHOUT ROWID;
CREATE TABLE generations (generation INTEGER PRIMARY KEY, finished INTEGER NOT NULL, samples INTEGER NOT NULL,
    saved_by_reuse INTEGER NOT NULL, saved_by_rungs INTEGER NOT NULL, seconds REAL NOT NULL);
CREATE TABLE best (
    generation INTEGER, candidate INTEGER, key TEXT NOT NULL, digest TEXT NOT NULL, genes TEXT NOT NULL,
    PRIMARY KEY (generation, candidate)) WITHOUT ROWID;
CREATE TABLE weights (
    key TEXT, rung INTEGER, data BLOB NOT NULL, sha256 TEXT NOT NULL, PRIMARY KEY (key, rung));
CREATE TABLE clock (part TEXT PRIMARY KEY, seconds REAL NOT NULL) WITHOUT ROWID;
"""

# Made by a search that screens its proposals: a store without them is one of the same version.
SIGNALS, SCREENINGS = "signals", "screenings"
SCREENING = (
    f"CREATE TABLE IF NOT EXISTS {SIGNALS} (name TEXT, digest TEXT, value REAL, PRIMARY KEY (name, digest))"
    " WITHOUT ROWID",
    f"CREATE TABLE IF NOT EXISTS {SCREENINGS} (generation INTEGER PRIMARY KEY, screened_out INTEGER NOT NULL)"
    " WITHOUT ROWID",
)
