"""The contract of headers: what travels with a task goes through a store to the letter, whatever it means."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import ClassVar, Final

import pytest

from lilota.contract import StoredTask, TaskStore
from lilota.models import NewTask, TaskState
from lilota.tasks.jsonvalues import HEADERS_LIMIT_BYTES
from lilota.testing.contract.harness import (
    WAYS_BACK,
    ContractFixtures,
    ContractRunner,
    WayBack,
    add_one,
    add_running,
    prune_all,
)

#: Nobody knows these keys; spaces, order and escapes are part of the text.
UNKNOWN: Final = '{ "x.nobody-knows": {"b":[1, 2.50, null],"a":"\\u00e9 é"},"lilota.later":true }'

#: For every field of a new task a value that is not its default.
OPTIONAL: Final[Mapping[str, object]] = MappingProxyType(
    {
        "description": "not empty",
        "input_json": '{"n":1}',
        "queue": "slow",
        "priority": 3,
        "run_at": datetime(2024, 2, 29, 12, 30, 15, tzinfo=UTC),
        "delay_seconds": 1000.0,
        "max_lost_attempts": 7,
        "headers_json": UNKNOWN,
    }
)


class HeadersContract(ContractFixtures):
    """What a later version of lilota can rely on that lets one more thing travel.

    Attributes:
        keeps_headers: False for a store that was written for a contract without headers.
    """

    keeps_headers: ClassVar[bool] = True

    @pytest.fixture
    def keeper(self, store: TaskStore) -> TaskStore:
        """The store, if it keeps headers."""
        if not self.keeps_headers:
            pytest.skip("the store keeps no headers")
        return store

    def test_the_store_says_whether_it_keeps_headers(self, store: TaskStore) -> None:
        """`add` refuses headers in front of a store that does not say so: they would be lost in silence."""
        assert ("headers" in store.capabilities().supports) is self.keeps_headers

    def test_headers_that_nobody_knows_travel_from_add_to_the_claim_and_to_the_end(
        self, keeper: TaskStore, runner: ContractRunner
    ) -> None:
        """Not a character is changed, wherever they are read."""
        claim = add_running(keeper, runner, headers_json=UNKNOWN)
        runner.finish(claim)

        (found,) = keeper.get_all_tasks()
        assert (claim.headers_json, keeper.get(claim.id).headers_json, found.headers_json) == (UNKNOWN,) * 3

    def test_a_task_without_headers_has_none(self, keeper: TaskStore, runner: ContractRunner) -> None:
        """Neither in the store nor in the claim."""
        claim = add_running(keeper, runner)

        assert (claim.headers_json, keeper.get(claim.id).headers_json) == (None, None)

    @pytest.mark.parametrize("way_back", WAYS_BACK.values(), ids=WAYS_BACK.keys())
    def test_headers_stay_for_the_next_attempt(
        self, keeper: TaskStore, runner: ContractRunner, other_runner: ContractRunner, way_back: WayBack
    ) -> None:
        """However the task came back."""
        way_back(keeper, runner, add_running(keeper, runner, headers_json=UNKNOWN))

        assert other_runner.claim_one().headers_json == UNKNOWN

    def test_headers_are_restored(self, keeper: TaskStore, runner: ContractRunner) -> None:
        """They move with the task into another store."""
        runner.finish(add_running(keeper, runner, headers_json=UNKNOWN))
        waiting = add_one(keeper, headers_json=UNKNOWN)
        taken = [StoredTask(info=info) for info in keeper.get_all_tasks()]
        keeper.cancel(waiting)
        prune_all(keeper)

        keeper.restore(taken)

        assert [info.headers_json for info in keeper.get_all_tasks()] == [UNKNOWN] * 2
        assert runner.claim_one().headers_json == UNKNOWN

    def test_the_longest_headers_fit_in(self, keeper: TaskStore, runner: ContractRunner) -> None:
        """What the limit of lilota allows, every store keeps, for each of many tasks."""
        longest = '{"x":"' + "h" * (HEADERS_LIMIT_BYTES - 8) + '"}'
        keeper.add([NewTask(name="task", headers_json=longest)] * 30)

        claims = runner.claim(30)

        assert [claim.headers_json == longest for claim in claims] == [True] * 30

    def test_tasks_of_one_call_keep_headers_of_their_own(self, keeper: TaskStore, runner: ContractRunner) -> None:
        """Some have others, some have none; it stays so when one of them leaves and they are claimed in parts."""
        texts = [None if n % 3 == 0 else f'{{"n":{n}}}' for n in range(9)]
        ids = keeper.add([NewTask(name="task", headers_json=text) for text in texts])
        given = dict(zip(ids, texts, strict=True))
        found = {info.id: info.headers_json for info in keeper.get_all_tasks()}
        keeper.cancel(ids[4])

        claims = [claim for limit in (2, 6) for claim in runner.claim(limit)]

        assert found == given
        assert keeper.get(ids[4]).headers_json == given.pop(ids[4])
        assert {claim.id: claim.headers_json for claim in claims} == given

    @pytest.mark.parametrize("field", NewTask.__struct_fields__[1:])
    def test_alike_tasks_keep_every_field_that_they_were_given(self, store: TaskStore, field: str) -> None:
        """However a store packs tasks that are alike, no field is lost on the way."""
        if field == "headers_json" and not self.keeps_headers:
            pytest.skip("the store keeps no headers")
        new = NewTask(**{"name": "task", field: OPTIONAL[field]})  # type: ignore[arg-type] # the types are in the table

        infos = [store.get(task_id) for task_id in store.add([new] * 5)]

        if field == "delay_seconds":
            assert [(info.run_at - info.created_at).total_seconds() for info in infos] == [1000.0] * 5
        else:
            assert [getattr(info, field) for info in infos] == [OPTIONAL[field]] * 5

    def test_a_claim_says_when_the_task_was_added_and_due(self, store: TaskStore, runner: ContractRunner) -> None:
        """To the microsecond of what the store tells everybody else, also for a task that comes back."""
        store.add([NewTask(name="task"), NewTask(name="task", run_at=datetime(2024, 2, 29, tzinfo=UTC))])
        store.add([NewTask(name="task")] * 5)
        claims = runner.claim(7)
        runner.finish(claims[0])
        store.release(runner.id)

        for claim in (*claims, *ContractRunner(store).claim(7)):
            info = store.get(claim.id)
            assert claim.created_at is not None
            assert claim.run_at is not None
            assert datetime.fromtimestamp(claim.created_at, UTC) == info.created_at
            if info.state is TaskState.RUNNING and info.token == claim.token:
                assert datetime.fromtimestamp(claim.run_at, UTC) == info.run_at
