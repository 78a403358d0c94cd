"""Ask the plugins whether tasks may be added, and with which headers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lilota.adding.new_tasks import with_headers
from lilota.contract import TaskStore
from lilota.hookspecs import TaskToAdd
from lilota.models import NewTask
from lilota.plugins import Plugins


def let_through(tasks: Iterable[NewTask], plugins: Plugins, store: TaskStore) -> list[NewTask]:
    """Return the tasks as they are to be added, with the headers that plugins give them.

    Raises:
        TaskRefusedError: a plugin does not let one of them through.
        PluginError: a plugin failed, or has returned what can't be headers.
    """
    admitted: list[NewTask] = []
    for task in tasks:
        admitted.append(_Asked(task, admitted, store).by(plugins))
    return admitted


class _Asked:
    """A task about which plugins are asked, as it is after the last answer."""

    def __init__(self, task: NewTask, earlier: Sequence[NewTask], store: TaskStore) -> None:
        self._task = task
        self._earlier = earlier
        self._store = store

    def by(self, plugins: Plugins) -> NewTask:
        """Ask them one after the other, and return what they make of it."""
        plugins.decide("lilota_before_add", self._record, self._use)
        return self._task

    def _record(self) -> dict[str, object]:
        return {"task": TaskToAdd(new_task=self._task, earlier=self._earlier, store=self._store)}

    def _use(self, headers: object) -> None:
        self._task = with_headers(self._task, headers)
