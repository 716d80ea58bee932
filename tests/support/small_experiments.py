"""Shipped experiments, made small: a search and a final training of seconds."""

from __future__ import annotations

import re
from pathlib import Path

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
TEXTS = {"pop_size": 3, "channels": 16, "epochs": 2, "batch_size": 16, "generations": 1, "text_min_count": 1}
DARTS = {
    "op_options": "none identity sep_conv_3 max_pool_3",
    "nodes": "2",
    "epochs": "2",
    "weight_epochs": "1",
    "batch_size": "64",
}


def small_text_ini(folder: Path) -> Path:
    """The evolution on SST-2 as `folder/small.ini`."""
    text = (CONFIGS / "sst2_neat.ini").read_text()
    for key, value in TEXTS.items():
        text, count = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", text)
        assert count >= 1, key
    (folder / "small.ini").write_text(text)
    return folder / "small.ini"


def small_darts_ini(folder: Path, **changes: str) -> Path:
    """The search by gradient descent on the digits as `folder/small.ini`; `changes` are other values in [Darts]."""
    text = (CONFIGS / "digits_darts.ini").read_text()
    head, rest = text.split("[Darts]")
    for key, value in {**DARTS, **changes}.items():
        rest, count = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", rest)
        if not count:
            rest = f"\n{key} = {value}{rest}"
    head = re.sub(r"(?m)^epochs = .*$", "epochs = 2", head).replace("channels = 16", "channels = 4")
    path = folder / "small.ini"
    path.write_text(f"{head}[Darts]{rest}")
    return path
