"""How much of what one attempt says is kept: its worker cuts what is longer, and its runner takes no more."""

from __future__ import annotations

from typing import Final

#: How many lines of an attempt are kept; behind them a last line says how much was dropped.
LINES_LIMIT: Final = 10_000
#: How many characters these lines have together.
CHARACTERS_LIMIT: Final = 1_000_000
#: How many characters of a line are kept, its beginning.
LINE_LENGTH_LIMIT: Final = 8_000
#: How many characters the name of a logger or of the class of an exception has, its beginning.
NAME_LIMIT: Final = 500
#: How many characters of the message of an error are kept, its beginning.
MESSAGE_LIMIT: Final = 4_000
#: How many characters of a traceback are kept, the end of it, where the error is.
TRACEBACK_LIMIT: Final = 32_000
#: What limits of memory count in.
MEGABYTE: Final = 1_000_000
