"""What somebody types in a terminal for the tasks that a dashboard shows, as its pages say it."""

from __future__ import annotations

from typing import Final, NamedTuple

from lilota.serving import WORKER


class Commands(NamedTuple):
    """The commands of lilota as they are typed here.

    Attributes:
        worker: starts a runner.
        line: stands before all other commands, as "lilota" before "add".
    """

    worker: str = WORKER
    line: str = "lilota"


#: In a Django project, lilota is told by the settings of the project where the tasks are.
_IN_DJANGO: Final = Commands("manage.py lilota_worker", "manage.py lilota")


def commands_for(store: str, worker: str | None = None, line: str | None = None) -> Commands:
    """Return what is typed for the tasks of a store.

    Args:
        store: its name or URL: tasks in the database of a Django project have the commands of that.
        worker: what an application says itself that starts a runner; None for what is usual.
        line: what it says itself that stands before other commands, in the same way.
    """
    usual = _IN_DJANGO if store.partition(":")[0] == "django" else Commands()
    return Commands(worker or usual.worker, line or usual.line)
