"""Records of candidates, as a run's store would hold them."""

from __future__ import annotations

from neat_deep.store.records import CandidateRecord


def row(key: str, parameters: int, accuracy: float | None, rung: int = 0) -> CandidateRecord:
    """A candidate of generation 0 that was scored, or failed where `accuracy` is None."""
    return CandidateRecord(
        generation=0,
        candidate=ord(key[0]),
        position=0,
        species=1,
        key=key,
        digest=key,
        status="diverged" if accuracy is None else "scored",
        rung=rung,
        metrics={"parameters": parameters, "macs": 0} | ({} if accuracy is None else {"accuracy": accuracy}),
        objective=accuracy,
        fitness=0.0,
    )
