"""The contract between processes: handles travel, nobody gets a task twice, and a killed process loses nothing."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.managers import BaseProxy
from typing import Any

import pytest

from lilota.contract import RunnerInfo, TaskStore
from lilota.models import TaskState
from lilota.testing.contract import process_bodies
from lilota.testing.contract.harness import (
    DEADLINE_SECONDS,
    ContractFixtures,
    ContractRunner,
    add_many,
    add_one,
    counted,
    counted_from,
    poll,
)

Body = Callable[..., None]


class ContractProcess:
    """A process of its own that holds a copy of the store's handle, and talks through a pipe."""

    def __init__(self, body: Body, store: TaskStore, *args: object) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other_end = context.Pipe()
        self._process = context.Process(
            target=process_bodies.when_told, args=(body, store, other_end, *args), daemon=True
        )
        self._process.start()
        # Only the child may hold its end: its death must read as the end of the file.
        other_end.close()

    def go(self) -> None:
        """Let the process begin."""
        self._pipe.send("go")

    def next_message(self) -> Any:  # noqa: ANN401 - whatever the body sends
        """Return what the process sent next.

        Raises:
            EOFError: it has ended.
        """
        assert self._pipe.poll(DEADLINE_SECONDS), "a process of the test is silent"
        return self._pipe.recv()

    def messages(self) -> Iterator[Any]:
        """Yield what the process sends until it ends."""
        with contextlib.suppress(EOFError, ConnectionResetError):
            while True:
                yield self.next_message()

    def kill(self) -> None:
        """End the process as kill -9 does, and wait until it is gone."""
        if self._process.pid is not None and self._process.is_alive():
            os.kill(self._process.pid, signal.SIGKILL)
        self._process.join()

    def close(self) -> None:
        """Leave nothing behind."""
        self.kill()
        self._pipe.close()
        self._process.close()


@contextmanager
def processes(body: Body, store: TaskStore, arguments: Sequence[tuple[object, ...]]) -> Iterator[list[ContractProcess]]:
    """Start a process per tuple of arguments, wait until all are ready to go, and end them all in the end."""
    started = [ContractProcess(body, store, *each) for each in arguments]
    try:
        for process in started:
            assert process.next_message() == "ready"
        yield started
    finally:
        for process in started:
            process.close()


def answers_of(body: Body, store: TaskStore, arguments: Sequence[tuple[object, ...]]) -> list[Any]:
    """Start a process per tuple of arguments, let all go at once, and return what each says first."""
    with processes(body, store, arguments) as started:
        for process in started:
            process.go()
        return [process.next_message() for process in started]


class ProcessesContract(ContractFixtures):
    """What several processes can rely on."""

    @pytest.fixture
    def shared_store(self, store: TaskStore) -> TaskStore:
        """The store, if several processes can use it: by itself, or because it sits behind a manager."""
        if not (store.capabilities().multi_process or isinstance(store, BaseProxy)):
            pytest.skip("capabilities() says that this store is for one process (multi_process=False)")
        return store

    def test_the_handle_survives_pickling(self, shared_store: TaskStore) -> None:
        """A copy of the handle sees the same data, before and after."""
        before = add_one(shared_store)

        copy: TaskStore = pickle.loads(pickle.dumps(shared_store))  # noqa: S301 - our own bytes
        after = add_one(copy)

        assert [info.id for info in copy.get_all_tasks()] == [before, after]
        assert shared_store.get(after).id == after
        copy.close()

    def test_processes_can_open_the_store_at_the_same_time(self, shared_store: TaskStore) -> None:
        """Opening what others open and use is safe, and all see the same."""
        ids = add_many(shared_store, 3)

        seen = answers_of(process_bodies.open_again, shared_store, [()] * 3)

        assert seen == [ids] * 3

    def test_processes_that_claim_at_once_share_the_tasks(self, shared_store: TaskStore) -> None:
        """No attempt is granted twice, none is lost, and every commit is accepted."""
        ids = add_many(shared_store, 300)
        runner_ids = [(f"process-{uuid.uuid4().hex}",) for _ in range(3)]

        with processes(process_bodies.drain, shared_store, runner_ids) as drainers:
            for drainer in drainers:
                drainer.go()
            messages = [message for drainer in drainers for message in drainer.messages()]

        assert messages.count("done") == 3
        granted = [task_id for message in messages if message != "done" for task_id, _ in message]
        assert sorted(granted) == ids
        assert {info.state for info in shared_store.get_all_tasks()} == {TaskState.SUCCEEDED}
        assert {info.attempt for info in shared_store.get_all_tasks()} == {1}

    @pytest.mark.parametrize("acknowledged", [1, 5, 12])
    def test_kill_of_a_process_that_claims_and_commits_loses_nothing(
        self, shared_store: TaskStore, runner: ContractRunner, acknowledged: int
    ) -> None:
        """After kill -9 in mid-work and a rescue, each task ends exactly once, and what was acknowledged stands."""
        ids = add_many(shared_store, 400)
        runner_id = f"process-{uuid.uuid4().hex}"

        with processes(process_bodies.drain, shared_store, [(runner_id,)]) as (victim,):
            victim.go()
            told = [victim.next_message() for _ in range(acknowledged)]
            victim.kill()
            told.extend(victim.messages())
        committed = {task_id: token for message in told if message != "done" for task_id, token in message}
        shared_store.heartbeat(RunnerInfo(id=runner_id, lease_seconds=0))
        rescued = shared_store.rescue()

        tasks = {info.id: info for info in shared_store.get_all_tasks()}
        assert sorted(tasks) == ids
        assert {info.state for info in tasks.values()} <= {TaskState.SUCCEEDED, TaskState.PENDING}
        assert all(tasks[task_id].output == {"by": [task_id, token]} for task_id, token in committed.items())
        assert not committed.keys() & set(rescued)
        assert counted(shared_store) == counted_from(list(tasks.values()))
        self._finish_the_rest(shared_store, runner)

    def test_kill_of_a_process_that_adds_loses_nothing_and_leaves_no_half_batch(self, shared_store: TaskStore) -> None:
        """Acknowledged batches are there whole; the last one, unknown, is there whole or not at all."""
        with processes(process_bodies.add_for_ever, shared_store, [(20,)]) as (victim,):
            victim.go()
            told = [victim.next_message() for _ in range(5)]
            victim.kill()
            told.extend(victim.messages())

        stored = self._when_quiet(shared_store)
        acknowledged = [task_id for batch in told for task_id in batch]
        assert stored[: len(acknowledged)] == acknowledged
        assert len(stored) - len(acknowledged) in (0, 20)

    def test_one_of_several_processes_gets_the_turn(self, shared_store: TaskStore) -> None:
        """However many runners share a chore, one of them does it."""
        chore = f"process-{uuid.uuid4().hex}"

        answers = answers_of(process_bodies.ask_for_turn, shared_store, [(chore,)] * 3)

        assert sorted(answers) == [False, False, True]

    def test_an_add_in_another_process_wakes_a_waiting_one(self, shared_store: TaskStore) -> None:
        """The hint crosses the border between processes."""
        with processes(process_bodies.add_once, shared_store, [()]) as (adder,):
            poll(lambda: not shared_store.wait_for_change(0), "An answer that nothing has changed")
            adder.go()

            assert shared_store.wait_for_change(DEADLINE_SECONDS) is True

    def _finish_the_rest(self, store: TaskStore, runner: ContractRunner) -> None:
        while claims := runner.claim(100):
            for claim in claims:
                assert runner.finish(claim).refused == ()
        assert {info.state for info in store.get_all_tasks()} == {TaskState.SUCCEEDED}

    def _when_quiet(self, store: TaskStore) -> list[int]:
        """Return the ids once a write that a server goes on with after its client's death has arrived."""
        seen: list[list[int]] = []

        def unchanged() -> bool:
            seen.append([info.id for info in store.get_all_tasks()])
            return len(seen) > 1 and seen[-1] == seen[-2]

        poll(unchanged, "The end of the last write")
        return seen[-1]
