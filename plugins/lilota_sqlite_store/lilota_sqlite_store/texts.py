"""Long texts have tables of their own, so that a change of state does not copy them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

#: From this many characters on, a text is long: it would fill half a page of the tasks.
LONG_TEXT: Final = 2000
#: What the row of a task has in place of long headers; not JSON, as headers are.
ELSEWHERE: Final = "long"


def long_texts(texts: Iterable[tuple[int, str | None]]) -> dict[int, str]:
    """Return the long ones of the texts of tasks, by the ids of the tasks."""
    return {task_id: text for task_id, text in texts if text is not None and len(text) >= LONG_TEXT}
