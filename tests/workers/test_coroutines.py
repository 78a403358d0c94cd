"""A coroutine runs on a loop of its own, which ends with it, and with what it left there."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
import threading

import pytest

from lilota.errors import CancelRequested, TimeoutReached
from lilota.models import TaskBase, TaskState
from lilota.testing import run_task
from lilota.workers.coroutines import CoroutineRun

NUMBER = contextvars.ContextVar("NUMBER", default=0)


@pytest.fixture
def notes():
    return []


def test_what_a_coroutine_returns_is_returned(notes):
    """With what it awaits on the way."""

    async def run():
        return await asyncio.to_thread(lambda: 5)

    assert CoroutineRun(run(), notes.append).run() == 5
    assert notes == []


@pytest.mark.parametrize("error", [ValueError("small"), SystemExit(3), KeyboardInterrupt(), StopIteration()])
def test_what_a_coroutine_raises_is_raised(notes, error):
    """Also what ends a program, and with the frames of the coroutine."""

    async def run():
        await asyncio.sleep(0)
        raise error

    with pytest.raises(RuntimeError if isinstance(error, StopIteration) else type(error)):
        CoroutineRun(run(), notes.append).run()


@pytest.mark.parametrize("reason", [CancelRequested, TimeoutReached])
def test_a_stop_is_a_cancelled_error_at_the_next_await(notes, reason):
    """The coroutine cleans up, awaiting what it needs for that, and then it counts as stopped, whatever the reason."""
    seen = []

    async def run():
        try:
            started.set()
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise
        finally:
            await asyncio.sleep(0.001)
            seen.append("cleaned up")

    started = threading.Event()
    coroutine = CoroutineRun(run(), notes.append)
    threading.Thread(target=lambda: started.wait() and coroutine.stop(reason)).start()

    with pytest.raises(reason) as stopped:
        coroutine.run()

    assert seen == ["cancelled", "cleaned up"]
    assert "run" in [entry.name for entry in stopped.traceback]


def test_a_stop_before_the_start_runs_nothing(notes):
    """It is the same as one during the first step."""

    async def run():
        notes.append("ran")

    coroutine = CoroutineRun(run(), notes.append)
    coroutine.stop(CancelRequested)

    with pytest.raises(CancelRequested):
        coroutine.run()

    assert notes == []


def test_a_coroutine_that_swallows_a_stop_goes_on(notes):
    """As a function that swallows the exception does; the runner's patience has a limit."""

    async def run():
        with contextlib.suppress(asyncio.CancelledError):
            coroutine.stop(CancelRequested)
            await asyncio.sleep(1000)
        return "went on"

    coroutine = CoroutineRun(run(), notes.append)

    assert coroutine.run() == "went on"


def test_a_cancellation_of_its_own_is_an_error(notes):
    """Nobody has asked it to stop."""

    async def run():
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        CoroutineRun(run(), notes.append).run()


def test_a_stop_that_comes_too_late_changes_nothing(notes):
    """The loop is closed."""

    async def run():
        return 1

    coroutine = CoroutineRun(run(), notes.append)
    returned = coroutine.run()
    coroutine.stop(CancelRequested)

    assert returned == 1


def test_tasks_that_are_left_are_cancelled_and_named(notes):
    """They can't outlive the loop; those that are about to end may do so first, without a word."""
    ended = []

    async def left():
        try:
            await asyncio.sleep(1000)
        finally:
            ended.append("left")

    async def about_to_end():
        await asyncio.sleep(0)
        ended.append("by itself")

    async def run():
        kept.extend(map(asyncio.create_task, (left(), about_to_end())))
        await asyncio.sleep(0)

    kept = []
    coroutine = CoroutineRun(run(), notes.append)
    coroutine.run()

    assert sorted(ended) == ["by itself", "left"]
    assert len(notes) == 1
    assert notes[0].startswith("The task left tasks on its event loop, which were cancelled: '")
    assert "left'" in notes[0]
    assert "about_to_end" not in notes[0]
    assert coroutine.marks is None


def test_a_task_that_can_not_be_ended_leaves_its_marks(notes):
    """The process has to be replaced."""

    async def left():
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()

    async def run():
        kept.append(asyncio.create_task(left()))
        await asyncio.sleep(0)

    kept = []
    coroutine = CoroutineRun(run(), notes.append)
    coroutine.run(patience_seconds=0.01)

    assert coroutine.marks is not None
    assert "don't end when they are cancelled" in coroutine.marks
    kept[0].get_coro().close()
    kept[0]._log_destroy_pending = False  # or asyncio tells of it later, in another test


def test_asynchronous_generators_are_closed(notes):
    """While there is a loop on which they can await something."""
    ended = []

    async def numbers():
        try:
            yield 1
        finally:
            await asyncio.sleep(0)
            ended.append("closed")

    async def run():
        kept.append(numbers())
        return await anext(kept[0])

    kept = []

    assert CoroutineRun(run(), notes.append).run() == 1
    assert ended == ["closed"]


def test_a_coroutine_has_the_context_of_its_attempt(notes):
    """What was set before it is seen, and what it sets ends with it."""

    async def run():
        before = NUMBER.get()
        NUMBER.set(2)
        return before

    NUMBER.set(1)

    assert CoroutineRun(run(), notes.append).run() == 1
    assert NUMBER.get() == 1


class Doubles(TaskBase):
    async def run(self):
        self.set_progress(self.task_info.id, 50)
        await asyncio.sleep(0)
        return {"doubled": self.task_info.input["number"] * 2}


def test_a_coroutine_function_is_tested_like_a_function():
    """`run_task` runs it to its end."""
    result = run_task(Doubles, {"number": 4})

    assert result.output == {"doubled": 8}
    assert result.progress == (50,)


class Fails(TaskBase):
    max_attempts = 2

    async def run(self):
        await asyncio.sleep(0)
        raise ConnectionError(os.fspath("x"))


def test_an_error_of_a_coroutine_is_worth_another_attempt():
    """Its traceback begins in the coroutine."""
    result = run_task(Fails)

    assert result.state is TaskState.PENDING
    assert result.error.traceback.splitlines()[1].endswith("in run")
    assert "asyncio" not in result.error.traceback.splitlines()[1]
