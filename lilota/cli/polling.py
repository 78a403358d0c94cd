"""Wait for news of a store, neither too long nor too often."""

from __future__ import annotations

import time

from lilota.contract import TaskStore


def wait_for_news(store: TaskStore, longest_seconds: float, shortest_seconds: float = 0.1) -> None:
    """Return after a change, or after `longest_seconds`.

    Never before `shortest_seconds`, so that a busy store is not read without a pause.
    """
    began = time.monotonic()
    store.wait_for_change(longest_seconds)
    too_early = shortest_seconds - (time.monotonic() - began)
    if too_early > 0:
        time.sleep(too_early)
