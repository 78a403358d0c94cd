"""What a worker tells: collected, fenced against attempts that have ended, sent in the order of events."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from typing import Any, cast

import pytest
from running import until

from lilota.engine.messages import Ready, Remarks, Report
from lilota.errors import CancelRequested
from lilota.models import AttemptUpdate, Claim, LogLine, Outcome, TaskState
from lilota.tasks.limits import LINES_LIMIT
from lilota.workers.frames import FrameReader, decode_for_runner
from lilota.workers.guard import Guard
from lilota.workers.interrupts import Interrupts
from lilota.workers.outbox import Outbox

DONE = Outcome(state=TaskState.SUCCEEDED)


class Printed:
    """Stands in for the capture of this process's output, which belongs to pytest."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.error: OSError | None = None

    def take_loss(self) -> None:
        return None

    def take(self, *, final: bool) -> list[str]:
        if self.error is not None:
            raise self.error
        lines, self.lines = self.lines, []
        return lines


class Desk:
    """An outbox, and the runner's end of its connection."""

    def __init__(self, guard: Guard) -> None:
        self.printed = Printed()
        self.frames = FrameReader()
        self.messages: list[Any] = []
        self.arrived = threading.Event()
        self.looked = threading.Event()
        self.guard = guard
        self.outbox = Outbox(self._receive, self._look, cast("Any", self.printed), self.guard)

    def _receive(self, frame: bytes) -> None:
        self.messages += map(decode_for_runner, self.frames.feed(frame))
        self.arrived.set()

    def _look(self, timeout_seconds: float) -> None:
        self.looked.set()
        self.arrived.wait(timeout_seconds)

    @property
    def updates(self) -> list[AttemptUpdate]:
        return [update for message in self.messages if isinstance(message, Report) for update in message.updates]


@pytest.fixture
def late_courier(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the courier take nothing meanwhile: an attempt is a short one, however long this machine takes for it."""
    for module in ("current", "outbox"):
        monkeypatch.setattr(f"lilota.workers.{module}.FIRST_NEWS_SECONDS", 60.0)


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk(Guard(nullcontext()))
    yield desk
    desk.outbox.rest()


def claim(task_id: int = 1) -> Claim:
    return Claim(id=task_id, token=1, attempt=1, name="task")


def begin(desk: Desk, task_id: int = 1) -> Any:
    current = desk.outbox.begin(claim(task_id))
    current.is_loading = False
    return current


def test_one_update_tells_all_of_a_short_attempt(late_courier, desk):
    """Start, progress, output, lines and outcome of an attempt that is over at once."""
    current = begin(desk)
    current.progress(50)
    current.output('{"a":1}')
    desk.outbox.line(LogLine(at=1, text="logged"))
    desk.printed.lines = ["printed"]
    desk.outbox.finish(DONE, more_follows=False)

    (update,) = desk.updates
    assert update.pid
    assert update.started_at
    assert (update.progress, update.output_json, update.outcome) == (50, '{"a":1}', DONE)
    assert [(line.text, line.source) for line in update.log_lines] == [("logged", "log"), ("printed", "output")]


def test_what_is_logged_and_printed_outside_of_attempts_is_told_at_once_and_with_no_task(desk):
    """Nobody else would send it: the worker may rest for hours."""
    desk.outbox.line(LogLine(at=1, text="logged", logger="app"))
    desk.printed.lines = ["printed"]
    desk.outbox.printed()
    begin(desk)
    desk.outbox.finish(DONE, more_follows=False)

    remarks = [message for message in desk.messages if isinstance(message, Remarks)]
    assert {message.pid for message in remarks} == {os.getpid()}
    told = [(line.text, line.source, line.logger) for message in remarks for line in message.lines]
    assert told == [("logged", "log", "app"), ("printed", "output", "")]
    assert desk.updates[0].log_lines == ()


def test_a_thread_that_logs_without_end_between_attempts_is_heard_up_to_a_limit(desk):
    """And again when the next attempt has begun: its log has a limit too."""
    for number in range(LINES_LIMIT + 5):
        desk.outbox.line(LogLine(at=1, text=f"line {number}"))
    remarks = [message.lines[0].text for message in desk.messages]
    begin(desk)
    desk.outbox.finish(DONE, more_follows=False)
    desk.outbox.line(LogLine(at=1, text="afterwards"))

    assert remarks[-2:] == [
        f"line {LINES_LIMIT - 1}",
        "What is logged outside of any attempt is dropped from here on, until the next one has run.",
    ]
    assert desk.messages[-1].lines[0].text == "afterwards"


def test_short_attempts_travel_together(late_courier, desk):
    """As long as the next one follows at once, and all are sent when the worker rests."""
    desk.outbox.flush()
    for task_id in range(1, 4):
        begin(desk, task_id)
        desk.outbox.finish(DONE, more_follows=True)
    desk.outbox.rest()

    assert [update.id for update in desk.updates] == [1, 2, 3]
    assert sum(message.durations["task"][0] for message in desk.messages) == 3


def test_news_of_a_long_attempt_are_sent_while_it_runs(desk):
    """The courier does it; nothing in the attempt has to happen."""
    begin(desk).progress(10)

    # Where this machine is slow, its start was sent before.
    update = until(lambda: desk.updates, lambda updates: any(each.progress for each in updates))[-1]
    assert (update.progress, update.outcome) == (10, None)


def test_the_courier_listens_to_the_runner_while_an_attempt_takes_long(desk):
    """The main thread is busy with the task, so somebody else has to."""
    listened_before = desk.looked.is_set()
    begin(desk)

    assert not listened_before
    assert desk.looked.wait(60)


def test_the_courier_survives_a_moment_without_memory(desk):
    """A task may take all of it; the news come when there is some again."""
    failures = [MemoryError()]

    def take(*, final: bool) -> list[str]:
        if failures:
            raise failures.pop()
        return ["printed"]

    desk.printed.take = take
    begin(desk)

    assert desk.arrived.wait(60)
    assert desk.updates[0].log_lines[0].text == "printed"


def test_nothing_is_told_of_an_attempt_whose_class_is_still_imported(desk):
    """The runner must know the options of the class before it hears of the start."""
    current = desk.outbox.begin(claim())
    current.began -= 100
    desk.outbox.tell(Ready(1))
    told_early = desk.arrived.wait(0.2) and desk.updates
    current.is_loading = False
    desk.arrived.clear()

    assert told_early == []
    assert desk.arrived.wait(60)
    assert desk.updates[0].started_at is not None


def test_an_output_of_a_running_attempt_is_sent_at_once(desk):
    """It must survive what the task does next."""
    current = begin(desk)
    current.began -= 100
    current.output('{"a":1}')

    assert desk.updates[-1].output_json == '{"a":1}'


def test_what_a_task_returned_travels_with_its_outcome(late_courier, desk):
    """However long it took: one update less for the store to write."""
    current = begin(desk)
    current.began -= 100
    current.returned('{"a":1}')
    sent_early = desk.updates
    desk.outbox.finish(DONE, more_follows=False)

    assert sent_early == []
    assert [(update.output_json, update.outcome) for update in desk.updates] == [('{"a":1}', DONE)]


def test_a_message_is_sent_behind_what_was_collected(late_courier, desk):
    """The order of events holds."""
    desk.outbox.flush()
    begin(desk)
    desk.outbox.finish(DONE, more_follows=True)
    desk.outbox.tell(Ready(1))

    assert [type(message) for message in desk.messages] == [Report, Ready]


def test_an_attempt_that_has_ended_can_not_report(late_courier, desk):
    """A thread that it left behind reaches neither its own task nor the next, and is told to stop."""
    left_behind = begin(desk, 1)
    desk.outbox.finish(DONE, more_follows=True)
    following = begin(desk, 2)

    with pytest.raises(RuntimeError, match="a thread that it left behind still reports"):
        left_behind.progress(99)
    with pytest.raises(RuntimeError, match="a thread that it left behind still reports"):
        left_behind.output("{}")
    assert left_behind.is_cancelled()
    assert not following.is_cancelled()
    desk.outbox.finish(DONE, more_follows=False)
    assert [update.progress for update in desk.updates] == [None, None]


def test_a_line_between_attempts_goes_nowhere(desk):
    """There is no task to keep it with."""
    desk.outbox.line(LogLine(at=1, text="from an import"))
    begin(desk)
    desk.outbox.finish(DONE, more_follows=False)

    assert desk.updates[0].log_lines == ()


def test_too_many_lines_are_dropped_and_counted(desk):
    """The last line says how many."""
    begin(desk)
    for number in range(LINES_LIMIT + 5):
        desk.outbox.line(LogLine(at=1, text=str(number)))
    desk.outbox.finish(DONE, more_follows=False)

    lines = [line for update in desk.updates for line in update.log_lines]
    assert len(lines) == LINES_LIMIT + 1
    assert lines[-1].text == "5 or more further lines of this attempt were dropped."
    assert lines[-1].source == "lilota"


def test_output_that_can_not_be_read_is_said_to_be_lost(late_courier, desk):
    """The outcome is sent all the same."""
    begin(desk)
    desk.printed.error = OSError(9, "Bad file descriptor")
    desk.outbox.finish(DONE, more_follows=False)

    (update,) = desk.updates
    assert update.outcome == DONE
    assert update.log_lines[-1].text.startswith("What the task printed last is lost")


def test_a_fork_can_not_report(desk, capsys):
    """It is no worker; what it logs joins what it prints."""
    current = begin(desk)
    desk.guard.detach_fork()
    desk.outbox.line(LogLine(at=1, text="in the fork"))

    with pytest.raises(RuntimeError, match="A fork of the worker process can't report"):
        current.output("{}")
    assert capsys.readouterr().err == "in the fork\n"


def asked(desk: Desk) -> list[tuple[int, int, int]]:
    return [message.question for message in desk.messages if isinstance(message, Report) and message.question]


def test_a_wait_for_the_store_is_told_at_once_with_what_it_waits_for_and_ends_with_the_answer(desk):
    """Also in the very first moments, in which other news may wait."""
    current = begin(desk)
    current.output('{"a":1}')
    waiting = threading.Thread(target=current.wait_until_stored)
    waiting.start()
    until(partial(asked, desk), bool)
    is_waiting = waiting.is_alive()

    current.note_stored(1)
    waiting.join(60)

    assert (is_waiting, waiting.is_alive()) == (True, False)
    assert asked(desk) == [(1, 1, 1)]
    assert desk.updates[-1].output_json == '{"a":1}'


def test_who_waits_for_the_store_when_the_attempt_ends_is_told_that_it_has_ended(desk):
    """A thread that the task left behind; nobody will answer it."""
    errors: list[RuntimeError] = []
    current = begin(desk)

    def wait() -> None:
        try:
            current.wait_until_stored()
        except RuntimeError as error:
            errors.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    until(partial(asked, desk), bool)
    desk.outbox.finish(DONE, more_follows=False)
    waiting.join(60)

    assert "has ended already" in str(errors[0])


def test_a_wait_for_the_store_can_be_interrupted():
    """A task that is cancelled while the store is away does not wait for it."""
    interrupts = Interrupts()
    desk = Desk(Guard(interrupts))
    current = begin(desk)
    interrupts.open(claim().fence)

    def cancel() -> None:
        until(partial(asked, desk), bool)
        interrupts.request(claim().fence, CancelRequested)

    threading.Thread(target=cancel).start()
    with pytest.raises(CancelRequested):
        current.wait_until_stored()
    desk.outbox.rest()
