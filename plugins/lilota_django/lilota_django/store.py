"""The handle of the store: an alias, which travels between processes, and sets Django up where it is first used."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

from lilota.contract.forks import renew_in_forks
from lilota.contract.forwarding import ForwardingStore

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from lilota.models import LogLine, TaskState
    from lilota_django.orm.store import OrmStore


class DjangoTaskStore(ForwardingStore):
    """Keeps tasks in a database of a Django project; see `lilota.contract.TaskStore`.

    It can be made while Django is still loading, at the top of a module of models, say: nothing of Django's is
    touched before the first call. Each thread uses the connection that Django gives it for the alias, and so an `add`
    inside `transaction.atomic()` commits or vanishes with the transaction.

    Args:
        alias: a key of `DATABASES`.

    Raises (from any method):
        ConfigurationError: there are no settings, the app is not installed, or not migrated, or the alias is unknown.
    """

    def __init__(self, alias: str = "default") -> None:
        self.alias = alias
        self._orm: OrmStore | None = None
        self._begin()
        renew_in_forks(self, DjangoTaskStore._begin)

    def _begin(self) -> None:
        """Make the lock, at first and in a fork of the process."""
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[Self], tuple[str]]:
        """Send only the alias to another process."""
        return type(self), (self.alias,)

    def __repr__(self) -> str:
        return f"DjangoTaskStore({self.alias!r})"

    def target(self) -> OrmStore:
        """Return what does the work, once everything that it needs was found in order."""
        with self._lock:
            if self._orm is None:
                self._orm = self._checked()
            return self._orm

    def ended_since(self, since: datetime, states: Sequence[TaskState] | None = None, limit: int = 1000) -> list[int]:
        """Find what ended lately, as `lilota.contract.CanFindEnded` wants it."""
        return self.target().ended_since(since, states, limit)

    def count_ended(self, edges: Sequence[datetime], limit: int = 1000) -> list[dict[TaskState, int]]:
        """Count what ended, as `lilota.contract.CanCountEnded` wants it."""
        return self.target().count_ended(edges, limit)

    def logs_of_many(self, after: Mapping[int, int], limit: int = 1000) -> dict[int, list[LogLine]]:
        """Read the logs of many tasks at once, as `lilota.contract.CanReadManyLogs` wants it."""
        return self.target().logs_of_many(after, limit)

    def _checked(self) -> OrmStore:
        from lilota_django.readiness import require_site, require_tables  # noqa: PLC0415 - see plugin.py

        require_site(self.alias)
        from lilota_django.orm.store import OrmStore  # noqa: PLC0415 - imports models

        orm = OrmStore(self.alias)
        orm.check(require_tables)
        return orm

    def close(self) -> None:
        if self._orm is not None:
            self._orm.close()
