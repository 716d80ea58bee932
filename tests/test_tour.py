"""The notebook of `examples/` is stored without outputs, and runs from nothing to a classified image."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.example_scripts import EXAMPLES
from tests.support.needs_export import needs_export

TOUR = EXAMPLES / "tour.ipynb"


def test_it_is_stored_without_what_a_run_leaves() -> None:
    tour = json.loads(TOUR.read_text(encoding="utf-8"))
    code = [cell for cell in tour["cells"] if cell["cell_type"] == "code"]
    assert len(code) > 5
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert tour["metadata"] == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }


def shown(cell: Any, kind: str) -> str:
    """What a cell showed of a kind, as `text/html`, or printed (`stream`)."""
    parts = [
        output["text"] if output["output_type"] == "stream" else output.get("data", {}).get(kind, "")
        for output in cell["outputs"]
        if (output["output_type"] == "stream") == (kind == "stream")
    ]
    return "".join(parts)


@pytest.mark.slow
@needs_export
def test_it_runs_from_nothing_to_a_classified_image(tmp_path: Path) -> None:
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    tour = nbformat.read(TOUR, as_version=4)
    nbclient.NotebookClient(tour, timeout=1800, resources={"metadata": {"path": tmp_path}}).execute()
    *_, search, cell, train, image, program = (cell for cell in tour.cells if cell.cell_type == "code")
    assert "best validation accuracy" in shown(search, "text/html")
    assert "<img alt='the best network' src='data:image/svg+xml" in shown(search, "text/html")
    assert "<svg" in shown(cell, "image/svg+xml")
    accuracy = re.search(r"([\d.]+)% of the test digits are right", shown(train, "stream"))
    assert accuracy is not None and float(accuracy[1]) > 90
    assert shown(image, "image/png")
    name = re.search(r"class_name='(\d)', probability=", shown(image, "text/plain"))
    assert name is not None
    probabilities = json.loads(shown(program, "text/plain").replace("'", '"'))
    assert max(probabilities, key=lambda digit: float(probabilities[digit])) == name[1]
    assert not [output for cell in tour.cells for output in cell.get("outputs", ()) if output.get("name") == "stderr"]
