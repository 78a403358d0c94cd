"""Attempts that share an event loop, in this process."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, cast

from lilota.models import Claim, Outcome, TaskState
from lilota.workers.current import RunningAttempt
from lilota.workers.guard import Guard
from lilota.workers.sessions import Session

_DONE = Outcome(state=TaskState.SUCCEEDED)


def test_who_brings_more_after_the_end_disturbs_nobody():
    """A message may come while the loop is being closed: what it brings is run by whoever comes next."""
    ends: list[object] = []

    async def run(_attempt: RunningAttempt, _as_stop: object) -> Outcome:
        return _DONE

    session = Session(run, lambda: None, lambda _attempt, end: ends.append(end), lambda _line: None)
    claim = Claim(id=1, token=1, attempt=1, name="task")
    session.run(RunningAttempt(claim, cast("Any", None), Guard(nullcontext()), lambda: None))

    session.wake()

    assert ends == [_DONE]
