"""What a command line asks of a search."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Request:
    """What a command line asks of a search: a new one of `config`, or to go on with `run`.

    `given` are the options by name, those that were given alone. `place` is what messages put before mistakes about
    `run`, such as `--resume`. `started` is when the command began, a point of `time.time()`: a promise of minutes
    counts from there. A `search_only` one ends with the best architecture: nothing is trained from scratch, and the
    test set stays unread.
    """

    config: Path | None = None
    run: Path | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    place: str = ""
    started: float = field(default_factory=time.time)
    search_only: bool = False
