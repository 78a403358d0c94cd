"""Long polls, and where each of them holds a thread: so many of these wait, and no more."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Final

from lilota.errors import StoreError
from lilota_status.following import TROUBLE, Event, Following
from lilota_status.kit import StatusKit
from lilota_status.limits import LONGEST_POLL_SECONDS
from lilota_status.records import Answer, Asked, json_answer

#: When to ask a store again that was away.
AGAIN_SECONDS: Final = 1.0
#: When a page is to ask again that could not be given a thread to wait in.
_NO_THREAD_SECONDS: Final = 2.0


def seconds_of(asked: Asked) -> int:
    """Return how long a poll may wait for news.

    Raises:
        Refusal: what is asked for is no number.
    """
    return asked.number("wait", LONGEST_POLL_SECONDS, most=LONGEST_POLL_SECONDS)


class ThreadPolls:
    """Answers long polls in the thread that asks.

    Args:
        kit: finds the tasks.
    """

    def __init__(self, kit: StatusKit) -> None:
        self._kit = kit
        self._places = threading.Semaphore(kit.limits.waiting_threads)

    def answer(self, asked: Asked, *, has_threads: bool) -> Answer:
        """Answer a poll; wait for news only where that keeps nobody else from an answer.

        Args:
            has_threads: whether the server has others for those who ask meanwhile.
        """
        return self._kit.guarded(asked, lambda: self._answer(asked, has_threads))

    def _answer(self, asked: Asked, has_threads: bool) -> Answer:
        wait_seconds = seconds_of(asked)
        with self._kit.streams.one_of(self._kit.client_of(asked)):
            following, events = self._kit.follow(asked)
            if events or following.is_over or not wait_seconds:
                return poll_answer(following, events)
            if not has_threads or not self._places.acquire(blocking=False):
                return poll_answer(following, [], again_in=_NO_THREAD_SECONDS)
            try:
                return poll_answer(following, _next_events(self._kit, following, wait_seconds))
            finally:
                self._places.release()


def poll_answer(following: Following, events: Sequence[Event], again_in: float = 0) -> Answer:
    """Return what a poll gets.

    Args:
        again_in: how many seconds the page is to wait before it asks again.
    """
    return json_answer(
        {
            "events": [event.to_dict() for event in events],
            "after": following.cursor,
            "done": following.is_over,
            "again_in": again_in,
        }
    )


def _next_events(kit: StatusKit, following: Following, wait_seconds: float) -> list[Event]:
    """Return what happens next; nothing where nothing does for so long, and trouble where the store is away."""
    ends_at = time.monotonic() + wait_seconds
    events: list[Event] = []
    while not events and not following.is_over and (left := ends_at - time.monotonic()) > 0:
        future = following.ask()
        try:
            events = following.events(future.result(timeout=left))
        except TimeoutError:
            break
        except StoreError as error:
            kit.note_trouble(error)
            following.forget()
            events = [Event("trouble", {"error": TROUBLE})]
        finally:
            future.cancel()
    if not events:
        following.ask_for_the_line()
    return events
