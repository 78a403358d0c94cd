"""An executor without processes: what a runner sends runs in the process of the test, and waiting takes no time."""

from __future__ import annotations

import os
import platform
import signal
from collections import deque
from collections.abc import Callable
from functools import cached_property
from math import inf
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from lilota.contract import Fence, TaskStore
from lilota.engine.events import Died, Event, Received
from lilota.engine.executor import ExecutorCapabilities
from lilota.engine.messages import FromWorker, Loaded, Ready, Report, RunClaims, ToWorker
from lilota.errors import CancelRequested, LilotaError
from lilota.models import AttachedFile, AttemptUpdate, Claim, Note, Outcome, TaskBase, TaskState
from lilota.registry import Registry
from lilota.tasks.options import TaskOptions
from lilota.tasks.terms import expired
from lilota.testing.clock import FakeClock
from lilota.testing.inline import Recorder, run_inline
from lilota.workers.attempts import no_class, not_begun, outcome_of
from lilota.workers.logs import notice

if TYPE_CHECKING:
    from lilota.files.attaching import FileKeeper

_ORDERED_DEATH: Final = "died, as the test had ordered"


class WorkerDiesError(BaseException):
    """Leads out of a task whose worker dies meanwhile; no task takes it for an error of its own."""


class InlineAttempt(Recorder):
    """An attempt of a task that is in a store.

    Attributes:
        ended: how it ended, as the runner told the store; None until then.
    """

    def __init__(self, claim: Claim, store: TaskStore, registry: Registry, dies_after_outputs: float | None) -> None:
        super().__init__(claim, self._look)
        self.ended: Outcome | None = None
        self.saw_stop: bool = False
        self._store = store
        self._registry = registry
        self._outputs_left = inf if dies_after_outputs is None else dies_after_outputs

    @cached_property
    def file_keeper(self) -> FileKeeper:
        """Where files of the store are kept, so that handles find them."""
        from lilota.files.attaching import file_keeper

        plugins = self._registry.plugins
        return file_keeper(plugins, plugins.settings, self._store.capabilities(), platform.node())

    def output(self, output_json: str) -> None:
        super().output(output_json)
        self._outputs_left -= 1
        if self._outputs_left <= 0:
            raise WorkerDiesError(_ORDERED_DEATH)

    def note(self, text: str) -> None:
        """Keep what lilota itself says, as a worker does: a later attempt may depend on it."""
        self.line(notice(text))

    def wait_until_stored(self) -> None:
        """Write what is there to be seen; the lines follow with the end, since the runner counts them."""
        self._store.commit([self._update()])

    def update(self, started_at: float, outcome: Outcome | None) -> AttemptUpdate:
        """Return what the runner hears of it: of an attempt without an outcome, what it told before its worker died."""
        returned = None if outcome is None else self.returned_json
        return replace(
            self._update(),
            pid=os.getpid(),
            started_at=started_at,
            output_json=self.output_json if returned is None else returned,
            log_lines=tuple(self.log_lines),
            outcome=outcome,
        )

    def _update(self) -> AttemptUpdate:
        task_id, token = self.claim.fence
        told = self.percentages[-1] if self.percentages else None
        tracked = self.tracks.news()
        return AttemptUpdate(
            id=task_id,
            token=token,
            progress=told if tracked.percentage is None else tracked.percentage,
            progress_note_json=tracked.note_json,
            output_json=self.output_json,
            checkpoint_json=self.checkpoint_json,
            notes=tuple(map(_note_of, self.attached.values())),
        )

    def _look(self) -> bool:
        self.saw_stop = self._store.get(self.claim.id).cancel_requested
        return self.saw_stop


def _note_of(file: AttachedFile) -> Note:
    from lilota.files.reading import note_of

    return note_of(file)


class InlineExecutor:
    """One place for one worker, which runs an attempt in each `wait` that finds one; see `Executor`.

    Nothing runs beside an attempt: none can be stopped from outside, and no message that would do so is heeded.

    Args:
        store: where attempts look whether they are cancelled.
        pauses: the clock of the runner's pauses; whoever waits for nothing moves it on.
        now: returns the time of the store, in seconds since the epoch.
        crash_of: returns after how many outputs of an attempt the worker dies, infinity for its end; None if it lives.
        at_most: how many attempts may run.

    Attributes:
        attempts: those that have run, in this order.
    """

    def __init__(
        self,
        registry: Registry,
        store: TaskStore,
        pauses: FakeClock,
        now: Callable[[], float],
        *,
        crash_of: Callable[[Claim], float | None],
        at_most: int,
    ) -> None:
        self.attempts: dict[Fence, InlineAttempt] = {}
        self._registry = registry
        self._store = store
        self._pauses = pauses
        self._now = now
        self._crash_of = crash_of
        self._at_most = at_most
        self._worker = 0
        self._loaded: dict[str, type[TaskBase]] = {}
        self._waiting: deque[Claim] = deque()
        self._events: list[Event] = []

    def capabilities(self) -> ExecutorCapabilities:
        return ExecutorCapabilities(
            description="the process of the test itself", forced_kill=False, captured_output=False
        )

    def places(self) -> int:
        return 1

    def start(self, number: int) -> None:
        self._worker = number
        self._loaded.clear()
        self._tell(Ready(os.getpid()))

    def send(self, number: int, message: ToWorker) -> None:
        if number == self._worker and isinstance(message, RunClaims):
            self._waiting.extend(message.claims)

    def kill(self, number: int, signal_number: signal.Signals) -> None:
        if number == self._worker:
            self._die(f"was killed by signal {signal_number}")

    def kill_all(self) -> None:
        self.kill(self._worker, signal.SIGKILL)

    def wait(self, timeout_seconds: float | None) -> list[Event]:
        if self._waiting and not self._events:
            self._refuse_too_many()
            self._run(self._waiting.popleft())
        elif not self._events and timeout_seconds is not None:
            self._pauses.advance(timeout_seconds)
        events, self._events = self._events, []
        return events

    def wake(self) -> None:
        """Nobody sleeps here."""

    def close(self) -> None:
        self._worker = 0
        self._waiting.clear()
        self._events.clear()

    def _run(self, claim: Claim) -> None:
        started_at = self._now()
        too_late = expired(claim, started_at)
        if too_late is not None:
            self._tell(Report(updates=(not_begun(claim, too_late),)))
            return
        dies_after_outputs = self._crash_of(claim)
        attempt = self.attempts[claim.fence] = InlineAttempt(claim, self._store, self._registry, dies_after_outputs)
        outcome = run_inline(self._load, attempt)
        if attempt.saw_stop and outcome.state is TaskState.SUCCEEDED:  # as in a worker: its work may not be complete
            outcome = outcome_of(CancelRequested(), claim, self._loaded.get(claim.name, no_class()))
        if dies_after_outputs is not None:
            self._tell(Report(updates=(attempt.update(started_at, None),)))
            self._die(_ORDERED_DEATH)
        else:
            self._tell(Report(updates=(attempt.update(started_at, outcome),)))

    def _refuse_too_many(self) -> None:
        if len(self.attempts) >= self._at_most:
            last = next(reversed(self.attempts.values())).claim if self.attempts else self._waiting[0]
            raise LilotaError(
                f"The drain has run {self._at_most} attempts, the last of the task {last.id} ({last.name!r}), and more "
                "are due. Does a task add itself again and again? If not, allow more: drain(at_most=...)."
            )

    def _load(self, name: str) -> type[TaskBase]:
        if name not in self._loaded:
            self._loaded[name] = self._registry.resolve(name)
            self._tell(Loaded(name, TaskOptions.of(self._loaded[name])))
        return self._loaded[name]

    def _tell(self, message: FromWorker) -> None:
        self._events.append(Received(self._worker, message))

    def _die(self, cause: str) -> None:
        self._events.append(Died(self._worker, cause, ""))
        self._worker = 0
        self._waiting.clear()
