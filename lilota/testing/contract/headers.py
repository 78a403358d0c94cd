"""The contract of headers: what travels with a task goes through a store to the letter, whatever it means."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from lilota.contract import StoredTask, TaskStore
from lilota.copying import copy_tasks
from lilota.models import NewTask
from lilota.stores import open_store
from lilota.tasks.jsonvalues import HEADERS_LIMIT_BYTES
from lilota.testing.contract.harness import (
    WAYS_BACK,
    ContractFixtures,
    ContractRunner,
    WayBack,
    add_one,
    add_running,
    keeps_headers,
    prune_all,
)

#: Nobody knows these keys; spaces, order and escapes are part of the text.
UNKNOWN: Final = '{ "x.nobody-knows": {"b":[1, 2.50, null],"a":"\\u00e9 é"},"lilota.later":true }'


class HeadersContract(ContractFixtures):
    """What a later version of lilota can rely on that lets one more thing travel.

    A store that does not say that it keeps headers is not asked: lilota gives it none.
    """

    @pytest.fixture
    def keeper(self, store: TaskStore) -> TaskStore:
        """The store, if it keeps headers."""
        if not keeps_headers(store):
            pytest.skip("the store keeps no headers")
        return store

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
        waiting, bare = add_one(keeper, headers_json=UNKNOWN), add_one(keeper)
        taken = [StoredTask(info=info) for info in keeper.get_all_tasks()]
        for task_id in (waiting, bare):
            keeper.cancel(task_id)
        prune_all(keeper)

        keeper.restore(taken)

        assert [info.headers_json for info in keeper.get_all_tasks()] == [UNKNOWN, UNKNOWN, None]
        assert [claim.headers_json for claim in runner.claim(2)] == [UNKNOWN, None]

    def test_headers_are_copied_into_another_store_and_back(
        self, keeper: TaskStore, runner: ContractRunner, tmp_path: Path
    ) -> None:
        """`lilota copy` needs to know no header."""
        if not keeper.capabilities().multi_process:
            pytest.skip("capabilities() says that this store is for one process, which nobody copies")
        runner.finish(add_running(keeper, runner, headers_json=UNKNOWN))
        keeper.release(runner.id)  # a store that a runner uses is not copied
        other = open_store(f"sqlite:///{tmp_path}/other.db")

        with closing(other):
            copied = sum(page.copied for page in copy_tasks(keeper, other))
            there = [info.headers_json for info in other.get_all_tasks()]
            prune_all(keeper)
            copied += sum(page.copied for page in copy_tasks(other, keeper))

        assert (copied, there) == (2, [UNKNOWN])
        assert [info.headers_json for info in keeper.get_all_tasks()] == [UNKNOWN]

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
        before = {info.id: info.headers_json for info in keeper.get_all_tasks()}
        keeper.cancel(ids[4])

        claims = [claim for limit in (2, 6) for claim in runner.claim(limit)]

        assert before == given
        assert {info.id: info.headers_json for info in keeper.get_all_tasks()} == given
        assert {claim.id: claim.headers_json for claim in claims} == {k: v for k, v in given.items() if k != ids[4]}
