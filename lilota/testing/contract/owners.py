"""The contract of owners: "my tasks" of a user of the application, found and counted without those of others."""

from __future__ import annotations

from collections import Counter

import pytest

from lilota.contract import StoredTask, TaskCount, TaskQuery, TaskStore
from lilota.models import NewTask, TaskState
from lilota.testing.contract.harness import (
    WAYS_BACK,
    ContractFixtures,
    ContractRunner,
    WayBack,
    add_one,
    add_running,
    check_support,
    found_ids,
    prune_all,
)


class OwnersContract(ContractFixtures):
    """What an application can rely on that asks for the tasks of one of its users."""

    @pytest.fixture
    def owning(self, store: TaskStore) -> TaskStore:
        """The store, if it keeps owners."""
        check_support(store, "owners")
        return store

    def test_an_owner_travels_from_add_to_the_claim_and_to_whoever_reads(
        self, owning: TaskStore, runner: ContractRunner
    ) -> None:
        """To the letter; a task without one has none."""
        owner = "Ünal O'Neil <o@example.org> 用户"
        claim, bare = add_running(owning, runner, owner=owner), add_running(owning, runner)

        (found,) = owning.find(TaskQuery(ids=(claim.id,)))

        assert (claim.owner, owning.get(claim.id).owner, found.owner) == (owner,) * 3
        assert (bare.owner, owning.get(bare.id).owner) == (None, None)

    @pytest.mark.parametrize("way_back", WAYS_BACK.values(), ids=WAYS_BACK.keys())
    def test_a_task_stays_its_owners(
        self, owning: TaskStore, runner: ContractRunner, other_runner: ContractRunner, way_back: WayBack
    ) -> None:
        """However it came back."""
        way_back(owning, runner, add_running(owning, runner, owner="user-1"))

        assert other_runner.claim_one().owner == "user-1"

    def test_tasks_of_an_owner_are_found_page_by_page(self, owning: TaskStore) -> None:
        """None of others, whose names differ by case or a space, or begin alike."""
        others = ["user-2", "User-1", "user-1 ", "user-10", None]
        ids = [add_one(owning, owner=owner) for _ in range(3) for owner in ("user-1", *others)]
        mine = ids[:: len(others) + 1]

        first = found_ids(owning, owner="user-1", limit=2)
        rest = found_ids(owning, owner="user-1", limit=2, after_id=first[-1])
        rising = found_ids(owning, owner="user-1", newest_first=False)

        assert [*first, *rest] == mine[::-1]
        assert rising == mine
        assert found_ids(owning, owner="nobody") == []

    def test_an_owner_is_one_condition_among_others(self, owning: TaskStore, runner: ContractRunner) -> None:
        """States, names, queues and ids narrow it down."""
        claim = add_running(owning, runner, owner="user-1")
        mail = add_one(owning, owner="user-1", name="mail", queue="slow")
        other = add_one(owning, owner="user-2", name="mail")

        assert found_ids(owning, owner="user-1", states=(TaskState.RUNNING,)) == [claim.id]
        assert found_ids(owning, owner="user-1", names=("mail",)) == [mail]
        assert found_ids(owning, owner="user-1", queues=("slow", "default")) == [mail, claim.id]
        assert found_ids(owning, owner="user-1", ids=(claim.id, other)) == [claim.id]
        assert found_ids(owning, owner="user-1", states=()) == []

    def test_tasks_of_an_owner_are_counted(self, owning: TaskStore, runner: ContractRunner) -> None:
        """As all are, whatever becomes of them."""
        runner.finish(add_running(owning, runner, owner="user-1"))
        add_running(owning, runner, owner="user-1")
        owning.add([NewTask(name="task", owner=owner) for owner in ("user-1", "user-1", "user-2", None)])

        assert of(owning, "user-1") == {
            ("task", TaskState.SUCCEEDED): 1,
            ("task", TaskState.RUNNING): 1,
            ("task", TaskState.PENDING): 2,
        }
        assert of(owning, "user-2") == {("task", TaskState.PENDING): 1}
        assert of(owning, "nobody") == {}

    def test_pruned_tasks_have_no_owner_any_more(self, owning: TaskStore, runner: ContractRunner) -> None:
        """Neither found nor counted."""
        runner.finish(add_running(owning, runner, owner="user-1"))
        left = add_one(owning, owner="user-1")

        prune_all(owning)

        assert found_ids(owning, owner="user-1") == [left]
        assert of(owning, "user-1") == {("task", TaskState.PENDING): 1}

    def test_an_owner_is_restored(self, owning: TaskStore, runner: ContractRunner) -> None:
        """And found at the new place."""
        runner.finish(add_running(owning, runner, owner="user-1"))
        taken = [StoredTask(info=info) for info in owning.get_all_tasks()]
        prune_all(owning)

        owning.restore(taken)

        assert found_ids(owning, owner="user-1") == [taken[0].info.id]
        assert of(owning, "user-1") == {("task", TaskState.SUCCEEDED): 1}

    def test_tasks_of_one_call_have_owners_of_their_own(self, owning: TaskStore, runner: ContractRunner) -> None:
        """Some have another one, some have none."""
        owners = [None if n % 3 == 0 else f"user-{n % 2}" for n in range(9)]
        ids = owning.add([NewTask(name="task", owner=owner) for owner in owners])

        claims = [claim for limit in (2, 7) for claim in runner.claim(limit)]

        assert {claim.id: claim.owner for claim in claims} == dict(zip(ids, owners, strict=True))


def of(store: TaskStore, owner: str) -> Counter[tuple[str, TaskState]]:
    """Return how many tasks an owner has, per name and state."""
    rows: list[TaskCount] = store.counts(owner)
    return Counter({(row.name, row.state): row.count for row in rows})
