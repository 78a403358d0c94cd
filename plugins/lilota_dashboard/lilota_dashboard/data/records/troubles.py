"""What is wrong, in words."""

from __future__ import annotations

from typing import Literal

from lilota.models import Record

Level = Literal["problem", "warning", "ok"]


class Trouble(Record, frozen=True, kw_only=True):
    """What is wrong, or was found to be in order, in words, with the remedy.

    Attributes:
        check: what was looked at; a stable word: "runners", "tasks", "store", "plugins", ...
    """

    level: Level
    check: str
    text: str
