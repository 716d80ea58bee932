"""`neat-deep tune`: choose the learning rate, weight decay and channels of a network's final training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from neat_deep.cli.options import TUNE, takes
from neat_deep.cli.registry import register_command


@register_command(
    "tune",
    summary="Choose how a network is trained, and train it so",
    examples=("neat-deep tune runs/first", "neat-deep tune runs/first --networks 3 --minutes 30"),
)
@takes(*TUNE)
def tune(
    architecture: Annotated[
        Path,
        typer.Argument(
            metavar="ARCHITECTURE", help="JSON file, folder of a run, or name of a shipped one.", show_default=False
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Its folder.  [default: runs/NAME_tuned]", show_default=False)
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(metavar="N", help="Minutes for trials and final training together.", show_default=False),
    ] = None,
    **given: Any,
) -> None:
    """Learning rates, weight decays and channels are compared on the validation part, as [Tuning] says; the best
    combination is trained and tested. Data and training are those of the run, of the INI file, or of the
    shipped one. The same command goes on where it was stopped."""
    from neat_deep.base.shipped import architecture_file
    from neat_deep.cli.tuning import tune_architecture

    own = {"out": out, "minutes": minutes}
    with architecture_file(architecture) as source:
        tune_architecture(source, {**given, **{name: value for name, value in own.items() if value is not None}})
