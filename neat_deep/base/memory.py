"""Recognises a lack of memory in the many exceptions that report one."""

from __future__ import annotations

import re

ASKED = re.compile(r"(?:tried to allocate|Unable to allocate) ([\d.]+ ?\w+)", re.IGNORECASE)  # torch's words, numpy's
WORDS = re.compile(r"out of memory|can't allocate memory|unable to allocate|cannot allocate memory", re.IGNORECASE)


def lacked_memory(error: BaseException) -> str | None:
    """What an error says of a lack of memory, in a line; None for another error."""
    text = str(error)
    if not isinstance(error, MemoryError) and not (isinstance(error, RuntimeError | OSError) and WORDS.search(text)):
        return None
    asked = ASKED.search(text)
    return f"the memory ran out{f' when {_readable(asked[1])} more were asked for' if asked else ''}"


def _readable(amount: str) -> str:
    number = amount.removesuffix(" bytes")
    return f"{int(number) / 2**20:,.0f} MiB" if amount.endswith(" bytes") and number.isdecimal() else amount
