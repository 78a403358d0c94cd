"""Make what other people wrote harmless to print: no terminal escapes, no secrets.

Task names, descriptions, inputs, logs and errors come from whoever may add a task; they must not move the cursor,
fake a line or carry a password onto somebody's screen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lilota.texts.patterns import Pattern
from lilota.texts.secrets import mask_text

if TYPE_CHECKING:
    import re

# C0, DEL and C1 controls, bidirectional marks, soft line ends, the byte order mark, and halves of surrogate pairs.
_UNSAFE: Final = Pattern(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_SHORT_ESCAPES: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def safe(text: str) -> str:
    """Return `text` as one harmless line: control characters become visible escapes, secrets `***`."""
    return escape(mask_text(text))


def safe_lines(text: str) -> list[str]:
    """Return the lines of a text that may have several, each made harmless; tabs become spaces."""
    return [escape(line.expandtabs(4)) for line in mask_text(text).rstrip().split("\n")]


def escape(text: str) -> str:
    """Return `text` as one line whose control characters are visible escapes; secrets stay as they are."""
    return _UNSAFE.compiled.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    code = ord(character)
    return _SHORT_ESCAPES.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")
