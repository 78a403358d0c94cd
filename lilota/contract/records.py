"""The records that a store takes and gives, beside those of `lilota.models`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

import msgspec

from lilota.contract.ids import check_whole
from lilota.models import Claim, Fence, JSONObject, LogLine, Note, Record, TaskInfo, TaskState
from lilota.texts.secrets import mask_secrets
from lilota.texts.words import iso


class Commands(msgspec.Struct, frozen=True):
    """What somebody types in a terminal for the tasks of a store.

    Attributes:
        worker: starts a runner.
        line: stands before all other commands, as "lilota" before "list".
    """

    worker: str = "lilota worker"
    line: str = "lilota"


#: The commands of lilota itself.
COMMANDS: Final = Commands()


class StoreCapabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a store promises.

    Attributes:
        description: where the data is, for people, without secrets: "SQLite file /srv/app/lilota.db".
        durable: what `add` acknowledged outlives the processes, and a power cut.
        forgets: the data is gone when a process ends, so a runner that stops runs first what is due.
        multi_process: several processes can use the same data at the same time.
        multi_host: several machines can.
        takes_connection: `add` can write through a connection of the application's, in its transaction.
        supports: what the store can do that the first stores could not: "headers" (it keeps `NewTask.headers_json`),
            "families" (it looks at `ClaimRequest.families`), "owners" (it keeps `NewTask.owner`, finds and counts by
            it), "checkpoints" (it keeps `AttemptUpdate.checkpoint_json` and `progress_note_json`), "notes" (it keeps
            `AttemptUpdate.notes`, and is a `CanReadNotes`), "forgetting" (it forgets the input of tasks for which
            `rules.forgets_input` says so), "foresight" (it is a `CanForesee`).
        warnings: sentences about known dangers of this very set-up, for `lilota doctor`.
        files: the URL of the file area that goes with the data: a folder beside its file, say. None where there is
            none, as for a server that many hosts use; then somebody has to set one.
        identity: names the data for machines: the same whenever and wherever it is opened, and another one for other
            data on the same hosts; "" where the store can't say. In a file area, each store keeps to what is its own.
        commands: what people type for its tasks, where that is not `lilota`: as in a project with its own.
    """

    description: str
    durable: bool
    multi_process: bool
    forgets: bool = False
    multi_host: bool = False
    takes_connection: bool = False
    supports: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()
    files: str | None = None
    identity: str = ""
    commands: Commands = COMMANDS


class RunnerInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A runner, as it introduces itself with each heartbeat.

    Attributes:
        id: random, new at each start; never a host name.
        lease_seconds: how long its claims hold after this heartbeat. 0 lets them expire at once.
        about_json: what it tells people of itself, a JSON object as text, or None. No store looks into it.
    """

    id: str
    lease_seconds: float = 30.0
    host: str = ""
    pid: int = 0
    about_json: str | None = None


class RegisteredRunner(Record, frozen=True, kw_only=True):
    """A runner, as the store knows it.

    Attributes:
        started_at: its first heartbeat, by the store's clock, like the others here.
        heartbeat_at: its newest heartbeat.
        has_expired: its lease has run out; the next `rescue` takes back what it holds.
        about_json: what it told of itself with its newest heartbeat, or None.
    """

    id: str
    host: str
    pid: int
    lease_seconds: float
    started_at: datetime
    heartbeat_at: datetime
    has_expired: bool
    about_json: str | None = None

    @property
    def about(self) -> JSONObject:
        """What it told of itself: "names", "queues" (null for all), "places", "memory_mb"; or "failure"; or nothing.

        Whoever reaches the store can write there: what is no JSON, or nested deeper than a runner tells anything, is
        left out. `lilota.serving` reads the rest by its types.
        """
        pieces = pieces_of(self.about_json)
        return {key: value for key, raw in pieces.items() if (value := _flat(raw)) is not _TOO_DEEP}

    def to_dict(self) -> JSONObject:
        """Return what `lilota runners --json` prints, but for what the runner does now: secrets are masked."""
        return {
            "id": self.id,
            "host": self.host,
            "pid": self.pid,
            "started_at": iso(self.started_at),
            "heartbeat_at": iso(self.heartbeat_at),
            "lease_seconds": self.lease_seconds,
            "has_expired": self.has_expired,
            "about": mask_secrets(self.about),
        }


def pieces_of(about_json: str | None) -> dict[str, msgspec.Raw]:
    """Return what a runner tells of itself, each value as it is written; nothing where that is no JSON object."""
    try:
        return msgspec.json.decode(about_json or "{}", type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return {}


_Plain = bool | int | float | str | None
_TOO_DEEP: Final = object()


def _flat(raw: msgspec.Raw) -> object:
    try:
        return msgspec.json.decode(raw, type=_Plain | list[_Plain] | dict[str, _Plain])
    except msgspec.DecodeError:
        return _TOO_DEEP


class StoredTask(msgspec.Struct, frozen=True, kw_only=True):
    """All that a store keeps of one task: the way from one store into another."""

    info: TaskInfo
    log_lines: tuple[LogLine, ...] = ()
    notes: tuple[Note, ...] = ()


class ClaimRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a runner would take now.

    Attributes:
        names: the task names that it can run; others are left alone. Without names and families, nothing is claimed.
        families: how names may begin that it can run, too; each ends in a colon, as "reports:" for "reports:monthly".
        queues: the queues that it serves, or None for all; of no queues, nothing is claimed.
        limit: how many tasks at most; 0 asks only for cancel requests.
    """

    runner_id: str
    names: tuple[str, ...]
    queues: tuple[str, ...] | None = None
    limit: int = 1
    families: tuple[str, ...] = ()

    def name_filter(self) -> Callable[[str], bool]:
        """Return what tells whether the runner can run tasks of a name; for many names, it is made once."""
        names, families = frozenset(self.names), self.families
        return lambda name: name in names or name.startswith(families)


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """What a runner got.

    Attributes:
        claims: the new claims, in the order in which they should start.
        cancel_requested: the running attempts of this runner that somebody cancelled.
    """

    claims: tuple[Claim, ...] = ()
    cancel_requested: tuple[Fence, ...] = ()


class Committed(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a batch of updates.

    Attributes:
        refused: the attempts whose updates were not written, because their token is no longer current.
        claimed: the answer to the claim request that came with the batch, or None without one.
    """

    refused: tuple[Fence, ...] = ()
    claimed: Claimed | None = None


class TaskQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which tasks to find; every condition that is given must hold.

    Attributes:
        ids, states, names, queues: any of these, or None for all; an empty tuple matches nothing.
        after_id: start behind this id, in the direction of travel; the way to the next page.
        limit: the length of a page, at least 1.
        newest_first: by falling id; otherwise by rising id.
        owner: only tasks of this owner, or None for all.
        brief: input, output and checkpoint may be left out of the answer, each as if there were none: for who lists or
            watches tasks. A store that reads them anyway may give them.
    """

    ids: tuple[int, ...] | None = None
    states: tuple[TaskState, ...] | None = None
    names: tuple[str, ...] | None = None
    queues: tuple[str, ...] | None = None
    after_id: int | None = None
    limit: int = 100
    newest_first: bool = True
    owner: str | None = None
    brief: bool = False

    def __post_init__(self) -> None:
        """Refuse ids that are no whole numbers, with TaskNotFoundError."""
        check_whole(self.ids or ())
        if self.after_id is not None:
            check_whole((self.after_id,))


class TaskCount(Record, frozen=True, kw_only=True):
    """How many tasks of one name in one queue are in one state; never 0."""

    queue: str
    name: str
    state: TaskState
    count: int


class DueTask(Record, frozen=True, kw_only=True):
    """A task that waits for nothing but its turn."""

    id: int
    queue: str
    name: str


class DueSince(DueTask, frozen=True, kw_only=True):
    """A task that waits for nothing but its turn, and since when: its time has come, and it had been added by then."""

    due_at: datetime


class OldestDue(Record, frozen=True, kw_only=True):
    """What has been due for the longest time.

    Attributes:
        tasks: of each name in each queue the task that has been due for the longest time, in any order.
        is_cut: there may be some that have been due for longer: not everything was looked at.
    """

    tasks: tuple[DueSince, ...] = ()
    is_cut: bool = False
