"""The contract of stores whose form has versions: who has one open notices that a newer lilota has changed it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from lilota.contract import TaskStore
from lilota.contract.rules import VERSION_LOOK_SECONDS
from lilota.errors import StoreVersionError
from lilota.models import TaskState
from lilota.testing.contract.harness import (
    DEADLINE_SECONDS,
    ContractFixtures,
    ContractRunner,
    add_one,
    add_running,
    counted,
)

#: For as long as the block runs, the store says that only a lilota of the future may use it.
NewerLilota = Callable[[], AbstractContextManager[None]]


class VersionsContract(ContractFixtures):
    """What a program can rely on that has a store open while it is upgraded.

    A store whose form has versions overrides the fixture `newer_lilota`.
    """

    @pytest.fixture
    def newer_lilota(self) -> NewerLilota:
        """A newer lilota that comes to the store, and goes away again, as when a backup is restored."""
        pytest.skip("no fixture newer_lilota: the form of this store has no versions")

    def test_a_store_that_is_open_is_refused_soon_after_it_has_become_newer(
        self, store: TaskStore, newer_lilota: NewerLilota
    ) -> None:
        """Nothing is read or written any more; the error names what is to be upgraded."""
        task_id = add_one(store)

        with newer_lilota():
            _wait_for_refusal(store)
            for use in (
                store.counts,
                store.runners,
                lambda: store.get(task_id),
                lambda: store.cancel(task_id),
                lambda: add_one(store),
            ):
                with pytest.raises(StoreVersionError, match="Upgrade"):
                    use()

        assert counted(store) == {("default", "task", TaskState.PENDING): 1}

    def test_a_runner_of_before_takes_and_writes_nothing_any_more(
        self, store: TaskStore, runner: ContractRunner, newer_lilota: NewerLilota
    ) -> None:
        """Neither its lease nor a claim nor an outcome passes: what it holds is for runners of the newer lilota."""
        claim = add_running(store, runner)
        waiting = add_one(store)

        with newer_lilota():
            _wait_for_refusal(store)
            for use in (runner.heartbeat, runner.claim, lambda: runner.finish(claim), store.rescue):
                with pytest.raises(StoreVersionError, match="Upgrade"):
                    use()

        assert [store.get(task_id).state for task_id in (claim.id, waiting)] == [TaskState.RUNNING, TaskState.PENDING]

    def test_all_goes_on_when_the_version_is_one_that_is_known_again(
        self, store: TaskStore, runner: ContractRunner, newer_lilota: NewerLilota
    ) -> None:
        """A handle that was refused looks again at each call."""
        ids = [add_one(store)]

        with newer_lilota():
            _wait_for_refusal(store)
        ids.append(add_one(store))

        assert [claim.id for claim in runner.claim(5)] == ids


def _wait_for_refusal(store: TaskStore) -> None:
    """Look at the store, as an open page does, until it refuses."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        try:
            store.counts()
        except StoreVersionError:
            return
        assert time.monotonic() < deadline, "the store is still read, though a newer lilota has changed it"
        time.sleep(VERSION_LOOK_SECONDS / 20)
