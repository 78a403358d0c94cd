"""What a store may be able to do besides the contract: who wants it asks with `isinstance`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

from lilota.contract.records import ClaimRequest, DueTask, OldestDue
from lilota.models import LogLine, Note, TaskState


@runtime_checkable
class CanTellExistence(Protocol):
    """A store that opening would make, such as a file, and that can tell whether it is there already."""

    def exists(self) -> bool:
        """Tell whether the store is there, without making it. The command line asks before it only looks.

        Raises:
            StoreUnavailableError: it is not there, and could not be made.
        """


@runtime_checkable
class CanBeRepaired(Protocol):
    """A store that keeps what follows from other data, such as counters, and can make it anew."""

    def damage(self) -> Sequence[str]:
        """Say in a few words each what does not fit; nothing where all is well. It may read everything."""

    def repair(self) -> None:
        """Make it fit. No task is lost or changed by that."""


@runtime_checkable
class CanFindEnded(Protocol):
    """A store with an index of the ends of tasks, as `prune` needs one: what ended lately is found among millions."""

    def ended_since(self, since: datetime, states: Sequence[TaskState] | None = None, limit: int = 1000) -> list[int]:
        """Return the ids of tasks that ended at that instant or later, each once, in any order.

        Args:
            states: only those that ended like this; None means all.
            limit: how many at most, whichever they are. Fewer are all that there are. The cost grows with it, and not
                with what is stored.
        """


@runtime_checkable
class CanCountEnded(Protocol):
    """A store that counts by its index of ends, for charts: how many ended in each minute of an hour."""

    def count_ended(self, edges: Sequence[datetime], limit: int = 1000) -> list[dict[TaskState, int]]:
        """Return for each two edges that follow each other how many tasks ended between them, by state, without 0s.

        Args:
            edges: rising instants, none or at least two. What ended at one belongs to what begins there.
            limit: how far is counted, between two edges and for one state: where more ended, it is the answer. The cost
                grows with it and with the number of edges, and not with what is stored.
        """


@runtime_checkable
class CanReadManyLogs(Protocol):
    """A store that reads the logs of many tasks at once: who follows hundreds of them has one question for all."""

    def logs_of_many(self, after: Mapping[int, int], limit: int = 1000) -> dict[int, list[LogLine]]:
        """Return up to `limit` log lines of each of several tasks, oldest first, without the oldest ones of each.

        Tasks that the store does not have are left out, and so may be those that have no further lines.

        Args:
            after: id -> how many of its oldest lines to leave out. There may be thousands of them.
        """


@runtime_checkable
class CanReadNotes(Protocol):
    """A store that keeps the notes of attempts, and says so: `StoreCapabilities.supports` has "notes"."""

    def notes(
        self, task_id: int, kind: str | None = None, after: tuple[str, str] = ("", ""), limit: int = 1000
    ) -> list[Note]:
        """Return up to `limit` notes about a task, by rising kind and name, compared character by character.

        Args:
            kind: only those of this kind; None means all.
            after: only those behind this kind and name; the way to the next page.

        Raises:
            TaskNotFoundError: there is no task with that id.
        """


@runtime_checkable
class CanForesee(Protocol):
    """A store that tells what comes next, and how long it took so far: `StoreCapabilities.supports` has "foresight"."""

    def look_ahead(self, request: ClaimRequest) -> list[DueTask]:
        """Return what `claim` would grant for such a request, in its order; nothing is changed.

        Anybody may ask: whose request it is, and whether there is a lease, does not matter. What has become due since
        the last claim may be missing. The cost is that of a claim without its writes, for up to a thousand tasks.
        """

    def durations(self, names: Sequence[str], limit: int = 20) -> dict[str, list[float]]:
        """Return by name how many seconds tasks took that succeeded: their last attempt, from its start to the end.

        Of each name, the `limit` tasks with the highest ids are looked at, the highest first. One of which the start is
        not known is left out, and so is a name without any. The cost does not grow with what is stored.
        """


@runtime_checkable
class CanTellOldestDue(Protocol):
    """A store that tells since when something waits, whatever waits besides: who asks each minute must not read it all.

    Of any store, `lilota.contract.oldest.oldest_due` tells it, as far as a few pages reach.
    """

    def oldest_due(self) -> OldestDue:
        """Return of each name in each queue the task that has been due for the longest time; nothing is changed.

        Also of what has become due since the last claim. A task has been due since its `run_at`, or since it was added
        if that was later. The cost grows with the number of names and queues, and not with what is stored, nor with
        what waits or is due later: `is_cut` says that it would have had to.
        """
