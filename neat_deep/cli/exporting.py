"""Export a run's trained network, and say what the file takes and how it was checked."""

from __future__ import annotations

from pathlib import Path

from neat_deep.cli.running import naming
from neat_deep.cli.trained_run import trained_file
from neat_deep.export.exporting import check_out, export_network
from neat_deep.export.formats import FORMATS


def export(network: Path, *, format: str, out: Path | None, channels: int | None) -> None:
    """Write the file and print two lines about it; raises `NeatDeepError`."""
    with naming("--format"):
        suffix = FORMATS.get(format).suffix
    trained = trained_file(network)
    out = trained.with_suffix(suffix) if out is None else out
    with naming("--out"):
        check_out(out, format)
    exported = export_network(trained, out, format=format, channels=channels)
    inputs, outputs = exported.description["input"], exported.description["output"]
    print(f"written to {exported.path}: {_tensor(inputs)} to {_tensor(outputs)}")
    print(
        f"checked against torch: on {exported.examples} examples the largest difference of a probability is"
        f" {exported.difference:.1e}"
    )


def _tensor(facts: dict[str, object]) -> str:
    shape = facts["shape"]
    assert isinstance(shape, list)
    return f"{facts['name']} {facts['type']} ({', '.join(map(str, shape))})"
