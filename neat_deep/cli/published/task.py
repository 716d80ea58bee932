"""What a step is given when it is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neat_deep.cli.published.folder import ExperimentFolder, Result
from neat_deep.cli.published.plan import Step


@dataclass(frozen=True)
class Where:
    """Where the data lie and what is computed on; `roots` are the folders of data sets that the program makes."""

    data_root: str | None
    device: str
    roots: Mapping[str, Path] = field(default_factory=dict)

    def options(self, data: str) -> dict[str, Any]:
        """The same as options of the command, for one data set."""
        root = self.roots.get(data, self.data_root)
        return {"device": self.device, **({} if root is None else {"data_root": str(root)})}


@dataclass(frozen=True)
class Task:
    """A step to do, with the results of the steps that it needs, by name."""

    folder: ExperimentFolder
    step: Step
    where: Where
    inputs: Mapping[str, Result] = field(default_factory=dict)
