"""The contract of `logs`: the lines of a task, in order, page by page."""

from __future__ import annotations

import logging

import pytest

from lilota.contract import TaskStore
from lilota.errors import TaskNotFoundError
from lilota.models import LogLine, Outcome, TaskState
from lilota.testing.contract.harness import ContractFixtures, ContractRunner, add_running, update


class LogsContract(ContractFixtures):
    """What readers of a log can rely on."""

    def test_a_line_keeps_every_field(self, store: TaskStore, runner: ContractRunner) -> None:
        """Time, level, source, text, attempt and logger come back unchanged."""
        claim = add_running(store, runner)
        lines = (
            LogLine(
                at=1700000000.123456, text="careful", level=logging.WARNING, source="log", attempt=1, logger="app.db"
            ),
            LogLine(at=1700000000.5, text="", level=logging.INFO, source="output", attempt=2, logger=""),
        )

        store.commit([update(claim, log_lines=lines)])

        assert tuple(store.logs(claim.id)) == lines

    def test_lines_keep_their_order_across_batches_and_attempts(self, store: TaskStore, runner: ContractRunner) -> None:
        """The log goes on from attempt to attempt, in the order of writing, whatever the clocks say."""
        claim = add_running(store, runner)
        lines = [LogLine(at=float(10 - n), text=f"line {n}", attempt=1 + n // 4) for n in range(8)]
        store.commit([update(claim, log_lines=tuple(lines[:2])), update(claim, log_lines=tuple(lines[2:3]))])
        store.commit([update(claim, log_lines=(lines[3],), outcome=Outcome(state=TaskState.PENDING))])

        store.commit([update(runner.claim_one(), log_lines=tuple(lines[4:]))])

        assert store.logs(claim.id) == lines

    def test_lines_belong_to_their_task(self, store: TaskStore, runner: ContractRunner) -> None:
        """Tasks that log in one batch do not mix."""
        first, second = add_running(store, runner), add_running(store, runner)
        lines = [LogLine(at=1.0, text=text) for text in ("a", "b", "c")]

        store.commit(
            [
                update(first, log_lines=(lines[0],)),
                update(second, log_lines=(lines[1],)),
                update(first, log_lines=(lines[2],)),
            ]
        )

        assert store.logs(first.id) == [lines[0], lines[2]]
        assert store.logs(second.id) == [lines[1]]

    def test_logs_are_read_page_by_page(self, store: TaskStore, runner: ContractRunner) -> None:
        """`after` leaves out the oldest lines, `limit` ends the page."""
        claim = add_running(store, runner)
        lines = [LogLine(at=float(n), text=str(n)) for n in range(10)]
        store.commit([update(claim, log_lines=tuple(lines))])

        assert store.logs(claim.id, after=3, limit=4) == lines[3:7]
        assert store.logs(claim.id, limit=2) == lines[:2]
        assert store.logs(claim.id, after=9) == lines[9:]
        assert store.logs(claim.id, after=10) == store.logs(claim.id, after=1000) == []

    def test_logs_of_a_task_that_ended_stay_readable(self, store: TaskStore, runner: ContractRunner) -> None:
        """Lines that came with the outcome are there with it."""
        claim = add_running(store, runner)
        line = LogLine(at=1.0, text="the last one")

        store.commit([update(claim, log_lines=(line,), outcome=Outcome(state=TaskState.FAILED))])

        assert store.logs(claim.id) == [line]

    def test_logs_of_an_unknown_task_say_so(self, store: TaskStore) -> None:
        """No log and no task are different answers."""
        with pytest.raises(TaskNotFoundError, match="4611686018427387904"):
            store.logs(2**62)
