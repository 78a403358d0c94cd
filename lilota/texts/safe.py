"""Make what other people wrote harmless to print: no terminal escapes, no secrets.

Task names, descriptions, inputs, logs and errors come from whoever may add a task; they must not move the cursor,
fake a line or carry a password onto somebody's screen.
"""

from __future__ import annotations

import re
from typing import Final

MASK: Final = "***"

_SECRET_KEY: Final = re.compile(r"pass|secret|token|api[-_]?key|auth|cookie|credential|private", re.IGNORECASE)

# C0, DEL and C1 controls, bidirectional marks, soft line ends, the byte order mark, and halves of surrogate pairs.
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_SHORT_ESCAPES: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}

# Greedy up to the last "@": a password that holds "@" or "/" is hidden whole, at worst with the host.
_URL_PASSWORD: Final = re.compile(r"(\w://[^\s:@/?#]*:)\S*@")
_URL_PARAMETER: Final = re.compile(rf"([?&][^\s=&#]*(?:{_SECRET_KEY.pattern})[^\s=&#]*=)[^\s&#]+", re.IGNORECASE)


def safe(text: str) -> str:
    """Return `text` as one harmless line: control characters become visible escapes, passwords in URLs `***`."""
    return escape(mask_urls(text))


def safe_lines(text: str) -> list[str]:
    """Return the lines of a text that may have several, each made harmless; tabs become spaces."""
    return [escape(line.expandtabs(4)) for line in mask_urls(text).rstrip().split("\n")]


def escape(text: str) -> str:
    """Return `text` as one line whose control characters are visible escapes; secrets stay as they are."""
    return _UNSAFE.sub(_escape, text)


def mask_urls(text: str) -> str:
    """Hide the passwords of all URLs in a text.

    >>> mask_urls("postgresql://ann:hunter2@db/app?sslpassword=x&mode=1")
    'postgresql://ann:***@db/app?sslpassword=***&mode=1'
    """
    if "://" not in text:
        return text
    return _URL_PARAMETER.sub(rf"\1{MASK}", _URL_PASSWORD.sub(rf"\1{MASK}@", text))


def mask_secrets(value: object) -> object:
    """Return a copy of a decoded JSON value without what telling keys hold, at any depth, and passwords in URLs."""
    if isinstance(value, dict):
        return {key: MASK if _SECRET_KEY.search(key) else mask_secrets(item) for key, item in value.items()}
    if isinstance(value, list):
        return [mask_secrets(item) for item in value]
    return mask_urls(value) if isinstance(value, str) else value


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    code = ord(character)
    return _SHORT_ESCAPES.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")
