"""The contract of `logs`: the lines of a task, in order, page by page."""

from __future__ import annotations

import logging

import pytest

from lilota.contract import TaskStore
from lilota.errors import TaskNotFoundError
from lilota.models import Claim, LogLine, Outcome, TaskState
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

    def test_a_claim_tells_how_long_the_log_is(self, store: TaskStore, runner: ContractRunner) -> None:
        """From there on the runner counts, whatever was written before, by attempts and by people."""
        claim = add_running(store, runner)
        store.commit([update(claim, log_lines=line_by_line("ab"), outcome=Outcome(state=TaskState.PENDING))])
        second = runner.claim_one()
        store.commit([update(second, log_lines=line_by_line("c"), outcome=Outcome(state=TaskState.FAILED))])
        store.retry(claim.id)

        counts = [claim.log_count, second.log_count, runner.claim_one().log_count]

        assert counts == [0, 2, len(store.logs(claim.id))] == [0, 2, 4]

    def test_nobody_else_lengthens_the_log_of_a_running_attempt(
        self, store: TaskStore, runner: ContractRunner, other_runner: ContractRunner
    ) -> None:
        """What people and other runners do meanwhile is not told in its log, or its holder would count wrong."""
        claim = add_running(store, runner)
        store.cancel(claim.id)
        other_runner.expire()
        store.rescue()
        store.take_turn("chore", 0)
        store.prune(0)

        store.commit([update(claim, log_lines=line_by_line("ab"), log_offset=claim.log_count)])

        assert texts(store, claim) == "ab"

    def test_lines_that_are_sent_again_are_not_written_again(self, store: TaskStore, runner: ContractRunner) -> None:
        """A runner whose answer got lost repeats what it does not know to be written."""
        claim = add_running(store, runner)
        first = update(claim, progress=1.0, log_lines=line_by_line("ab"), log_offset=0)
        store.commit([first])

        refused = store.commit([first, update(claim, log_lines=line_by_line("cd"), log_offset=2)]).refused

        assert refused == ()
        assert texts(store, claim) == "abcd"

    def test_of_lines_that_are_there_in_part_the_others_are_written(
        self, store: TaskStore, runner: ContractRunner
    ) -> None:
        """The same holds in the second attempt, and together with an outcome."""
        first = add_running(store, runner)
        store.commit([update(first, log_lines=line_by_line("abc"), outcome=Outcome(state=TaskState.PENDING))])
        claim = runner.claim_one()
        store.commit([update(claim, log_lines=line_by_line("de"), log_offset=3)])

        lines = line_by_line("defg")
        store.commit([update(claim, log_lines=lines, log_offset=3, outcome=Outcome(state=TaskState.SUCCEEDED))])

        assert texts(store, claim) == "abcdefg"
        assert store.logs(claim.id, after=5) == list(lines[2:])

    def test_updates_of_one_batch_may_overlap(self, store: TaskStore, runner: ContractRunner) -> None:
        """What was kept from a try before comes together with what is new."""
        claim = add_running(store, runner)

        store.commit(
            [
                update(claim, log_lines=line_by_line("ab"), log_offset=0),
                update(claim, log_lines=line_by_line("ab"), log_offset=0),
                update(claim, log_lines=line_by_line("bc"), log_offset=1),
            ]
        )

        assert texts(store, claim) == "abc"

    def test_lines_behind_a_gap_are_kept(self, store: TaskStore, runner: ContractRunner) -> None:
        """A server may have lost the newest lines when another took over: what comes now is written all the same."""
        claim = add_running(store, runner)
        store.commit([update(claim, log_lines=line_by_line("a"), log_offset=0)])

        store.commit([update(claim, log_lines=line_by_line("de"), log_offset=3)])

        assert texts(store, claim) == "ade"

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


def line_by_line(texts: str) -> tuple[LogLine, ...]:
    """Return a line for each letter."""
    return tuple(LogLine(at=1.0, text=text) for text in texts)


def texts(store: TaskStore, claim: Claim) -> str:
    """Return the letters that the log of a task has."""
    return "".join(line.text for line in store.logs(claim.id))
