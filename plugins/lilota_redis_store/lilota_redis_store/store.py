"""The store in a Redis or Valkey server: each method of the contract as one script."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from lilota.contract import (
    Claimed,
    ClaimRequest,
    Committed,
    DueTask,
    OldestDue,
    RegisteredRunner,
    RunnerInfo,
    StoreCapabilities,
    StoredTask,
    TaskCount,
    TaskQuery,
    to_microseconds,
)
from lilota.contract.ids import check_id
from lilota.contract.oldest import HEADS, MOST_LATE, MOST_PRIORITIES
from lilota.contract.rules import check_can_be_retried, check_none_is_running, refuse_connection
from lilota.errors import TaskNotFoundError
from lilota.models import TERMINAL_STATES, AttemptUpdate, LogLine, NewTask, Note, TaskInfo, TaskState
from lilota_redis_store import packing, records
from lilota_redis_store.address import Address
from lilota_redis_store.database import Database
from lilota_redis_store.faults import translated
from lilota_redis_store.listening import Changes
from lilota_redis_store.packing import LARGEST_ID, encode
from lilota_redis_store.surroundings import look_at

#: How many tasks are read, or deleted, in one call: the server has time for others in between.
_PAGE: Final = 1000
#: The logs of how many tasks are read in one call, each a page at most.
_LOGS_PER_CALL: Final = 50
#: A larger commit would stop the server for too long, or be more than it takes.
_LARGE_COMMIT_BYTES: Final = 64 * 2**20
_LONGEST_SECONDS: Final = 1e10


class RedisTaskStore:
    """Keeps tasks in a Redis server; see `lilota.contract.TaskStore` for what each method does.

    Args:
        address: where the server is, and how to use it.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self._connect_lazily()

    def _connect_lazily(self) -> None:
        database = self._database = Database(self.address)
        channel = f"{database.prefix}changes"
        self._changes = Changes(lambda: database.servers().client(), channel, listens=self.address.listens)
        # Which store the runners of this process were registered in; see heartbeat().
        self._registered: dict[str, str] = {}
        self._end = weakref.finalize(self, self._changes.stop)

    def __getstate__(self) -> dict[str, object]:
        """Send only the configuration to another process: connections do not travel."""
        return {"address": self.address}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self._connect_lazily()

    def _db(self) -> Database:
        """Return what this process uses; after a fork, nothing of the parent's."""
        if not self._database.is_mine():
            self._end.detach()
            self._connect_lazily()
        return self._database

    def _call(self, verb: str, asked: object) -> Any:  # noqa: ANN401 - each script has its own answer
        return self._db().call(verb, encode(asked))

    def _change(self, verb: str, asked: object) -> Any:  # noqa: ANN401 - as above
        """As `_call`, and whoever waits is told."""
        return self._change_packed(verb, encode(asked))

    def _change_packed(self, verb: str, asked: bytes, *, seen_by_caller: bool = False) -> Any:  # noqa: ANN401 - as above
        database = self._db()
        return database.call(verb, asked, self._changes.sender(seen_by_caller=seen_by_caller))

    def open(self) -> None:
        self._db().open()

    def close(self) -> None:
        database = self._db()
        self._changes.stop()
        database.close()

    def capabilities(self) -> StoreCapabilities:
        with translated(self.address):
            found = look_at(self._db().servers())
        durability = f" ({found.durability})" if found.durability else ""
        return StoreCapabilities(
            description=f"Redis server {self.address}, prefix '{self.address.prefix}'{durability}",
            durable=found.is_durable,
            multi_process=True,
            multi_host=True,
            identity=f"{self.address}, prefix {self.address.prefix}",
            supports=frozenset({"families", "headers", "owners", "checkpoints", "notes", "forgetting", "foresight"}),
            warnings=found.warnings,
        )

    def add(self, tasks: Sequence[NewTask], *, connection: object | None = None) -> list[int]:
        refuse_connection("The Redis store", connection)
        if not tasks:
            return []
        database = self._db()
        last_id = int(self._change_packed("add", packing.to_new(tasks, database.last_id)))
        database.note_id(last_id)
        return list(range(last_id - len(tasks) + 1, last_id + 1))

    def restore(self, tasks: Sequence[StoredTask]) -> int:
        check_none_is_running(tasks)
        if not tasks:
            return 0
        written = int(self._change_packed("restore", packing.to_restored(tasks)))
        self._database.note_id(max(task.info.id for task in tasks))
        return written

    def get(self, task_id: int) -> TaskInfo:
        check_id(task_id, LARGEST_ID)
        infos = self._infos([task_id])
        if not infos:
            raise TaskNotFoundError(task_id)
        return infos[0]

    def get_all_tasks(self) -> list[TaskInfo]:
        infos: list[TaskInfo] = []
        query = TaskQuery(limit=_PAGE, newest_first=False)
        while page := self.find(query):
            infos += page
            query = msgspec.structs.replace(query, after_id=page[-1].id)
        return infos

    def find(self, query: TaskQuery) -> list[TaskInfo]:
        query = packing.within_limits(query)
        infos: list[TaskInfo] = []
        while True:
            found, left, behind = records.to_page(self._call("find", query))
            infos += found + self._infos(left)
            if behind is None:
                return infos
            query = msgspec.structs.replace(query, after_id=behind, limit=query.limit - len(found) - len(left))

    def _infos(self, ids: Sequence[int]) -> list[TaskInfo]:
        infos: list[TaskInfo] = []
        while ids:
            more, ids = records.to_infos(self._call("get", ids))
            infos += more
        return infos

    def ended_since(self, since: datetime, states: Sequence[TaskState] | None = None, limit: int = 1000) -> list[int]:
        chosen = sorted(TERMINAL_STATES if states is None else TERMINAL_STATES.intersection(states))
        return list(map(int, self._call("ended_since", (to_microseconds(since), chosen, min(limit, LARGEST_ID)))))

    def count_ended(self, edges: Sequence[datetime], limit: int = 1000) -> list[dict[TaskState, int]]:
        bars: list[dict[TaskState, int]] = [{} for _ in edges[1:]]
        if not bars:
            return bars
        states = sorted(TERMINAL_STATES)
        numbers = self._call("count_ended", (list(map(to_microseconds, edges)), states, min(limit, LARGEST_ID)))
        for place, number in enumerate(map(int, numbers)):
            if number:
                bars[place % len(bars)][states[place // len(bars)]] = number
        return bars

    def counts(self, owner: str | None = None) -> list[TaskCount]:
        if owner is not None:
            return self._counts_of(owner)
        return records.to_counts(self._call("counts", None))

    def _counts_of(self, owner: str) -> list[TaskCount]:
        """Count the tasks of an owner, some at a time: a script is alone in the server."""
        numbers: Counter[tuple[str, str, TaskState]] = Counter()
        behind: int | None = 0
        while behind is not None:
            rows, behind = records.to_some_counts(self._call("counts_of_owner", (owner, behind)))
            numbers.update({(row.queue, row.name, row.state): row.count for row in rows})
        return [TaskCount(queue=queue, name=name, state=state, count=n) for (queue, name, state), n in numbers.items()]

    def logs(self, task_id: int, after: int = 0, limit: int = 1000) -> list[LogLine]:
        check_id(task_id, LARGEST_ID)
        reply = self._call("logs", (task_id, min(max(0, after), LARGEST_ID), min(limit, LARGEST_ID)))
        if reply is None:
            raise TaskNotFoundError(task_id)
        return records.decode_lines(reply)

    def logs_of_many(self, after: Mapping[int, int], limit: int = 1000) -> dict[int, list[LogLine]]:
        ids = list(after)
        found: dict[int, list[LogLine]] = {}
        # A script is alone in the server, so each of them reads few.
        for start in range(0, len(ids), _LOGS_PER_CALL):
            some = ids[start : start + _LOGS_PER_CALL]
            reply = self._call("logs_of_many", (some, [after[task_id] for task_id in some], limit))
            found.update(zip(some, records.decode_logs(reply), strict=True))
        return found

    def notes(
        self, task_id: int, kind: str | None = None, after: tuple[str, str] = ("", ""), limit: int = 1000
    ) -> list[Note]:
        check_id(task_id, LARGEST_ID)
        within = max(0, min(limit, LARGEST_ID))
        reply = self._call("notes", (task_id, *packing.note_range(kind, after), within))
        if reply is None:
            raise TaskNotFoundError(task_id)
        return records.decode_notes(reply)

    def look_ahead(self, request: ClaimRequest) -> list[DueTask]:
        return records.to_due(self._call("look_ahead", request))

    def oldest_due(self) -> OldestDue:
        return records.to_oldest(self._call("oldest_due", (HEADS, MOST_PRIORITIES, MOST_LATE)))

    def durations(self, names: Sequence[str], limit: int = 20) -> dict[str, list[float]]:
        limit = min(limit, LARGEST_ID)
        found = records.to_durations(self._call("durations", (names, limit)), limit)
        return {name: seconds for name, seconds in zip(names, found, strict=True) if seconds}

    def heartbeat(self, runner: RunnerInfo) -> bool:
        in_time = bool(self._call("heartbeat", runner))
        # The data may have been deleted since the last heartbeat: then what the runner held is gone as well.
        store_id = self._database.open()
        registered_in = self._registered.get(runner.id, store_id)
        self._registered[runner.id] = store_id
        return in_time and registered_in == store_id

    def runners(self) -> list[RegisteredRunner]:
        return records.to_runners(self._call("runners", None))

    def claim(self, request: ClaimRequest) -> Claimed:
        return self._noted(records.to_claimed(self._call("claim", request)))

    def commit(self, updates: Sequence[AttemptUpdate], request: ClaimRequest | None = None) -> Committed:
        asked = encode((updates, request))
        if len(asked) > _LARGE_COMMIT_BYTES and len(updates) > 1:
            return self._commit_in_halves(updates, request)
        # With a claim in the same script, the caller has already seen what its own outcomes made ready.
        reply = self._change_packed("commit", asked, seen_by_caller=request is not None)
        committed = records.to_committed(reply)
        if committed.claimed is not None:
            self._noted(committed.claimed)
        return committed

    def _commit_in_halves(self, updates: Sequence[AttemptUpdate], request: ClaimRequest | None) -> Committed:
        """Commit in two calls what is too much for one."""
        half = len(updates) // 2
        first, second = self.commit(updates[:half]), self.commit(updates[half:], request)
        refused = tuple(dict.fromkeys(first.refused + second.refused))
        return Committed(refused=refused, claimed=second.claimed)

    def _noted(self, claimed: Claimed) -> Claimed:
        for claim in claimed.claims:
            self._database.note_id(claim.id)
        return claimed

    def release(self, runner_id: str) -> int:
        released = int(self._change("release", runner_id))
        self._registered.pop(runner_id, None)
        return released

    def rescue(self, runner_ids: Collection[str] | None = None) -> list[int]:
        return records.decode_ids(self._change("rescue", None if runner_ids is None else list(runner_ids)))

    def cancel(self, task_id: int) -> TaskState:
        check_id(task_id, LARGEST_ID)
        state = self._change("cancel", task_id)
        if state is None:
            raise TaskNotFoundError(task_id)
        return TaskState(state.decode())

    def retry(self, task_id: int) -> None:
        check_id(task_id, LARGEST_ID)
        before = self._change("retry", task_id)
        if before is None:
            raise TaskNotFoundError(task_id)
        check_can_be_retried(task_id, TaskState(before.decode()))

    def prune(self, older_than_seconds: float, states: Sequence[TaskState] | None = None, limit: int = 1000) -> int:
        chosen = sorted(TERMINAL_STATES if states is None else TERMINAL_STATES.intersection(states))
        age = max(-_LONGEST_SECONDS, min(older_than_seconds, _LONGEST_SECONDS))
        pruned = 0
        while pruned < limit:
            step = int(self._call("prune", (age, chosen, min(_PAGE, limit - pruned))))
            if step == 0:
                break
            pruned += step
        return pruned

    def take_turn(self, chore: str, every_seconds: float) -> bool:
        return bool(self._call("take_turn", (chore, every_seconds)))

    def wait_for_change(self, timeout_seconds: float) -> bool:
        self._db()
        return self._changes.wait(timeout_seconds)
