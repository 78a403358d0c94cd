"""Learn that something changed, quicker than by polling: one listening connection per process and store.

A hint only: while the connection is away, whoever waits waits for the whole time that it has asked for.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from redis import Redis
    from redis.client import PubSub

logger = logging.getLogger(__name__)

#: How soon the thread notices that it is to end.
_LOOK_SECONDS: Final = 0.5
#: How long the end of the thread is waited for; it may be connecting to a server that does not answer.
_STOP_SECONDS: Final = 2.0
#: A silent connection is asked for a sign of life after the first, and given up after the second.
_ASK_SECONDS: Final = 10.0
_GIVE_UP_SECONDS: Final = 20.0
_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 10.0


class Changes:
    """Counts the changes that others announce; each thread remembers how many it has seen.

    Args:
        connect: returns a client of the server; may raise anything.
        channel: where changes are announced.
        listens: False leaves it at waiting for the time that was asked for.
    """

    def __init__(self, connect: Callable[[], Redis], channel: str, *, listens: bool) -> None:
        self._connect = connect
        self._listens = listens
        self._channel = channel
        self._name = secrets.token_hex(8)
        self._changed = threading.Condition()
        self._count = 0
        self._own: dict[int, int] = {}
        self._seen = threading.local()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def sender(self, *, seen_by_caller: bool) -> str:
        """Return what to announce a change as, "" for not at all.

        Args:
            seen_by_caller: the calling thread has taken the change into account and need not be woken.
        """
        if not self._listens:
            return ""
        return f"{self._name}:{threading.get_ident()}" if seen_by_caller else "-"

    def wait(self, timeout_seconds: float) -> bool:
        """Wait for a change since the last call of this thread, or until the time is up."""
        me = threading.get_ident()
        with self._changed:
            self._start()
            seen = getattr(self._seen, "count", self._view(me))
            is_new = self._changed.wait_for(lambda: self._view(me) != seen, max(0.0, timeout_seconds))
            self._seen.count = self._view(me)
        return is_new

    def stop(self) -> None:
        """End the thread; the next wait starts another.

        It is waited for: at the end of a program it would be frozen, perhaps with a lock that others need to end.
        """
        with self._changed:
            self._stop.set()
            thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(_STOP_SECONDS)

    def _view(self, thread: int) -> int:
        return self._count - self._own.get(thread, 0)

    def _start(self) -> None:
        if self._listens and self._thread is None:
            self._stop = threading.Event()
            self._thread = threading.Thread(
                target=self._listen, args=(self._stop,), name="lilota-redis-changes", daemon=True
            )
            self._thread.start()

    def _note(self, sender: str) -> None:
        name, _, thread = sender.partition(":")
        with self._changed:
            self._count += 1
            if name == self._name and thread:
                self._own[int(thread)] = self._own.get(int(thread), 0) + 1
            self._changed.notify_all()

    def _listen(self, stop: threading.Event) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while not stop.is_set():
            heard_before = self._count
            try:
                with closing(self._connect().pubsub()) as pubsub:  # type: ignore[no-untyped-call] # redis-py
                    pubsub.subscribe(self._channel)
                    self._hear(pubsub, stop)
            except Exception as error:  # noqa: BLE001 - a hint must not end a program; polling goes on
                # What is wrong with the server shows in the methods of the store. Here it only costs time.
                logger.debug("Changes in the Redis store are not announced, and found by polling: %s", error)
            pause = _FIRST_PAUSE_SECONDS if self._count != heard_before else min(2 * pause, _LONGEST_PAUSE_SECONDS)
            stop.wait(pause)

    def _hear(self, pubsub: PubSub, stop: threading.Event) -> None:
        """Listen until the connection is lost, or silent for too long."""
        heard_at = asked_at = time.monotonic()
        while not stop.is_set():
            message = pubsub.get_message(timeout=_LOOK_SECONDS)
            now = time.monotonic()
            if message is not None:
                heard_at = now
                # A new subscription may have missed something, so it counts as a change, too.
                if message["type"] in ("subscribe", "message"):
                    self._note(_sender_of(message["data"]))
            elif now - heard_at > _GIVE_UP_SECONDS:
                logger.info("The connection that listens to the Redis store is silent; a new one is opened.")
                return
            elif now - max(heard_at, asked_at) > _ASK_SECONDS:
                asked_at = now
                pubsub.ping()


def _sender_of(data: object) -> str:
    return data.decode("ascii", "replace") if isinstance(data, bytes) else ""
