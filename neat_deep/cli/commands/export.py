"""`neat-deep export`: a trained network as a file for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neat_deep.cli.registry import register_command


@register_command(
    "export",
    summary="Write a trained network as a file for other programs",
    examples=(
        "neat-deep export runs/first",
        "neat-deep export runs/first --format torch --out digits.pt2",
    ),
)
def export(
    network: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="Folder of a run, its trained.pt or ensemble.json.", show_default=False),
    ],
    format: Annotated[
        str, typer.Option(metavar="NAME", help="onnx, or torch: a .pt2 file for torch.export.load.")
    ] = "onnx",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="New file.  [default: beside trained.pt]", show_default=False)
    ] = None,
    channels: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Of the images: 1 (grey) or 3 (RGB).  [default: the network's]", show_default=False
        ),
    ] = None,
) -> None:
    """The preprocessing is inside. Class probabilities (batch, classes) come out, and in go

        images  bytes (batch, height, width, channels) of any one size,
                decoded, upright, without transparency
        texts   int64 token ids (batch, length), padded on the right

    JSON in the file tells the classes, and for texts the vocabulary, the tokenizer and the padding's id. What the file
    computes is compared with torch before it takes its place."""
    from neat_deep.cli.exporting import export as write

    write(network, format=format, out=out, channels=channels)
