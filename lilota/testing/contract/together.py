"""The contract of tasks that are added in one call: a store may keep them together, but each goes its own way."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from lilota.contract import TaskQuery, TaskStore
from lilota.models import NewTask, TaskState
from lilota.testing.contract.harness import (
    GIVEN,
    ContractFixtures,
    ContractRunner,
    check_support,
    counted,
    keeps_headers,
    new_task,
)

#: For every field of a new task but its name a value that is not its default.
FIELDS: Mapping[str, object] = {
    **GIVEN,
    "run_at": datetime(2024, 2, 29, 12, 30, 15, tzinfo=UTC),
    "delay_seconds": 1000.0,
    "headers_json": '{"x.trace":1}',
    "owner": "user-17",
}


def add_together(store: TaskStore, number: int) -> dict[int, str]:
    """Add tasks in one call that differ in their input alone; return the inputs by id."""
    tasks = [NewTask(name="task", input_json=f'{{"number":{n}}}') for n in range(number)]
    return dict(zip(store.add(tasks), [task.input_json for task in tasks], strict=True))


class TogetherContract(ContractFixtures):
    """What a caller can rely on, however a store keeps tasks that are alike."""

    def test_tasks_of_one_call_are_claimed_in_parts(self, store: TaskStore, runner: ContractRunner) -> None:
        """In the order in which they were given, each with its own input; what is left keeps its place."""
        inputs = add_together(store, 7)
        add_together(store, 1)

        claims = [claim for limit in (2, 1, 4) for claim in runner.claim(limit)]

        assert [(claim.id, claim.input_json) for claim in claims] == list(inputs.items())
        assert counted(store) == {("default", "task", TaskState.RUNNING): 7, ("default", "task", TaskState.PENDING): 1}

    def test_two_runners_share_the_tasks_of_one_call(
        self, store: TaskStore, runner: ContractRunner, other_runner: ContractRunner
    ) -> None:
        """None gets what the other has, and nothing is left over."""
        inputs = add_together(store, 7)

        claims = [claim for _ in range(2) for each in (runner, other_runner) for claim in each.claim(2)]

        assert [(claim.id, claim.input_json) for claim in claims] == list(inputs.items())

    @pytest.mark.parametrize("field", NewTask.__struct_fields__[1:])
    def test_alike_tasks_keep_every_field_that_they_were_given(self, store: TaskStore, field: str) -> None:
        """However a store packs tasks that are alike, no field is lost on the way."""
        if field == "headers_json" and not keeps_headers(store):
            pytest.skip("the store keeps no headers")
        if field == "owner":
            check_support(store, "owners")

        infos = [store.get(task_id) for task_id in store.add([new_task(**{field: FIELDS[field]})] * 5)]

        if field == "delay_seconds":
            assert [(info.run_at - info.created_at).total_seconds() for info in infos] == [1000.0] * 5
        else:
            assert [getattr(info, field) for info in infos] == [FIELDS[field]] * 5

    @pytest.mark.parametrize("place", [0, 3, 6], ids=["first", "middle", "last"])
    def test_cancelling_one_of_them_leaves_the_others(
        self, store: TaskStore, runner: ContractRunner, place: int
    ) -> None:
        """They keep their order and their inputs."""
        inputs = add_together(store, 7)
        cancelled = list(inputs)[place]

        state = store.cancel(cancelled)

        assert state is TaskState.CANCELLED
        assert {info.id: info.input_json for info in store.get_all_tasks()} == inputs
        assert counted(store) == {
            ("default", "task", TaskState.PENDING): 6,
            ("default", "task", TaskState.CANCELLED): 1,
        }
        del inputs[cancelled]
        assert [(claim.id, claim.input_json) for claim in runner.claim(10)] == list(inputs.items())

    def test_one_of_them_that_was_cancelled_and_retried_runs_after_the_others(
        self, store: TaskStore, runner: ContractRunner
    ) -> None:
        """It is due since its retry, and has the input that it had."""
        inputs = add_together(store, 4)
        first = next(iter(inputs))
        store.cancel(first)
        store.retry(first)

        claims = [claim for _ in range(2) for claim in runner.claim(2)]

        assert [claim.id for claim in claims] == [*list(inputs)[1:], first]
        assert {claim.id: claim.input_json for claim in claims} == inputs

    def test_each_of_them_is_found(self, store: TaskStore, runner: ContractRunner) -> None:
        """By its id, in a list of ids, and on pages that end among them; nobody else has the ids around them."""
        inputs = add_together(store, 7)
        ids = list(inputs)
        runner.claim(2)

        by_id = {task_id: store.get(task_id).input_json for task_id in ids}
        listed = store.find(TaskQuery(ids=(ids[1], ids[3], ids[6], ids[6] + 1)))
        page = store.find(TaskQuery(states=(TaskState.PENDING,), after_id=ids[6], limit=3))

        assert by_id == inputs
        assert [info.id for info in listed] == [ids[6], ids[3], ids[1]]
        assert [info.id for info in page] == [ids[5], ids[4], ids[3]]
        assert store.logs(ids[4]) == []
