"""Texts on their way into the database and back: PostgreSQL keeps all of Unicode but NUL.

Arrays are written as PostgreSQL's own literals: for a batch of hundreds that takes a fraction of what a driver needs
that looks at each value, and all parameters stay text, so that a statement is prepared once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, cast

#: A control character that hardly ever stands in a text. It is doubled by a digit, so that every text has its way back.
_ESCAPE: Final = "\x1a"
_ESCAPED: Final = re.compile("\x1a([01])")


def stored(text: str) -> str:
    """Return a text as it is stored.

    >>> stored("a\\0b"), original(stored("a\\0b"))
    ('a\\x1a0b', 'a\\x00b')
    """
    if "\0" in text or _ESCAPE in text:
        return text.replace(_ESCAPE, _ESCAPE + "1").replace("\0", _ESCAPE + "0")
    return text


def original(text: str) -> str:
    """Return a stored text as it was."""
    return _ESCAPED.sub(lambda found: "\0" if found[1] == "0" else _ESCAPE, text) if _ESCAPE in text else text


def number_array(numbers: Iterable[float | None]) -> str:
    """Return numbers as an array literal; None is NULL.

    >>> number_array([1, None, 2.5])
    '{1,NULL,2.5}'
    """
    return "{" + ",".join(map(str, numbers)).replace("None", "NULL") + "}"


def text_array(texts: Iterable[str | None]) -> str:
    """Return texts as an array literal; None is NULL. They must be `stored` already, where they may contain NUL.

    >>> print(text_array(['a "b"', None]))
    {"a \\"b\\"",NULL}
    """
    texts = list(texts)
    if None not in texts:
        # All at once is several times as fast. A NUL is what stands in none of them, or the driver refuses it below.
        joined = "\0".join(cast("list[str]", texts))
        if joined.count("\0") == len(texts) - 1:
            return '{"' + _escaped(joined).replace("\0", '","') + '"}'
    return "{" + ",".join(["NULL" if text is None else f'"{_escaped(text)}"' for text in texts]) + "}"


def _escaped(text: str) -> str:
    if "\\" in text or '"' in text:
        return text.replace("\\", "\\\\").replace('"', '\\"')
    return text


def stored_array(texts: Sequence[str] | None) -> str | None:
    """Return names as they are stored, as an array literal; None stays None."""
    return None if texts is None else text_array(map(stored, texts))
