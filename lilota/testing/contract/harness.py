"""What the tests of the contract share: a runner as the store sees one, and short ways to fill and read a store."""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import pytest
from msgspec.structs import replace

from lilota.contract import Claimed, ClaimRequest, Committed, RegisteredRunner, RunnerInfo, TaskQuery, TaskStore
from lilota.models import AttemptUpdate, Claim, NewTask, Outcome, TaskError, TaskInfo, TaskState

#: How long the suite waits for something that must happen, before it calls the store broken.
DEADLINE_SECONDS = 60.0

Answer = TypeVar("Answer")

FAILURE = TaskError(type="ValueError", message="planted", traceback="Traceback ...")

#: What everybody who reads a task sees as it was given, for each field a value that is not its default.
GIVEN: Mapping[str, object] = {
    "description": "the holiday pictures",
    "input_json": '{"folder":"/tmp","sizes":[1,2.5,null]}',
    "queue": "slow",
    "priority": -7,
    "max_lost_attempts": 5,
}

#: What a brief page may have in place of what is there.
_NO_VALUES: Mapping[str, str | None] = {"input_json": "{}", "output_json": None, "checkpoint_json": None}


class ContractRunner:
    """A runner as the store sees one: an id that holds a lease, claims and commits."""

    def __init__(self, store: TaskStore, runner_id: str | None = None) -> None:
        self.store = store
        self.id: str = runner_id or f"contract-{uuid.uuid4().hex}"
        self.heartbeat()

    def heartbeat(self, lease_seconds: float = 300.0) -> bool:
        """Renew the lease."""
        return self.store.heartbeat(RunnerInfo(id=self.id, lease_seconds=lease_seconds, host="contract", pid=1))

    def expire(self) -> None:
        """Let the lease end now, as if the runner had died long ago."""
        self.heartbeat(0)

    def request(
        self, limit: int = 1, names: tuple[str, ...] = ("task",), queues: tuple[str, ...] | None = None
    ) -> ClaimRequest:
        """Return a claim request of this runner."""
        return ClaimRequest(runner_id=self.id, names=names, queues=queues, limit=limit)

    def claim(
        self, limit: int = 1, names: tuple[str, ...] = ("task",), queues: tuple[str, ...] | None = None
    ) -> tuple[Claim, ...]:
        """Claim up to `limit` tasks."""
        return self.store.claim(self.request(limit, names, queues)).claims

    def claim_one(self) -> Claim:
        """Claim exactly one task that must be there."""
        (claim,) = self.claim()
        return claim

    def cancel_requests(self) -> Claimed:
        """Ask only which attempts were cancelled."""
        return self.store.claim(self.request(limit=0))

    def finish(self, claim: Claim, outcome: Outcome | None = None) -> Committed:
        """Commit an outcome, success unless told otherwise."""
        return self.store.commit([update(claim, outcome=outcome or Outcome(state=TaskState.SUCCEEDED))])


class ContractFixtures:
    """The fixtures behind the tests; all of them come from the one fixture `store` that a subclass supplies."""

    @pytest.fixture
    def runner(self, store: TaskStore) -> Iterator[ContractRunner]:
        """A registered runner, forgotten by the store after the test."""
        runner = ContractRunner(store)
        yield runner
        store.release(runner.id)

    @pytest.fixture
    def other_runner(self, store: TaskStore) -> Iterator[ContractRunner]:
        """A second runner."""
        runner = ContractRunner(store)
        yield runner
        store.release(runner.id)


def update(claim: Claim, **fields: object) -> AttemptUpdate:
    """Return an update of the attempt that `claim` names."""
    return AttemptUpdate(id=claim.id, token=claim.token, **fields)  # type: ignore[arg-type]  # the caller names fields


def new_task(**fields: object) -> NewTask:
    """Return a task to be added, named "task" unless told otherwise."""
    return NewTask(**{"name": "task", **fields})  # type: ignore[arg-type]  # the caller names fields


def add_one(store: TaskStore, **fields: object) -> int:
    """Add one task, named "task" unless told otherwise, and return its id."""
    (task_id,) = store.add([new_task(**fields)])
    return task_id


def add_many(store: TaskStore, number: int) -> list[int]:
    """Add that many equal tasks."""
    return store.add([NewTask(name="task")] * number)


def add_running(store: TaskStore, runner: ContractRunner, **fields: object) -> Claim:
    """Add one task and claim it."""
    task_id = add_one(store, **fields)
    claim = runner.claim_one()
    assert claim.id == task_id, "another task was waiting: the store was not empty"
    return claim


def add_ended(store: TaskStore, runner: ContractRunner, state: TaskState = TaskState.SUCCEEDED) -> Claim:
    """Add one task and bring it to a terminal state; return the claim that it had."""
    claim = add_running(store, runner)
    error = FAILURE if state is TaskState.FAILED else None
    runner.finish(claim, Outcome(state=state, error=error))
    return claim


def lose_to_rescue(store: TaskStore, runner: ContractRunner, claim: Claim) -> None:
    """Take the claim away because the lease expired."""
    runner.expire()
    assert claim.id in store.rescue()


def lose_to_release(store: TaskStore, runner: ContractRunner, claim: Claim) -> None:
    """Take the claim away because the runner stopped."""
    assert store.release(runner.id) > 0
    assert store.get(claim.id).state is TaskState.PENDING


def come_back(store: TaskStore, runner: ContractRunner, claim: Claim) -> None:
    """End the attempt, to try again."""
    assert runner.finish(claim, Outcome(state=TaskState.PENDING)).refused == ()
    assert store.get(claim.id).state is TaskState.PENDING


def give_back(store: TaskStore, runner: ContractRunner, claim: Claim) -> None:
    """End the attempt without spending it."""
    assert runner.finish(claim, Outcome(state=TaskState.PENDING, spends_attempt=False)).refused == ()
    assert store.get(claim.id).state is TaskState.PENDING


def fail_and_retry(store: TaskStore, runner: ContractRunner, claim: Claim) -> None:
    """Fail, and have somebody retry it."""
    runner.finish(claim, Outcome(state=TaskState.FAILED, error=FAILURE))
    store.retry(claim.id)


def cancel_and_retry(store: TaskStore, runner: ContractRunner, claim: Claim) -> None:
    """Be cancelled, and have somebody retry it."""
    store.cancel(claim.id)
    runner.finish(claim, Outcome(state=TaskState.CANCELLED))
    store.retry(claim.id)


WayBack = Callable[[TaskStore, ContractRunner, Claim], None]

#: Every way in which a running task becomes one that waits, and its token void.
WAYS_BACK: Mapping[str, WayBack] = {
    "rescue": lose_to_rescue,
    "release": lose_to_release,
    "another attempt": come_back,
    "giving back": give_back,
    "retry after failure": fail_and_retry,
    "retry after cancellation": cancel_and_retry,
}


def keeps_headers(store: TaskStore) -> bool:
    """Tell whether a store says that it keeps headers; `add` refuses them in front of one that does not."""
    return "headers" in store.capabilities().supports


def serves_families(store: TaskStore) -> bool:
    """Tell whether a store says that it looks at `ClaimRequest.families`; a runner warns of one that does not."""
    return "families" in store.capabilities().supports


def check_support(store: TaskStore, what: str) -> None:
    """Skip the test if a store does not say that it supports something."""
    if what not in store.capabilities().supports:
        pytest.skip(f"capabilities() does not say that this store supports {what}")


def found_ids(store: TaskStore, **conditions: object) -> list[int]:
    """Return the ids of one page of `find`."""
    return [info.id for info in store.find(TaskQuery(**conditions))]  # type: ignore[arg-type]  # the caller names fields


def counted(store: TaskStore, owner: str | None = None) -> Counter[tuple[str, str, TaskState]]:
    """Return what `counts` says, as a Counter; each combination may be named once only, and never with 0."""
    rows = store.counts() if owner is None else store.counts(owner)
    keys = [(row.queue, row.name, row.state) for row in rows]
    assert len(set(keys)) == len(keys), f"counts() names a combination twice: {rows}"
    assert all(row.count > 0 for row in rows), f"counts() names a combination that is empty: {rows}"
    return Counter({key: row.count for key, row in zip(keys, rows, strict=True)})


def counted_from(tasks: list[TaskInfo]) -> Counter[tuple[str, str, TaskState]]:
    """Return what `counts` should say about these tasks."""
    return Counter((info.queue, info.name, info.state) for info in tasks)


def check_brief_page(store: TaskStore, query: TaskQuery) -> None:
    """Compare a brief page with the whole one: all is told but the values, each of which is as it is or as if none."""
    whole, brief = store.find(query), store.find(replace(query, brief=True))

    assert [replace(info, **_NO_VALUES) for info in brief] == [replace(info, **_NO_VALUES) for info in whole]
    for some, one in zip(brief, whole, strict=True):
        assert all(getattr(some, name) in {getattr(one, name), none} for name, none in _NO_VALUES.items())


def registered(store: TaskStore, runner_id: str) -> RegisteredRunner:
    """Return what the store knows of a runner that must be registered, once."""
    (runner,) = [runner for runner in store.runners() if runner.id == runner_id]
    return runner


def poll(ask: Callable[[], Answer], what: str) -> Answer:
    """Ask until the answer is truthy; fail with `what` when it never is."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"{what} did not happen within {DEADLINE_SECONDS} s"
        time.sleep(0.01)
    return answer


def in_threads(*bodies: Callable[[], object]) -> None:
    """Run each in a thread of its own, all at the same time, and return when they have ended."""
    threads = [threading.Thread(target=body) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def totals_seen_during(write: Callable[[], object], store: TaskStore) -> set[int]:
    """Return the numbers of tasks that whoever looks sees while another thread writes."""
    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while writer.is_alive():
        seen.add(counted(store).total())
    writer.join()
    return seen


def prune_all(store: TaskStore) -> int:
    """Prune every ended task and return how many that were.

    A clock may be too coarse to see that a task ended *before* now, so ask until none is left.
    """
    pruned = 0

    def nothing_left() -> bool:
        nonlocal pruned
        pruned += store.prune(0)
        return not any(row.state.is_terminal for row in store.counts())

    poll(nothing_left, "The pruning of all ended tasks")
    return pruned


def empty_store(store: TaskStore) -> None:
    """End and delete everything that is stored, through the contract alone."""
    while running := store.find(TaskQuery(states=(TaskState.RUNNING,), limit=1000)):
        for info in running:
            store.cancel(info.id)
        for runner_id in {info.runner_id for info in running if info.runner_id}:
            store.release(runner_id)
    while waiting := store.find(TaskQuery(states=(TaskState.PENDING, TaskState.WAITING), limit=1000)):
        for info in waiting:
            store.cancel(info.id)
    prune_all(store)
