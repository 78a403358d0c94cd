"""What a runner and a worker say to each other, wherever the worker is.

runner ── RunClaims, Interrupt, Recall, Stored, ShowStack, Finish ──► worker
runner ◄── Ready or Unfit, Loaded or Lacking, Report, Remarks, Leaving ── worker
"""

from __future__ import annotations

from typing import Literal

import msgspec

from lilota.contract import Fence
from lilota.models import AttemptUpdate, Claim, Count, Delay, LogLine
from lilota.tasks.options import TaskOptions

StopReason = Literal["cancel", "timeout", "deadline", "memory", "cpu", "shutdown"]


class RunClaims(msgspec.Struct, frozen=True, tag=True):
    """Run these attempts one after the other, behind what is queued already."""

    claims: tuple[Claim, ...]


class Interrupt(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """End this attempt: by an exception if it runs, without a run if it is still queued.

    Attributes:
        words: the reason with numbers, as the text of the exception; "" where the reason alone says it.
    """

    fence: Fence
    reason: StopReason
    words: str = ""


class Recall(msgspec.Struct, frozen=True, tag=True):
    """Return the attempts that wait for another one to end; they may run elsewhere sooner."""


class Stored(msgspec.Struct, frozen=True, tag=True):
    """The store has what this attempt had told up to its question of this number; see `Report.question`."""

    fence: Fence
    number: Count


class ShowStack(msgspec.Struct, frozen=True, tag=True):
    """Write the stacks of all threads into the file that is there for it; see `lilota.workers.stacks`."""


class Finish(msgspec.Struct, frozen=True, tag=True):
    """Exit when the queue is empty."""


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The worker process is up; its process group has the same number."""

    pid: Count


class Unfit(msgspec.Struct, frozen=True, tag=True):
    """The worker process is up, has not what its runner has, and ends; comes in the place of `Ready`.

    Attributes:
        reason: what it lacks, why, and what to do about it, as sentences.
    """

    pid: Count
    reason: str


class Loaded(msgspec.Struct, frozen=True, tag=True):
    """The worker has imported a task class; comes before the first report on it."""

    name: str
    options: TaskOptions


class Lacking(msgspec.Struct, frozen=True, tag=True):
    """The worker has not what its runner found under a task name; comes before the attempt is given back for that.

    Attributes:
        reason: what it has instead, and what to do about it, as sentences.
    """

    name: str
    reason: str


class Report(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """What happened since the last report.

    Attributes:
        updates: in the order of events; one with `started_at` and without an outcome says what runs now.
        returned: attempts that did not start, the answer to `Recall`.
        durations: task name -> (how many attempts ended, how many seconds they took together).
        question: (id, token, number) of an attempt that waits until the store has all that was told of it so far; the
            answer is `Stored`, which answers its questions of lower numbers too.
    """

    updates: tuple[AttemptUpdate, ...] = ()
    returned: tuple[Fence, ...] = ()
    durations: dict[str, tuple[Count, Delay]] = {}
    question: tuple[int, int, Count] | None = None


class Remarks(msgspec.Struct, frozen=True, tag=True):
    """What was logged in the worker while no attempt ran in it: at its start, between two attempts, at its end."""

    pid: Count
    lines: tuple[LogLine, ...]


class Leaving(msgspec.Struct, frozen=True, tag=True):
    """The worker ends in good order; what is still on the way to it will not start."""


ToWorker = RunClaims | Interrupt | Recall | Stored | ShowStack | Finish
FromWorker = Ready | Unfit | Loaded | Lacking | Report | Remarks | Leaving
