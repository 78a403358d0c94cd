"""What the log of a runner says of its tasks."""

from __future__ import annotations

import logging

import pytest
from lilota_memory_store import MemoryTaskStore

from lilota.adding.waiters import Waiters
from lilota.config import Settings
from lilota.contract import Claimed, Committed
from lilota.engine.messages import Remarks
from lilota.models import AttemptUpdate, Claim, LogLine, Outcome, TaskError, TaskState
from lilota.plugins import Plugins
from lilota.running.telling import Teller


@pytest.mark.parametrize(
    ("description", "called"),
    [
        ("", "resize"),
        ("holiday.jpg", "resize: holiday.jpg"),
        ("in two\n  lines", "resize: in two lines"),
        ("d" * 101, f"resize: {'d' * 100}..."),
    ],
)
def test_the_end_of_a_task_is_told_with_its_name_and_its_description(caplog, description, called):
    """A name may stand for many things, as for all functions of a project; a line stays one line, and short."""
    caplog.set_level(logging.INFO, "lilota")
    teller = Teller(Plugins(Settings(plugins_off=True)), Waiters(MemoryTaskStore()))
    claim = Claim(id=7, token=1, attempt=1, name="resize", description=description)
    error = TaskError(type="ValueError", message="bad file")
    ends = [AttemptUpdate(id=7, token=1, outcome=Outcome(state=TaskState.FAILED, error=error))]

    teller.committed([], Committed(claimed=Claimed(claims=(claim,))))
    teller.committed(ends, Committed())

    assert caplog.messages == [f"Task 7 ({called}) failed: ValueError: bad file"]


def test_what_a_worker_logs_outside_of_attempts_is_told_with_its_process_id(caplog):
    """As a record of the logger that has logged it; it belongs to no task."""
    teller = Teller(Plugins(Settings(plugins_off=True)), Waiters(MemoryTaskStore()))
    line = LogLine(at=1.5, text="100 % {done}", level=logging.WARNING, logger="app.pool")

    teller.heard(Remarks(4711, (line,)))

    (record,) = caplog.records
    assert (record.getMessage(), record.name, record.levelno) == ("100 % {done}", "app.pool", logging.WARNING)
    assert (record.process, record.created, hasattr(record, "task_id")) == (4711, 1.5, False)
