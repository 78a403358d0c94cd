"""The handle of the store: an alias, which travels between processes, and sets Django up where it is first used."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from lilota.contract import (
    Claimed,
    ClaimRequest,
    Committed,
    RegisteredRunner,
    RunnerInfo,
    StoreCapabilities,
    StoredTask,
    TaskCount,
    TaskQuery,
)
from lilota.errors import ConfigurationError
from lilota.models import AttemptUpdate, LogLine, NewTask, TaskInfo, TaskState

if TYPE_CHECKING:
    from lilota_django.orm.store import OrmStore


class DjangoTaskStore:
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
        self._lock = threading.Lock()
        self._orm: OrmStore | None = None

    def __reduce__(self) -> tuple[type[Self], tuple[str]]:
        """Send only the alias to another process."""
        return type(self), (self.alias,)

    def __repr__(self) -> str:
        return f"DjangoTaskStore({self.alias!r})"

    def _store(self) -> OrmStore:
        """Return what does the work, once everything that it needs was found in order."""
        if self._orm is None:
            with self._lock:
                if self._orm is None:
                    from lilota_django.readiness import require_site, require_tables  # noqa: PLC0415 - see plugin.py

                    require_site(self.alias)
                    from lilota_django.orm.store import OrmStore  # noqa: PLC0415 - imports models

                    orm = OrmStore(self.alias)
                    orm.check(require_tables)
                    self._orm = orm
        return self._orm

    def open(self) -> None:
        self._store()

    def close(self) -> None:
        if self._orm is not None:
            self._orm.close()

    def capabilities(self) -> StoreCapabilities:
        return self._store().capabilities()

    def add(self, tasks: Sequence[NewTask], *, connection: object | None = None) -> list[int]:
        if connection is not None:
            raise ConfigurationError(
                f"The Django store takes no connection: it uses that of the alias '{self.alias}'. "
                f"Call add() without one inside transaction.atomic(using='{self.alias}')."
            )
        return self._store().add(tasks)

    def restore(self, tasks: Sequence[StoredTask]) -> int:
        return self._store().restore(tasks)

    def get(self, task_id: int) -> TaskInfo:
        return self._store().get(task_id)

    def get_all_tasks(self) -> list[TaskInfo]:
        return self._store().get_all_tasks()

    def find(self, query: TaskQuery) -> list[TaskInfo]:
        return self._store().find(query)

    def counts(self) -> list[TaskCount]:
        return self._store().counts()

    def logs(self, task_id: int, after: int = 0, limit: int = 1000) -> list[LogLine]:
        return self._store().logs(task_id, after, limit)

    def heartbeat(self, runner: RunnerInfo) -> bool:
        return self._store().heartbeat(runner)

    def runners(self) -> list[RegisteredRunner]:
        return self._store().runners()

    def claim(self, request: ClaimRequest) -> Claimed:
        return self._store().claim(request)

    def commit(self, updates: Sequence[AttemptUpdate], request: ClaimRequest | None = None) -> Committed:
        return self._store().commit(updates, request)

    def release(self, runner_id: str) -> int:
        return self._store().release(runner_id)

    def rescue(self) -> list[int]:
        return self._store().rescue()

    def cancel(self, task_id: int) -> TaskState:
        return self._store().cancel(task_id)

    def retry(self, task_id: int) -> None:
        self._store().retry(task_id)

    def prune(self, older_than_seconds: float, states: Sequence[TaskState] | None = None, limit: int = 1000) -> int:
        return self._store().prune(older_than_seconds, states, limit)

    def take_turn(self, chore: str, every_seconds: float) -> bool:
        return self._store().take_turn(chore, every_seconds)

    def wait_for_change(self, timeout_seconds: float) -> bool:
        return self._store().wait_for_change(timeout_seconds)
