"""Turn the end of a task into tasks that tell of it: those are stored, retried and seen like any other."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import takewhile
from typing import Any, Final

from lilota import Secret, TaskClient
from lilota.contract import CanFindEnded, TaskQuery
from lilota.errors import LilotaError
from lilota.models import TERMINAL_STATES, TaskInfo
from lilota_notify.asking import MAIL, POST, Wish, asks, is_delivery, wish_in
from lilota_notify.events import event_id, event_of
from lilota_notify.mailing import mail
from lilota_notify.posting import post
from lilota_notify.settings import NotifySettings
from lilota_notify.targets import MailTarget, target_of

logger: logging.Logger = logging.getLogger(__name__)

_PAGE: Final = 1000
#: A look at more would take minutes; whoever ends more in a day looks back for a shorter time.
_MOST_ENDED: Final = 5_000_000


class Deliveries:
    """Adds, and finds, the tasks that tell of the ends of others."""

    def __init__(self, client: TaskClient, settings: NotifySettings) -> None:
        self._client = client
        self._settings = settings
        self._has_refs = bool(client.registry.plugins.settings.ref_keys)

    def add(self, info: TaskInfo) -> None:
        """Add what tells of an end, all of it or nothing; where nobody is to be told, nothing.

        Raises:
            StoreError, TaskRefusedError, PluginError: nothing was added.
        """
        wanted: dict[str, bool] = {}
        for wish in self._wishes(info):
            for url in wish.to:
                wanted[url] = wanted.get(url, False) or wish.output
        try:
            deliveries = [self._delivery(info, url, output) for url, output in wanted.items()]
        except LilotaError as error:  # what the store has of it is damaged
            logger.warning("Nobody can be told of the end of the task %d: %s", info.id, error)
            return
        if deliveries:
            self._client.add_many(deliveries)

    def add_missing(self, since: datetime, before: datetime) -> None:
        """Add what tells of the ends between two instants, where it was not added yet.

        Raises:
            StoreError, TaskRefusedError, PluginError: the rest was not added.
        """
        told: set[str] | None = None
        for info in self._ended_since(since):
            if info.finished_at is not None and info.finished_at < before and self._wishes(info):
                told = self._told_since(since) if told is None else told
                if event_id(info) not in told:
                    self.add(info)

    def _ended_since(self, since: datetime) -> Iterator[TaskInfo]:
        """Give the tasks that ended at that instant or later; what it costs grows with them, and not with the store."""
        store = self._client.store
        if not isinstance(store, CanFindEnded):
            yield from self._client.find(states=TERMINAL_STATES, since=since)
            return
        ids = store.ended_since(since, limit=_MOST_ENDED)
        for first in range(0, len(ids), _PAGE):
            yield from store.find(TaskQuery(ids=tuple(ids[first : first + _PAGE]), limit=_PAGE))

    def _told_since(self, since: datetime) -> set[str]:
        """Return the ids of the events for which deliveries were added at that instant or later."""
        deliveries = self._client.find(names=[POST, MAIL])
        return {_event_told_by(each) for each in takewhile(lambda each: each.created_at >= since, deliveries)}

    def _wishes(self, info: TaskInfo) -> list[Wish]:
        """Return what is wanted of this end, by the task itself and by the operator."""
        if is_delivery(info.name):
            return []
        wishes: list[Wish] = [rule for rule in self._settings.rules if rule.is_about(info.name)]
        try:
            own = wish_in(info.headers) if asks(info.name, info.headers_json) else None
        except LilotaError as error:  # where it was added, nobody has checked it
            logger.warning("Nobody can be told of the end of the task %d: %s", info.id, error)
            own = None
        return [wish for wish in [*wishes, own] if wish is not None and info.state in wish.states]

    def _delivery(self, info: TaskInfo, url: str, output: bool) -> Mapping[str, Any]:
        ref = self._client.handle(info.id).ref if self._has_refs else None
        event = event_of(info, output=output, ref=ref, page=self._settings.page)
        target = target_of(url)
        by_mail = isinstance(target, MailTarget)
        whom = str(target) if isinstance(target, MailTarget) else target.host
        return {
            "name": mail.bind(url=url, event=event) if by_mail else post.bind(url=Secret(url), event=event),
            "description": f"tell {whom} of the task {info.id} ({info.name}): {info.state}",
            "queue": self._settings.queue or info.queue,
        }


def _event_told_by(delivery: TaskInfo) -> str:
    """Return the id of the event that a delivery tells; "" where somebody has added it who tells none."""
    event = delivery.input.get("event")
    return str(event.get("id", "")) if isinstance(event, dict) else ""
