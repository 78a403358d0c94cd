"""The moves of the game: what Hypothesis may call, and what must come back."""

from __future__ import annotations

import dataclasses
import uuid
from copy import deepcopy

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)
from msgspec.structs import replace

from lilota.contract import (
    CanForesee,
    CanReadNotes,
    CanTellOldestDue,
    Claimed,
    ClaimRequest,
    Fence,
    RunnerInfo,
    StoredTask,
    TaskQuery,
    TaskStore,
)
from lilota.contract.rules import forgets_input
from lilota.errors import TaskNotFoundError, TaskStateError
from lilota.models import AttemptUpdate, Claim, LogLine, NewTask, Note, Outcome, TaskError, TaskState
from lilota.testing.contract.harness import check_brief_page, counted, empty_store, prune_all, update
from lilota.testing.contract.model_store import ModelStore, ModelTask, facts

NAMES, QUEUES, RUNNERS, OWNERS = ("a", "b", "c"), ("x", "y"), (0, 1, 2), ("one", "two")
FORGETS = '{"lilota.keep_input":false}'

runners: st.SearchStrategy[int] = st.sampled_from(RUNNERS)
some_names: st.SearchStrategy[tuple[str, ...]] = st.sampled_from([NAMES, ("a", "c"), ("b",), ("c", "unheard of"), ()])
some_queues: st.SearchStrategy[tuple[str, ...] | None] = st.sampled_from(
    [None, QUEUES, ("x",), ("y", "unheard of"), ()]
)
new_tasks: st.SearchStrategy[NewTask] = st.builds(
    NewTask,
    name=st.sampled_from(NAMES),
    queue=st.sampled_from(QUEUES),
    input_json=st.just('{"n":0}'),  # there is something to forget
    priority=st.sampled_from([0, 1, -1]),
    delay_seconds=st.sampled_from([0.0, 0.0, 0.0, 3600.0]),
    max_lost_attempts=st.sampled_from([3, 1, 2, 1]),
    headers_json=st.sampled_from([None, '{"x.trace":1}', FORGETS]),
    owner=st.sampled_from([None, None, *OWNERS]),
)


def alike(task: NewTask, number: int) -> list[NewTask]:
    """Return tasks that differ in nothing but their input, which a store may keep together."""
    return [replace(task, input_json=f'{{"n":{n}}}') for n in range(number)]


def a_note(named: tuple[str, str]) -> tuple[Note, ...]:
    """Return one note of a kind that no store writes itself."""
    return (Note(kind="file", name=named[0], value_json=named[1]),)


additions: st.SearchStrategy[list[NewTask]] = st.lists(new_tasks, min_size=1, max_size=4) | st.builds(
    alike, new_tasks, st.integers(2, 6)
)
failures: st.SearchStrategy[TaskError] = st.just(TaskError(type="ValueError", message="planted"))
outcomes: st.SearchStrategy[Outcome] = st.one_of(
    st.just(Outcome(state=TaskState.SUCCEEDED)),
    st.builds(Outcome, state=st.just(TaskState.FAILED), error=failures),
    st.just(Outcome(state=TaskState.CANCELLED)),
    st.builds(
        Outcome,
        state=st.just(TaskState.PENDING),
        error=st.none() | failures,
        spends_attempt=st.booleans(),
        lost=st.booleans(),
        delay_seconds=st.sampled_from([0.0, 0.0, 3600.0]),
    ),
)
writes: st.SearchStrategy[dict[str, object]] = st.fixed_dictionaries(
    {},
    optional={
        "progress": st.sampled_from([1.0, 50.0, 100.0]),
        "output_json": st.sampled_from(["{}", '{"n":1}', '{"n":2}']),
        "progress_note_json": st.sampled_from(['{"done":1}', '{"done":2}']),
        "checkpoint_json": st.sampled_from(["1", "2"]),
        "notes": st.sampled_from([("a", "1"), ("a", "2"), ("b", "1")]).map(a_note),
        "log_lines": st.sampled_from(["one", "two"]).map(lambda text: (LogLine(at=1.0, text=text),)),
        "outcome": outcomes,
    },
)
Write = dict[str, object]
#: A task as it was at some moment, in the store and in the model.
Copy = tuple[StoredTask, ModelTask]


class StoreMachine(RuleBasedStateMachine):
    """Plays on one store, which it leaves empty after each game.

    The bundle keeps every claim for ever, so that most of what is drawn from it is stale: late writes are the
    mistakes that lose work.
    """

    claims: Bundle[Claim] = Bundle("claims")
    tasks: Bundle[int] = Bundle("tasks")
    copies: Bundle[Copy] = Bundle("copies")

    def __init__(self, store: TaskStore) -> None:
        super().__init__()
        self.store = store
        self.supports: frozenset[str] = store.capabilities().supports
        self.model: ModelStore = ModelStore()
        self.runner_ids: list[str] = [f"model-{uuid.uuid4().hex}" for _ in RUNNERS]

    def teardown(self) -> None:
        empty_store(self.store)
        for runner_id in self.runner_ids:
            self.store.release(runner_id)

    @initialize(new=st.lists(new_tasks, min_size=2, max_size=6), target=tasks)
    def begin(self, new: list[NewTask]) -> MultipleResults[int] | int:
        # Hypothesis leaves out some of the rules in each game: without runners and tasks, little would happen.
        for runner in RUNNERS:
            self.heartbeat(runner)
        return self.add_tasks(new)

    @rule(runner=runners)
    def heartbeat(self, runner: int, lease_seconds: float = 300.0) -> None:
        runner_id = self.runner_ids[runner]
        was_known = runner_id in self.model.leases

        assert self.store.heartbeat(RunnerInfo(id=runner_id, lease_seconds=lease_seconds)) is was_known
        self.model.leases[runner_id] = lease_seconds > 0

    @rule(runner=runners)
    def expire(self, runner: int) -> None:
        self.heartbeat(runner, lease_seconds=0)

    @rule(new=additions, target=tasks)
    def add_tasks(self, new: list[NewTask]) -> MultipleResults[int]:
        new = [task_for(self.supports, task) for task in new]
        ids = self.store.add(new)

        assert ids == sorted(set(ids))
        assert not ids or min(ids) > self.model.highest_id
        self.model.highest_id = max(ids, default=self.model.highest_id)
        for task_id, task in zip(ids, new, strict=True):
            self.model.tasks[task_id] = ModelTask(
                id=task_id,
                name=task.name,
                queue=task.queue,
                priority=task.priority,
                input_json=task.input_json,
                max_lost_attempts=task.max_lost_attempts,
                headers_json=task.headers_json,
                owner=task.owner,
                due=not task.delay_seconds,
                run_at=self.store.get(task_id).run_at,
            )
        return multiple(*ids)

    @rule(runner=runners, names=some_names, queues=some_queues, limit=st.sampled_from([1, 2, 4, 0]), target=claims)
    def claim(
        self, runner: int, names: tuple[str, ...], queues: tuple[str, ...] | None, limit: int
    ) -> MultipleResults[Claim]:
        request = ClaimRequest(runner_id=self.runner_ids[runner], names=names, queues=queues, limit=limit)

        return self.check_claimed(request, self.store.claim(request))

    @precondition(lambda self: "foresight" in self.supports)
    @rule(names=some_names, queues=some_queues, limit=st.sampled_from([1, 4, 100, 0]))
    def look_ahead(self, names: tuple[str, ...], queues: tuple[str, ...] | None, limit: int) -> None:
        request = ClaimRequest(runner_id="", names=names, queues=queues, limit=limit)
        assert isinstance(self.store, CanForesee)

        ahead = self.store.look_ahead(request)

        expected = self.model.next_due(names, queues)[:limit]
        assert [(task.id, task.queue, task.name) for task in ahead] == [(t.id, t.queue, t.name) for t in expected]

    @precondition(lambda self: isinstance(self.store, CanTellOldestDue))
    @rule()
    def oldest_due(self) -> None:
        assert isinstance(self.store, CanTellOldestDue)
        due: dict[tuple[str, str], list[ModelTask]] = {}
        for task in self.model.next_due(NAMES, None):
            due.setdefault((task.queue, task.name), []).append(task)

        told = {(task.queue, task.name): task for task in self.store.oldest_due().tasks}

        assert told.keys() == due.keys()
        for line, tasks in due.items():
            assert told[line].due_at == min(task.run_at for task in tasks)
            assert told[line].id in {task.id for task in tasks if task.run_at == told[line].due_at}

    @rule(batch=st.lists(st.tuples(claims, writes), max_size=4), runner=runners, target=claims)
    def commit_and_claim(self, batch: list[tuple[Claim, Write]], runner: int) -> MultipleResults[Claim]:
        request = ClaimRequest(runner_id=self.runner_ids[runner], names=NAMES, limit=2)

        batch = [(claim, write_for(self.supports, write)) for claim, write in batch]
        committed = self.store.commit(updates_of(batch), request)

        assert set(committed.refused) == self.apply(batch)
        assert committed.claimed is not None
        return self.check_claimed(request, committed.claimed)

    @rule(claim=claims, write=writes)
    def commit(self, claim: Claim, write: Write) -> None:
        write = write_for(self.supports, write)
        committed = self.store.commit(updates_of([(claim, write)]))

        assert set(committed.refused) == self.apply([(claim, write)])
        assert committed.claimed is None
        self.check_log(claim.id)
        self.check_notes(claim.id)

    @rule(claim=claims, behind=st.integers(0, 3))
    def send_lines_again(self, claim: Claim, behind: int) -> None:
        """Send lines of which the log may have the first, as after a lost reply; what they say tells which are new."""
        log = self.model.tasks[claim.id].log if claim.id in self.model.tasks else []
        offset = max(0, len(log) - behind)
        lines = tuple(LogLine(at=1.0, text=f"line {n}") for n in range(offset, offset + 2))

        committed = self.store.commit(updates_of([(claim, {"log_lines": lines, "log_offset": offset})]))

        is_current = self.model.is_current(claim.fence)
        assert committed.refused == (() if is_current else (claim.fence,))
        if is_current:
            log.extend(line.text for line in lines[len(log) - offset :])
        self.check_log(claim.id)

    @rule(claim=claims, outcome=outcomes)
    def end(self, claim: Claim, outcome: Outcome) -> None:
        self.commit(claim, {"outcome": outcome})

    @precondition(lambda self: not all(self.model.leases.values()))
    @rule()
    def rescue(self) -> None:
        rescued = self.model.rescue()
        assert sorted(self.store.rescue()) == rescued
        for task_id in rescued:
            last = self.store.logs(task_id)[-1:]
            assert [line.source for line in last] == ["lilota"]
            self.model.tasks[task_id].log.append(last[0].text)
        self.model.read_run_at(self.store)

    @rule(runner=runners, target=claims)
    def lose(self, runner: int) -> MultipleResults[Claim] | Claim:
        """Die, be rescued, start again and claim again: the way to stale tokens of running tasks in one move."""
        self.expire(runner)
        self.rescue()
        self.heartbeat(runner)
        return self.claim(runner, NAMES, None, 4)

    @rule(runner=runners)
    def release(self, runner: int) -> None:
        assert self.store.release(self.runner_ids[runner]) == self.model.release(self.runner_ids[runner])
        self.model.read_run_at(self.store)

    @rule(task_id=tasks)
    def cancel(self, task_id: int) -> None:
        task = self.model.tasks.get(task_id)
        if task is None:
            with pytest.raises(TaskNotFoundError):
                self.store.cancel(task_id)
            return
        if task.state is TaskState.PENDING:
            task.enter(TaskState.CANCELLED)
        elif task.state is TaskState.RUNNING:
            task.cancel_requested = True

        assert self.store.cancel(task_id) is task.state

    @precondition(lambda self: self.model.has_ended())
    @rule(task_id=tasks)
    def retry(self, task_id: int) -> None:
        task = self.model.tasks.get(task_id)
        if task is None or task.state not in (TaskState.FAILED, TaskState.CANCELLED):
            with pytest.raises(TaskNotFoundError if task is None else TaskStateError):
                self.store.retry(task_id)
            return

        self.store.retry(task_id)

        task.attempt = task.lost_attempts = 0
        task.cancel_requested = False
        task.wait_again()
        task.log.append(self.store.logs(task_id)[-1].text)
        self.model.read_run_at(self.store)

    @precondition(lambda self: self.model.has_ended())
    @rule()
    def prune(self) -> None:
        ended = [task.id for task in self.model.find(None, None) if task.state.is_terminal]

        assert prune_all(self.store) == len(ended)
        for task_id in ended:
            del self.model.tasks[task_id]

    @rule(task_id=tasks, target=copies)
    def copy(self, task_id: int) -> MultipleResults[Copy]:
        """Keep all of a task as it is now, to restore it later."""
        return multiple(*self.read_copy(task_id))

    @rule(copy=copies)
    def restore(self, copy: Copy) -> None:
        """Put a copy back, which may be older than what has become of the task meanwhile."""
        stored, as_it_was = copy
        self.check_restored(stored, as_it_was, is_new=as_it_was.id not in self.model.tasks)

    @rule(task_id=tasks, distance=st.sampled_from([1, 7]), target=tasks)
    def restore_as_new(self, task_id: int, distance: int) -> MultipleResults[int]:
        """Bring a task a second time, under an id that is higher than all, as if another store had been ahead."""
        new_id = self.model.highest_id + distance
        for stored, as_it_is in self.read_copy(task_id):
            moved = replace(stored, info=replace(stored.info, id=new_id))
            self.check_restored(moved, dataclasses.replace(as_it_is, id=new_id), is_new=True)
        return multiple(new_id) if new_id in self.model.tasks else multiple()

    def read_copy(self, task_id: int) -> list[Copy]:
        """Read all of a task, as whoever moves it to another store does; nothing if it was pruned."""
        task = self.model.tasks.get(task_id)
        if task is None:
            return []
        stored = StoredTask(
            info=self.store.get(task_id),
            log_lines=tuple(self.store.logs(task_id)),
            notes=tuple(self.read_notes(task_id)),
        )
        return [(stored, deepcopy(task))]

    def check_restored(self, stored: StoredTask, as_it_was: ModelTask, *, is_new: bool) -> None:
        """Restore a task, and compare."""
        if as_it_was.state is TaskState.RUNNING:
            with pytest.raises(TaskStateError):
                self.store.restore([stored])
            return

        assert self.store.restore([stored]) == is_new
        if is_new:
            self.model.tasks[as_it_was.id] = deepcopy(as_it_was)
            self.model.highest_id = max(self.model.highest_id, as_it_was.id)
            assert self.store.get(as_it_was.id) == stored.info
        assert facts(self.store.get(as_it_was.id)) == facts(self.model.tasks[as_it_was.id])
        self.check_log(as_it_was.id)
        self.check_notes(as_it_was.id)

    @rule(
        names=st.none() | some_names,
        queues=some_queues,
        limit=st.integers(1, 5),
        newest_first=st.booleans(),
        owner=st.sampled_from([None, None, *OWNERS]),
    )
    def read_pages(
        self,
        names: tuple[str, ...] | None,
        queues: tuple[str, ...] | None,
        limit: int,
        newest_first: bool,
        owner: str | None,
    ) -> None:
        owner = owner if "owners" in self.supports else None
        expected = [task.id for task in self.model.find(names, queues, owner)]
        read: list[int] = []
        query = TaskQuery(names=names, queues=queues, limit=limit, newest_first=newest_first, owner=owner)
        check_brief_page(self.store, query)
        while page := [info.id for info in self.store.find(query)]:
            assert len(page) <= limit
            assert page[0] != query.after_id
            read.extend(page)
            query = replace(query, after_id=page[-1])

        assert read == sorted(expected, reverse=newest_first)

    @invariant()
    def tasks_agree(self) -> None:
        stored = self.store.get_all_tasks()
        assert [facts(info) for info in stored] == [facts(task) for task in self.model.find(None, None)]
        assert all((info.finished_at is not None) is info.state.is_terminal for info in stored)

    @invariant()
    def counts_agree(self) -> None:
        assert counted(self.store) == self.model.counts()
        if "owners" in self.supports:
            assert counted(self.store, OWNERS[0]) == self.model.counts(OWNERS[0])

    @invariant()
    def runners_agree(self) -> None:
        mine = [runner for runner in self.store.runners() if runner.id in self.runner_ids]
        assert {runner.id: not runner.has_expired for runner in mine} == self.model.leases
        assert len(mine) == len(self.model.leases)

    def check_log(self, task_id: int) -> None:
        """Compare the log of a task with the model."""
        task = self.model.tasks.get(task_id)
        if task is None:
            with pytest.raises(TaskNotFoundError):
                self.store.logs(task_id)
        else:
            assert [line.text for line in self.store.logs(task_id)] == task.log

    def check_notes(self, task_id: int) -> None:
        """Compare the notes of a task with the model; those that a store writes itself are not in it."""
        task = self.model.tasks.get(task_id)
        if task is not None and "notes" in self.supports:
            notes = [note for note in self.read_notes(task_id) if note.kind == "file"]
            assert {note.name: note.value_json for note in notes} == task.notes

    def read_notes(self, task_id: int) -> list[Note]:
        """Read the notes of a task, if the store keeps any."""
        return self.store.notes(task_id) if isinstance(self.store, CanReadNotes) and "notes" in self.supports else []

    def check_claimed(self, request: ClaimRequest, claimed: Claimed) -> MultipleResults[Claim]:
        """Compare what was granted with the model, and take it over."""
        expected = self.model.next_claims(request.runner_id, request.names, request.queues, request.limit)

        assert [claim.id for claim in claimed.claims] == [task.id for task in expected]
        assert set(claimed.cancel_requested) == self.model.cancel_requests(request.runner_id)
        for claim, task in zip(claimed.claims, expected, strict=True):
            assert claim.token > task.token
            task.state, task.runner_id, task.token = TaskState.RUNNING, request.runner_id, claim.token
            task.attempt, task.error, task.reported_progress = task.attempt + 1, None, 0.0
            task.progress_note_json = None
            for name in _CLAIMED:
                assert getattr(claim, name) == getattr(task, name), name
            assert claim.log_count == len(task.log)
        return multiple(*claimed.claims)

    def apply(self, batch: list[tuple[Claim, Write]]) -> set[Fence]:
        """Write a batch to the model; return what must be refused."""
        refused = set()
        for claim, write in batch:
            if not self.model.is_current(claim.fence):
                refused.add(claim.fence)
                continue
            task = self.model.tasks[claim.id]
            new = update(claim, **write)
            if new.progress is not None:
                task.reported_progress = new.progress
            if new.output_json is not None:
                task.output_json = new.output_json
            task.progress_note_json = new.progress_note_json or task.progress_note_json
            task.checkpoint_json = new.checkpoint_json or task.checkpoint_json
            task.notes |= {note.name: note.value_json for note in new.notes}
            task.log.extend(line.text for line in new.log_lines)
            if new.outcome is not None:
                self.model.apply_outcome(task, new.outcome)
        self.model.read_run_at(self.store)
        return refused


_CLAIMED = (
    "attempt",
    "lost_attempts",
    "input_json",
    "output_json",
    "headers_json",
    "owner",
    "checkpoint_json",
)


def task_for(supports: frozenset[str], task: NewTask) -> NewTask:
    """Return a task without what a store does not keep."""
    needed = {"headers", "forgetting"} if forgets_input(task.headers_json) else {"headers"}
    headers_json = task.headers_json if needed <= supports else None
    return replace(task, headers_json=headers_json, owner=task.owner if "owners" in supports else None)


def write_for(supports: frozenset[str], write: Write) -> Write:
    """Return what may be written to a store that does not keep everything."""
    lacking = {"notes"} - supports
    if "checkpoints" not in supports:
        lacking |= {"checkpoint_json", "progress_note_json"}
    return {field: value for field, value in write.items() if field not in lacking}


def updates_of(batch: list[tuple[Claim, Write]]) -> list[AttemptUpdate]:
    """Turn what Hypothesis drew into updates."""
    return [update(claim, **write) for claim, write in batch]
