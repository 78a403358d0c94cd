"""Who may see and do what: the application says so, and what it does not say is denied."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from lilota.client import TaskClient
from lilota.errors import ConfigurationError, LilotaError, TaskNotFoundError
from lilota.handles import TaskHandle
from lilota.models import TaskInfo
from lilota.runner import TaskRunner
from lilota_status.records import Asked, not_found
from lilota_status.snapshots import ACTIONS, Seen

Action = Literal["view", "logs", "result", "files", "cancel"]
#: Tells whether a visitor may do something with a task; gets the request of the framework.
Allow = Callable[[Any, TaskInfo, Action], "bool | Awaitable[bool]"]
#: Tells whose tasks are those of a visitor, None for who has none.
Owner = Callable[[Any], "Awaitable[str | None] | str | None"]
#: A client, a runner, which has one, or what makes one when the first visitor comes.
Clients = TaskClient | TaskRunner | Callable[[], TaskClient]

logger: logging.Logger = logging.getLogger(__name__)


class Visitors:
    """Finds tasks for visitors, who see only what the application allows.

    Args:
        clients: finds the tasks.
        allow: without it, everything is denied.
        owner: without it, nobody has tasks of his own.
        max_age_seconds: how old a reference may be; None takes any.
    """

    def __init__(
        self, clients: Clients, allow: Allow | None, owner: Owner | None, max_age_seconds: float | None
    ) -> None:
        for name, function in (("allow", allow), ("owner", owner)):
            if function is not None and not callable(function):
                raise ConfigurationError(f"'{name}' must be a function, not {type(function).__name__}.")
        self._clients = clients
        self._allow = allow
        self._owner = owner
        self._max_age_seconds = max_age_seconds

    @property
    def client(self) -> TaskClient:
        """What finds the tasks."""
        if isinstance(self._clients, TaskRunner):
            self._clients = self._clients.client
        elif not isinstance(self._clients, TaskClient):
            self._clients = self._clients()
        return self._clients

    def handle(self, ref: str) -> TaskHandle[Any]:
        """Return the handle of a reference, whoever asks.

        Raises:
            Refusal: it is none, or too old.
        """
        try:
            return self.client.by_ref(ref, self._max_age_seconds)
        except TaskNotFoundError:
            raise not_found() from None

    def find(self, asked: Asked, ref: str, action: Action = "view") -> tuple[TaskHandle[Any], Seen]:
        """Return a task, if this visitor may see it and do that with it.

        Raises:
            Refusal: as for `handle`, or the task is gone, or he may not.
            StoreError: the store can't be asked.
        """
        handle = self.handle(ref)
        try:
            info = handle.info()
        except TaskNotFoundError:
            raise not_found() from None
        seen = self.see(asked, ref, info)
        if seen is None or (action != "view" and action not in seen.granted):
            raise not_found()
        return handle, seen

    def see(self, asked: Asked, ref: str, info: TaskInfo) -> Seen | None:
        """Return a task with what this visitor may do with it, None if he may not see it."""
        if not self._may(asked, info, "view"):
            return None
        return Seen(ref, self.key(info.id), info, tuple(action for action in ACTIONS if self._may(asked, info, action)))

    def key(self, task_id: int) -> str:
        """Return what stays the same of a task, while each of its references is another text; it opens nothing."""
        return self.client.handle(task_id).waiters.references.identity_of(task_id)

    def owner(self, asked: Asked) -> str | None:
        """Return whose tasks are those of a visitor, None for who has none."""
        return None if self._owner is None else self._answer(asked, self._owner(asked.native))

    def _may(self, asked: Asked, info: TaskInfo, action: str) -> bool:
        if self._allow is None:
            return False
        try:
            return bool(self._answer(asked, self._allow(asked.native, info, action)))  # type: ignore[arg-type]  # one of the five
        except LilotaError:
            raise
        except Exception:  # whatever the application raises: who can't be asked about is not let in
            logger.exception("`allow` has failed for task %d and %r, which is denied.", info.id, action)
            return False

    def _answer(self, asked: Asked, answer: Any) -> Any:  # noqa: ANN401 - what the function of the application returns
        return asked.wait(answer) if inspect.isawaitable(answer) else answer
