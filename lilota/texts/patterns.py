"""Regular expressions that are compiled when they are first used.

To compile one takes up to half a millisecond. Every program that imports lilota would wait for those that few need.
"""

from __future__ import annotations

import re
from functools import cached_property


class Pattern:
    """A regular expression, as its text until somebody uses it."""

    def __init__(self, text: str, flags: re.RegexFlag = re.NOFLAG) -> None:
        self.text: str = text
        self._flags = flags

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        return re.compile(self.text, self._flags)
