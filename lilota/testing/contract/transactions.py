"""The contract of `add(..., connection=...)`: tasks that exist exactly if the application's transaction commits."""

from __future__ import annotations

from typing import Protocol

import pytest

from lilota.contract import TaskStore
from lilota.errors import ConfigurationError, TaskNotFoundError
from lilota.models import NewTask, TaskState
from lilota.testing.contract.harness import ContractFixtures, ContractRunner, add_one, counted, found_ids


class ApplicationTransaction(Protocol):
    """An open transaction of the application's, on the database in which the store is.

    Attributes:
        connection: what the application hands to `add`.
    """

    connection: object

    def commit(self) -> None: ...

    def rollback(self) -> None: ...


class TransactionsContract(ContractFixtures):
    """What an application can rely on that adds tasks in its own transactions.

    A store that declares `takes_connection` overrides the fixture `application`.
    """

    @pytest.fixture
    def application(self, store: TaskStore) -> ApplicationTransaction:
        """An open transaction of the application's; ended by the test or by the fixture."""
        assert not store.capabilities().takes_connection, (
            "The store declares takes_connection: override the fixture `application` to give an ApplicationTransaction."
        )
        pytest.skip("the store takes no connection")

    def test_a_connection_that_the_store_can_not_use_is_refused(self, store: TaskStore) -> None:
        """Nothing is added: outside of the transaction it would exist though the application rolls back."""
        with pytest.raises(ConfigurationError, match="connection") as refusal:
            store.add([NewTask(name="task")], connection=object())

        assert store.get_all_tasks() == []
        if not store.capabilities().takes_connection:
            refused = "can't take part in a transaction on a connection of the application; nothing was added. "
            assert refused in str(refusal.value)

    def test_nobody_sees_the_tasks_before_the_commit(
        self, store: TaskStore, runner: ContractRunner, application: ApplicationTransaction
    ) -> None:
        """They are neither found nor counted nor granted."""
        (task_id,) = store.add([NewTask(name="task")], connection=application.connection)

        with pytest.raises(TaskNotFoundError):
            store.get(task_id)
        assert (found_ids(store), store.counts(), runner.claim(5)) == ([], [], ())

    def test_the_tasks_exist_once_the_transaction_commits(
        self, store: TaskStore, runner: ContractRunner, application: ApplicationTransaction
    ) -> None:
        """Under the ids that `add` returned, like any other."""
        ids = store.add([NewTask(name="task", description=text) for text in "abc"], connection=application.connection)

        application.commit()

        assert [store.get(task_id).description for task_id in ids] == ["a", "b", "c"]
        assert counted(store) == {("default", "task", TaskState.PENDING): 3}
        assert [claim.id for claim in runner.claim(5)] == ids

    def test_the_tasks_vanish_with_the_transaction(
        self, store: TaskStore, runner: ContractRunner, application: ApplicationTransaction
    ) -> None:
        """A rollback leaves nothing, and the store goes on adding, under ids that nobody was told."""
        lost = store.add([NewTask(name="task")] * 3, connection=application.connection)

        application.rollback()

        assert (store.get_all_tasks(), store.counts(), runner.claim(5)) == ([], [], ())
        new = add_one(store)
        assert found_ids(store, ids=(new,)) != []
        assert new > max(lost)

    def test_several_additions_share_one_transaction(
        self, store: TaskStore, application: ApplicationTransaction
    ) -> None:
        """Their ids rise, and all appear together."""
        ids = [
            *store.add([NewTask(name="task")] * 2, connection=application.connection),
            *store.add([NewTask(name="other", queue="slow")], connection=application.connection),
        ]

        application.commit()

        assert ids == sorted(set(ids))
        assert [info.id for info in store.get_all_tasks()] == ids

    def test_a_task_that_was_added_in_a_transaction_runs_to_its_end(
        self, store: TaskStore, runner: ContractRunner, application: ApplicationTransaction
    ) -> None:
        """Nothing about it is special."""
        (task_id,) = store.add([NewTask(name="task")], connection=application.connection)
        application.commit()

        assert runner.finish(runner.claim_one()).refused == ()
        assert store.get(task_id).state is TaskState.SUCCEEDED
