"""What somebody types in a terminal for the tasks that a dashboard shows, as its pages say it."""

from __future__ import annotations

from typing import Final

from lilota.contract import COMMANDS, Commands

#: As the store of a Django project says it: here nobody may have opened it yet.
_IN_DJANGO: Final = Commands("manage.py lilota_worker", "manage.py lilota")


def commands_for(store: str, worker: str | None = None, line: str | None = None) -> Commands:
    """Return what is typed for the tasks of a store.

    Args:
        store: its name or URL: tasks in the database of a Django project have the commands of that.
        worker: what an application says itself that starts a runner; None for what is usual.
        line: what it says itself that stands before other commands, in the same way.
    """
    usual = _IN_DJANGO if store.partition(":")[0] == "django" else COMMANDS
    return Commands(worker or usual.worker, line or usual.line)
