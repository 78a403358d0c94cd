"""The lines of tasks get into the store once each, whatever happens between runner and store."""

from __future__ import annotations

import pytest
from lilota_memory_store import MemoryTaskStore
from runner_tasks import TASKS
from running import until

from lilota.config import Settings
from lilota.errors import StoreUnavailableError, TaskCancelledError
from lilota.runner import TaskRunner

LINES = 40


class LosesReplies(MemoryTaskStore):
    """Writes every batch; of every second one that has log lines, its caller does not learn that."""

    def __init__(self):
        super().__init__()
        self.commits_with_lines = 0

    def commit(self, updates, request=None):
        committed = super().commit(updates, request)
        if any(update.log_lines for update in updates):
            self.commits_with_lines += 1
            if self.commits_with_lines % 2:
                raise StoreUnavailableError("planted: the reply got lost")
        return committed


@pytest.fixture
def store():
    return LosesReplies()


@pytest.fixture
def runner(store):
    """A runner whose store loses replies."""
    runner = TaskRunner(store, 1, settings=Settings())
    for name, clazz in TASKS.items():
        runner.register(name, clazz)
    runner.start()
    yield runner
    runner.stop(timeout_seconds=0)


def texts(store, handle):
    """Return what the task has logged."""
    return [line.text for line in store.logs(handle.id)]


def test_lines_whose_reply_got_lost_are_in_the_log_once(runner, store):
    """All of them, in order, in the first attempt and in the one after it."""
    handle = runner.add("talk", input={"lines": LINES})

    handle.result(60)

    assert texts(store, handle) == [f"{attempt}.{number}" for attempt in (1, 2) for number in range(LINES)]
    assert store.commits_with_lines > 2


def test_lines_after_a_cancellation_are_kept(runner, store):
    """What people do to a running attempt changes nothing in how its lines are counted."""
    handle = runner.add("talk", input={"lines": 100 * LINES})
    until(lambda: texts(store, handle), lambda lines: len(lines) > 1)
    handle.cancel()

    with pytest.raises(TaskCancelledError):
        handle.result(60)

    lines = texts(store, handle)
    spoken = lines[: lines.index("1.cancelled")]
    assert spoken == [f"1.{number}" for number in range(len(spoken))]
    assert lines[len(spoken) + 1].startswith("It was cancelled. This is where it was")
