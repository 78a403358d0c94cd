"""The contract of `logs_of_many`, for stores that read many logs at once (`CanReadManyLogs`)."""

from __future__ import annotations

import pytest

from lilota.contract import CanReadManyLogs, TaskStore
from lilota.models import LogLine, NewTask
from lilota.testing.contract.harness import ContractFixtures, ContractRunner, add_running, update


class ManyLogsContract(ContractFixtures):
    """What whoever follows hundreds of tasks can rely on."""

    @pytest.fixture
    def reader(self, store: TaskStore) -> CanReadManyLogs:
        """The store, if it reads many logs at once."""
        if not isinstance(store, CanReadManyLogs):
            pytest.skip("the store has no logs_of_many()")
        return store

    def test_logs_of_many_gives_each_task_its_lines(
        self, reader: CanReadManyLogs, store: TaskStore, runner: ContractRunner
    ) -> None:
        """As `logs()` would: all fields, oldest first, behind so many of each, up to the limit of each."""
        claims = [add_running(store, runner) for _ in range(3)]
        for count, claim in enumerate(claims, 3):
            store.commit([update(claim, log_lines=lines_of(claim.id, count))])
        ids = [claim.id for claim in claims]

        assert reader.logs_of_many(dict.fromkeys(ids, 0)) == {task_id: store.logs(task_id) for task_id in ids}
        assert reader.logs_of_many({ids[0]: 1, ids[2]: 4}) == {
            ids[0]: store.logs(ids[0], after=1),
            ids[2]: store.logs(ids[2], after=4),
        }
        assert reader.logs_of_many(dict.fromkeys(ids, 1), limit=2) == {
            task_id: store.logs(task_id, after=1, limit=2) for task_id in ids
        }

    def test_logs_of_many_has_nothing_of_what_is_not_there(
        self, reader: CanReadManyLogs, store: TaskStore, runner: ContractRunner
    ) -> None:
        """Neither of a task that logged nothing (more), nor of one that the store does not have."""
        claim = add_running(store, runner)
        store.commit([update(claim, log_lines=lines_of(claim.id, 2))])
        (silent,) = store.add([NewTask(name="task")])

        found = reader.logs_of_many({claim.id: 2, silent: 0, silent + 1000: 0})

        assert [lines for lines in found.values() if lines] == []
        assert reader.logs_of_many({}) == {}

    def test_logs_of_many_reads_hundreds_of_logs(
        self, reader: CanReadManyLogs, store: TaskStore, runner: ContractRunner
    ) -> None:
        """However many conditions that makes of one question."""
        claims = [add_running(store, runner) for _ in range(3)]
        store.commit([update(claim, log_lines=lines_of(claim.id, 2)) for claim in claims])
        others = store.add([NewTask(name="other")] * 1500)

        found = reader.logs_of_many(dict.fromkeys([*others, *(claim.id for claim in claims)], 1))

        assert {task_id: lines for task_id, lines in found.items() if lines} == {
            claim.id: [lines_of(claim.id, 2)[1]] for claim in claims
        }


def lines_of(task_id: int, count: int) -> tuple[LogLine, ...]:
    """Return lines that tell which task they are of, with clocks that run backwards."""
    return tuple(LogLine(at=float(100 - n), text=f"{task_id}: {n}", attempt=1 + n // 2) for n in range(count))
