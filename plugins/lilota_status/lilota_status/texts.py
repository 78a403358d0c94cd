"""What people read: words of tasks and of people's code, made harmless for a page."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Final

from lilota.models import LogLine, TaskInfo, TaskState
from lilota.texts.patterns import Pattern
from lilota.texts.safe import safe
from lilota.texts.words import iso

#: The rest of a longer text is left out, and three dots say so.
_LONGEST: Final = 2_000
_LONGEST_LINE: Final = 10_000
_COLOURS: Final = Pattern("\x1b\\[[0-9;]*m")
_SPACES: Final = str.maketrans("_-", "  ")
#: A stranger's page has one word for what waits, whatever it waits for.
STATES: Final = {TaskState.PENDING: "waiting", **{state: state.value for state in TaskState if state != "pending"}}


def shown(text: str, longest: int = _LONGEST) -> str:
    """Return a text as one harmless line: no secrets, no control characters, no colours, and not too long."""
    # Masked as a whole: the half of a secret that is left by a cut is not recognised as one.
    line = safe(_COLOURS.compiled.sub("", text))
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def title_of(info: TaskInfo) -> str:
    """Return what a task is called on a page: its description, or its name in words.

    "draw_report" is "Draw report", and "reports:monthly" of a family "Reports: monthly". What begins with a path, as
    "shop.tasks.draw_report" and "django.tasks:shop.tasks.draw_report" do, says where the code is: that is left out.
    """
    return shown(info.description or _in_words(info.name))


def _in_words(name: str) -> str:
    begins_with_a_path = "." in name.partition(":")[0]
    own = name.rpartition(".")[2] if begins_with_a_path else name
    words = ": ".join(part.strip() for part in own.translate(_SPACES).split(":"))
    return words[:1].upper() + words[1:] or name


def lines_of(lines: Iterable[LogLine], first: int) -> list[dict[str, object]]:
    """Return lines of a log as a page gets them: what the task logged and printed, and nothing of lilota's own.

    Those name machines, processes and paths, and are for who runs the tasks.

    Args:
        first: how many lines of the log are before them.
    """
    return [_line_of(number, line) for number, line in enumerate(lines, first + 1) if line.source != "lilota"]


def _line_of(number: int, line: LogLine) -> dict[str, object]:
    """Return a line of a log; its number is 1 for the oldest."""
    at = line.to_dict(reveal_secrets=True)["at"]
    return {
        "number": number,
        "at": at,
        "level": logging.getLevelName(line.level),
        "text": shown(line.text, _LONGEST_LINE),
    }


__all__ = ["STATES", "iso", "lines_of", "shown", "title_of"]
