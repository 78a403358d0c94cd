"""The contract of `get`, `get_all_tasks`, `find`, `counts`, and of the handle itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import cast

import pytest

from lilota.contract import StoreCapabilities, TaskQuery, TaskStore
from lilota.errors import TaskNotFoundError
from lilota.models import NewTask, TaskState
from lilota.testing.contract.harness import (
    ContractFixtures,
    ContractRunner,
    add_ended,
    add_many,
    add_one,
    add_running,
    check_brief_page,
    counted,
    counted_from,
    found_ids,
    update,
)

Verb = Callable[[TaskStore, int], object]

#: Everything that takes the id of a task.
VERBS: Mapping[str, Verb] = {
    "get": lambda store, task_id: store.get(task_id),
    "logs": lambda store, task_id: store.logs(task_id),
    "cancel": lambda store, task_id: store.cancel(task_id),
    "retry": lambda store, task_id: store.retry(task_id),
}


class ReadContract(ContractFixtures):
    """What readers can rely on."""

    def test_the_handle_has_every_method_of_the_protocol(self, store: TaskStore) -> None:
        """A store, or a proxy of one, passes the runtime check."""
        assert isinstance(store, TaskStore)

    def test_capabilities_describe_the_store_for_people(self, store: TaskStore) -> None:
        """The description is never empty, and several machines include several processes."""
        capabilities = store.capabilities()

        assert isinstance(capabilities, StoreCapabilities)
        assert capabilities.description
        assert capabilities.multi_process or not capabilities.multi_host

    def test_open_is_safe_to_call_again(self, store: TaskStore) -> None:
        """Opening an open store changes nothing."""
        task_id = add_one(store)

        store.open()

        assert found_ids(store) == [task_id]

    def test_close_keeps_the_data_and_a_later_call_opens_again(self, store: TaskStore) -> None:
        """A closed handle goes on working."""
        task_id = add_one(store)

        store.close()

        assert store.get(task_id).id == task_id

    @pytest.mark.parametrize("task_id", [0, -1, 2**62, 2**63, 10**20])
    @pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS.keys())
    def test_an_unknown_id_is_not_found(self, store: TaskStore, verb: Verb, task_id: int) -> None:
        """Any number that is no id is simply not found."""
        add_one(store)

        with pytest.raises(TaskNotFoundError, match=f"'{task_id}' does not exist"):
            verb(store, task_id)

    @pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS.keys())
    def test_an_id_of_another_type_is_refused_in_the_same_words(self, store: TaskStore, verb: Verb) -> None:
        """A text as it comes from a URL, a float or a bool may look like the id of a task, and is none."""
        task_id = add_one(store)

        for other in (str(task_id), float(task_id), True, None, b"1", [task_id]):
            with pytest.raises(TaskNotFoundError, match=r"A task has a whole number as its id, not .* with int\(\)\."):
                verb(store, cast("int", other))

    def test_find_passes_over_numbers_that_are_no_ids(self, store: TaskStore) -> None:
        """They match nothing, and do no harm to those that do."""
        ids = add_many(store, 2)
        none = (0, -1, 2**63, 10**20, -(10**20))

        assert found_ids(store, ids=(*none, *ids)) == ids[::-1]
        assert found_ids(store, after_id=10**20) == ids[::-1]
        assert found_ids(store, after_id=-(10**20), newest_first=False) == ids
        assert found_ids(store, after_id=-1) == found_ids(store, after_id=10**20, newest_first=False) == []

    def test_get_all_tasks_of_an_empty_store_is_an_empty_list(self, store: TaskStore) -> None:
        """Nothing stored is no error."""
        assert store.get_all_tasks() == []

    def test_get_all_tasks_gives_every_task_by_rising_id(self, store: TaskStore, runner: ContractRunner) -> None:
        """State, queue and priority do not matter."""
        claim = add_ended(store, runner)
        running = add_running(store, runner)
        rest = store.add([NewTask(name="b", priority=9), NewTask(name="a", queue="other"), NewTask(name="task")])

        assert [info.id for info in store.get_all_tasks()] == [claim.id, running.id, *rest]

    def test_get_and_find_and_get_all_tasks_agree(self, store: TaskStore, runner: ContractRunner) -> None:
        """There is one truth about a task, whoever asks."""
        claim = add_ended(store, runner, TaskState.FAILED)

        info = store.get(claim.id)

        assert store.get_all_tasks() == [info]
        assert found_ids(store) == [claim.id]

    def test_find_gives_the_newest_first_unless_told_otherwise(self, store: TaskStore) -> None:
        """The default order is by falling id."""
        ids = add_many(store, 4)

        assert found_ids(store) == ids[::-1]
        assert found_ids(store, newest_first=False) == ids

    @pytest.mark.parametrize("newest_first", [True, False])
    def test_pages_follow_each_other_without_gap_or_repetition(self, store: TaskStore, newest_first: bool) -> None:
        """The last id of a page leads to the next one, until a page is empty."""
        ids = add_many(store, 7)
        pages: list[list[int]] = []
        after_id = None

        while page := found_ids(store, after_id=after_id, limit=3, newest_first=newest_first):
            assert page[0] != after_id, "a page begins with the id that it should begin behind"
            pages.append(page)
            after_id = page[-1]

        assert [len(page) for page in pages] == [3, 3, 1]
        assert [task_id for page in pages for task_id in page] == sorted(ids, reverse=newest_first)

    def test_find_takes_any_of_the_given_values(self, store: TaskStore, runner: ContractRunner) -> None:
        """Each condition is a choice among several values."""
        ended = add_ended(store, runner).id
        running = add_running(store, runner).id
        other = add_one(store, name="other", queue="slow")

        assert found_ids(store, states=(TaskState.RUNNING, TaskState.SUCCEEDED)) == [running, ended]
        assert found_ids(store, names=("other", "unheard of")) == [other]
        assert found_ids(store, queues=("default",)) == [running, ended]
        assert found_ids(store, queues=("slow", "default")) == [other, running, ended]
        assert found_ids(store, ids=(ended, other, 2**40)) == [other, ended]

    def test_find_wants_every_condition_to_hold(self, store: TaskStore, runner: ContractRunner) -> None:
        """Conditions narrow each other."""
        ended = add_ended(store, runner).id
        running = add_running(store, runner).id
        add_one(store, name="other")
        everything = {"ids": (ended, running), "names": ("task",), "queues": ("default",)}

        assert found_ids(store, **everything, states=(TaskState.RUNNING,)) == [running]
        assert found_ids(store, **everything, states=(TaskState.PENDING,)) == []
        assert found_ids(store, **everything, after_id=running) == [ended]

    @pytest.mark.parametrize("condition", ["ids", "states", "names", "queues"])
    def test_a_choice_among_no_values_finds_nothing(self, store: TaskStore, condition: str) -> None:
        """An empty tuple is not the same as None."""
        add_many(store, 2)

        assert found_ids(store, **{condition: ()}) == []

    def test_a_page_holds_matching_tasks_only_and_is_full(self, store: TaskStore) -> None:
        """The limit counts the tasks that match, not those that were looked at."""
        ids = store.add([NewTask(name=("odd", "even")[n % 2]) for n in range(20)])

        assert found_ids(store, names=("odd",), limit=8, newest_first=False) == ids[0::2][:8]

    def test_a_brief_page_tells_all_but_the_values(self, store: TaskStore, runner: ContractRunner) -> None:
        """Input, output and checkpoint may be left out as if there were none; each is there, or is not."""
        for state in (TaskState.SUCCEEDED, TaskState.FAILED, TaskState.CANCELLED):
            add_ended(store, runner, state)
        keeps_checkpoints = "checkpoints" in store.capabilities().supports
        for value in ('{"rows": 3}', json.dumps({"text": "x" * 100_000})):
            claim = add_running(store, runner, description="A photo", priority=3, input_json=value)
            checkpoint = value if keeps_checkpoints else None
            store.commit([update(claim, output_json=value, checkpoint_json=checkpoint, progress=40, pid=17)])
        store.add([NewTask(name="task", input_json=f'{{"n": {n}}}') for n in range(20)])
        ids = tuple(found_ids(store))

        for query in (
            TaskQuery(),
            TaskQuery(newest_first=False, states=tuple(TaskState)),
            TaskQuery(ids=ids, names=("task",)),
        ):
            check_brief_page(store, query)

    def test_counts_of_an_empty_store_are_an_empty_list(self, store: TaskStore) -> None:
        """What is 0 is not named."""
        assert store.counts() == []

    def test_counts_agree_with_the_stored_tasks_in_every_state(self, store: TaskStore, runner: ContractRunner) -> None:
        """Per queue, name and state, the number is that of the tasks."""
        for state in (TaskState.SUCCEEDED, TaskState.FAILED, TaskState.FAILED, TaskState.CANCELLED):
            add_ended(store, runner, state)
        add_running(store, runner)
        store.add([NewTask(name="b"), NewTask(name="b", queue="slow"), NewTask(name="b", delay_seconds=1000)])

        assert counted(store) == counted_from(store.get_all_tasks())
        assert counted(store)["default", "task", TaskState.FAILED] == 2
        assert counted(store)["default", "b", TaskState.PENDING] == 2
