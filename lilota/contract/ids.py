"""Which values can be the id of a task: every store refuses the others in the same words, before it looks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from lilota.errors import TaskNotFoundError

#: The largest number that most databases can store.
LARGEST_ID: Final = 2**63 - 1
#: More digits than any id has; without a limit, a text of a megabyte would be read.
_LONGEST_TEXT: Final = 30


def check_id(task_id: int, largest: int = LARGEST_ID) -> int:
    """Return a number that can be an id; nothing else could even be looked for.

    Raises:
        TaskNotFoundError: it is none.
    """
    check_whole((task_id,))
    if not 0 < task_id <= largest:
        raise TaskNotFoundError(task_id)
    return task_id


def read_id(task_id: int | str) -> int:
    """Return an id that may have come as text, as of a URL: decimal digits, and nothing else.

    Raises:
        TaskNotFoundError: the text is no number.
    """
    if not isinstance(task_id, str):
        return task_id
    if not (task_id.isascii() and task_id.isdecimal() and len(task_id) <= _LONGEST_TEXT):
        raise TaskNotFoundError(task_id)
    return int(task_id)


def check_whole(task_ids: Iterable[int]) -> None:
    """Make sure that ids are whole numbers: a text, or `True`, would be found in one store and not in another.

    Raises:
        TaskNotFoundError: one of them is none.
    """
    for task_id in task_ids:
        if not isinstance(task_id, int) or isinstance(task_id, bool):
            raise TaskNotFoundError(task_id)
