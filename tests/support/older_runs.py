"""What an older program would have stored: a settings text without a key that came later."""

from __future__ import annotations

import re


def without_key(text: str, section: str, key: str) -> str:
    """The text of an INI file without one key of one section."""
    pattern = rf"(?ms)(^\[{section}\]$(?:(?!^\[).)*?)^{key} *= ?[^\n]*\n"
    shorter, count = re.subn(pattern, r"\1", text, count=1)
    assert count == 1, f"no {key} in [{section}]"
    return shorter
