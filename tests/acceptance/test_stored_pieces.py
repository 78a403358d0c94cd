"""A task that waits until the store has its last piece repeats at most one piece, whatever kills its worker."""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path

import pytest
from programs import kill
from running import ended, running, store_url, until

from lilota.models import TaskState

PIECES = 400


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_a_killed_worker_costs_at_most_one_piece_done_twice(kind, tmp_path):
    """Without the wait it would be as many as are done while a report is on its way."""
    file, enough = tmp_path / "pieces", tmp_path / "enough"
    with running(store_url(kind, tmp_path)) as runner:
        handle = runner.add("DoesPieces", input={"pieces": PIECES, "file": str(file), "enough": str(enough)})
        for attempt, number in enumerate((40, 120, 200), 1):
            until(lambda: pieces(file), lambda seen, number=number: len(seen) > number)
            # Where this process stalls, the attempt before may have done so many already.
            runs = until(handle.info, lambda info, attempt=attempt: info.attempt == attempt and info.pid)
            kill(runs.pid, signal.SIGKILL)
        until(handle.info, lambda info: info.lost_attempts == 3)
        enough.touch()
        info = ended(handle)

    done = Counter(pieces(file))
    assert (info.state, info.lost_attempts) == (TaskState.SUCCEEDED, 3)
    assert sorted(done) == list(range(info.output["done"]))
    assert len(done) >= PIECES
    assert done.total() - len(done) <= 3
    assert max(done.values()) <= 2


def test_a_coroutine_waits_for_the_store_too(tmp_path):
    """On its loop, which waits with it, and in a thread, beside it."""
    with running(store_url("sqlite", tmp_path)) as runner:
        info = ended(runner.add("StoresInCoroutine"))

    assert info.output == {"done": 2}


def pieces(file: Path) -> list[int]:
    """Return the numbers of the pieces in the order in which they were done."""
    return [int(line) for line in file.read_text().splitlines()] if file.exists() else []
