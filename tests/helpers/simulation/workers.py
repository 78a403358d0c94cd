"""Worker processes without processes: they get messages, follow the plans of tasks, answer, and die."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable

from history.events import BodyStarted, History, WorkerKilled

from lilota.contract import Fence
from lilota.engine.events import Died, Event, Received, Retiring
from lilota.engine.executor import ExecutorCapabilities
from lilota.engine.messages import (
    Finish,
    FromWorker,
    Interrupt,
    Leaving,
    Loaded,
    Ready,
    Recall,
    Report,
    RunClaims,
    StopReason,
    ToWorker,
    Unfit,
)
from lilota.models import AttemptUpdate, Claim, Outcome, TaskError, TaskState
from simulation.plans import OPTIONS, from_input, output_of
from simulation.world import World

_ERROR = TaskError(type="ValueError", message="simulated")
_COME_BACK = Outcome(state=TaskState.PENDING, delay_seconds=0.3, spends_attempt=False)


class SimulatedProcesses:
    """An executor in virtual time; see `Executor`.

    Args:
        on_event: called when there is something to be fetched with `wait`.
    """

    def __init__(
        self, world: World, history: History, on_event: Callable[[], None], places: int = 1, places_per_worker: int = 1
    ) -> None:
        self.world = world
        self.history = history
        self.workers: dict[int, SimulatedWorker] = {}
        self.start_failures = 0.0
        self.unfit_because = ""
        self.retiring: set[int] = set()
        self.number_of_places = places
        self.places_per_worker = places_per_worker
        self._on_event = on_event
        self._events: list[Event] = []

    def capabilities(self) -> ExecutorCapabilities:
        return ExecutorCapabilities(description="simulated processes", captured_output=False)

    def places(self) -> int:
        return self.number_of_places

    def start(self, number: int) -> None:
        self.workers[number] = SimulatedWorker(self, number)

    def send(self, number: int, message: ToWorker) -> None:
        if number in self.workers:
            self.workers[number].post(message)

    def kill(self, number: int, signal_number: signal.Signals) -> None:
        if number in self.workers:
            self.workers[number].signalled(signal_number)

    def kill_all(self) -> None:
        for number in tuple(self.workers):
            self.kill(number, signal.SIGKILL)

    def wait(self, timeout_seconds: float | None) -> list[Event]:
        """Return what has happened; time passes elsewhere."""
        events, self._events = self._events, []
        return events

    def wake(self) -> None:
        self._on_event()

    def close(self) -> None:
        for worker in self.workers.values():
            worker.alive = False
        self.workers.clear()

    def retire(self, number: int, grace_seconds: float, seconds: float) -> None:
        """Announce that the place of a worker is taken away, and take it away after some seconds, for good."""
        self.number_of_places -= 1
        self.retiring.add(number)
        self.deliver(Retiring(number, grace_seconds))
        self.world.after(seconds, lambda: self._lose_place(number))

    def add_place(self) -> None:
        """Have one place more from now on."""
        self.number_of_places += 1
        self._on_event()

    def _lose_place(self, number: int) -> None:
        if number in self.workers:
            self.workers[number].die("was lost: its place is gone")

    def deliver(self, event: Event) -> None:
        """Put an event where `wait` finds it."""
        if isinstance(event, Died):
            self.workers.pop(event.worker, None)
        self._events.append(event)
        self._on_event()


class _Running:
    """An attempt that runs in a simulated worker."""

    def __init__(self, claim: Claim, began: float) -> None:
        self.claim = claim
        self.began = began
        self.started_told = False


class SimulatedWorker:
    """One worker process. What it sends arrives in order, what it is sent too; its death comes last."""

    def __init__(self, processes: SimulatedProcesses, number: int) -> None:
        self.alive = True
        self.number = number
        self.pid = processes.world.next_pid()
        self._processes = processes
        self._world = processes.world
        self._rng = processes.world.rng
        self._queue: deque[Claim] = deque()
        self._running: dict[Fence, _Running] = {}
        self._is_shared = False
        self._is_stained = False
        self._is_up = False
        self._has_left = False
        self._updates: list[AttemptUpdate] = []
        self._durations: dict[str, tuple[int, float]] = {}
        self._loaded: set[str] = set()
        self._finishing = False
        self._flushed = 0.0
        self._out_at = 0.0
        self._in_at = 0.0
        self._after(self._rng.uniform(0.01, 0.2), self._come_up)

    # --- the runner's side

    def post(self, message: ToWorker) -> None:
        """A message on its way to the worker."""
        self._in_at = self._world.at(
            max(self._in_at, self._world.now + self._rng.uniform(1e-5, 5e-4)), lambda: self._obey(message)
        )

    def signalled(self, signal_number: signal.Signals) -> None:
        """A signal, which arrives at once."""
        if not self.alive:
            return
        is_ignored = signal_number is signal.SIGTERM and any(
            _ignores_sigterm(running.claim) for running in self._running.values()
        )
        if not is_ignored:
            self.die(f"was killed by signal {signal_number}")

    def die(self, cause: str) -> None:
        """End now; what was not sent is lost."""
        if self.alive:
            self.alive = False
            self._processes.history.note(WorkerKilled(self._world.now, self.pid))
            self._deliver(Died(self.number, cause, ""))

    # --- its own life

    def _come_up(self) -> None:
        if self._rng.random() < self._processes.start_failures:
            self.die("exited with code 1")
            return
        if self._processes.unfit_because:
            self._tell(Unfit(self.pid, self._processes.unfit_because))
            self.die("exited with code 78")
            return
        self._tell(Ready(self.pid))
        self._is_up = True
        self._go_on()

    def _obey(self, message: ToWorker) -> None:
        if not self.alive:
            return
        match message:
            case RunClaims(claims):
                self._queue.extend(claims)
                self._go_on()
            case Interrupt(fence, reason):
                self._interrupt(fence, reason)
            case Recall():
                self._return_queued()
            case Finish():
                self._finishing = True
                self._go_on()

    def _go_on(self) -> None:
        if self._has_left or not self._is_up:
            return
        while self._queue and (not self._running or self._is_shared):
            claim = self._queue.popleft()
            if self._running and not OPTIONS[claim.name].concurrent:
                self._load(claim.name)  # it has to be tried
                self._tell(Report(returned=(claim.fence,)))
            else:
                self._begin(claim)
        if not self._running and self._is_stained:
            self._return_queued()
            self._leave()
        elif not self._running and self._finishing:
            self._leave()

    def _load(self, name: str) -> None:
        if name not in self._loaded:
            self._loaded.add(name)
            self._tell(Loaded(name, OPTIONS[name]))

    def _begin(self, claim: Claim) -> None:
        running = self._running[claim.fence] = _Running(claim, self._world.now)
        plan = from_input(claim.input_json)
        # The courier tells of a start even while the class is still being imported.
        self._while_runs(running, self._rng.uniform(0.01, 0.05), lambda: self._tell_start(running))
        loading = 0.0 if claim.name in self._loaded else self._rng.choice((0.001, 0.3))
        self._while_runs(running, loading, lambda: self._run_body(running, plan.seconds))

    def _run_body(self, running: _Running, seconds: float) -> None:
        claim = running.claim
        self._load(claim.name)
        if OPTIONS[claim.name].concurrent and self._processes.places_per_worker > 1:
            self._is_shared = True
            self._go_on()
        self._processes.history.note(BodyStarted(self._world.now, claim.id, claim.token, self.pid))
        plan = from_input(claim.input_json)
        match plan.kind:
            case "stuck":
                return
            case "poison":
                self._while_runs(running, seconds, lambda: self.die("was killed by signal 11"))
            case "clumsy" if claim.lost_attempts < plan.times:
                self._while_runs(running, seconds, lambda: self.die("exited with code 3"))
            case "failing":
                self._while_runs(running, seconds, lambda: self._finish(running, self._after_error(claim)))
            case "returning" if claim.output_json is None:
                self._while_runs(running, seconds, lambda: self._finish(running, _COME_BACK))
            case _:
                succeeded = Outcome(state=TaskState.SUCCEEDED)
                self._while_runs(running, seconds, lambda: self._finish(running, succeeded))

    def _finish(self, running: _Running, outcome: Outcome) -> None:
        claim = running.claim
        # A task that comes back leaves a mark in its output, by which it knows that it was there before.
        has_output = outcome.state is TaskState.SUCCEEDED or outcome is _COME_BACK
        output_json = output_of(claim.id, claim.input_json) if has_output else None
        self._updates.append(self._update(running, output_json=output_json, outcome=outcome))
        if not self._is_shared:
            count, seconds = self._durations.get(claim.name, (0, 0.0))
            self._durations[claim.name] = count + 1, seconds + self._world.now - running.began
        del self._running[claim.fence]
        self._is_shared = self._is_shared and bool(self._running)
        self._is_stained = self._is_stained or from_input(claim.input_json).kind == "staining"
        if self._is_stained or not self._queue or self._world.now - self._flushed > 0.005:
            self._flush()
        if self._is_stained and not self._running:
            self._return_queued()
            self._leave()
        else:
            self._go_on()

    @staticmethod
    def _after_error(claim: Claim) -> Outcome:
        options = OPTIONS[claim.name]
        if claim.attempt >= options.max_attempts:
            return Outcome(state=TaskState.FAILED, error=_ERROR)
        delay_seconds = options.backoff.delay_seconds(claim.attempt)
        return Outcome(state=TaskState.PENDING, error=_ERROR, delay_seconds=delay_seconds)

    def _interrupt(self, fence: Fence, reason: StopReason) -> None:
        running = self._running.get(fence)
        if running is not None:
            if from_input(running.claim.input_json).ignores == "nothing":
                outcome = self._ended_by(running.claim, reason)
                self._while_runs(running, self._rng.uniform(1e-4, 0.05), lambda: self._finish(running, outcome))
            return
        for claim in self._queue:
            if claim.fence == fence:
                self._queue.remove(claim)
                self._updates.append(AttemptUpdate(id=claim.id, token=claim.token, outcome=_unrun(reason)))
                self._flush()
                return

    def _ended_by(self, claim: Claim, reason: StopReason) -> Outcome:
        return self._after_error(claim) if reason == "timeout" else _unrun(reason)

    def _return_queued(self) -> None:
        returned = tuple(claim.fence for claim in self._queue)
        self._queue.clear()
        self._tell(Report(returned=returned))

    def _leave(self) -> None:
        self._tell(Leaving())
        self._after(self._rng.uniform(1e-4, 0.01), lambda: self.die("exited with code 0"))
        self._has_left = True  # it takes up nothing more

    # --- sending

    def _tell_start(self, running: _Running) -> None:
        if not running.started_told:
            self._updates.append(self._update(running, progress=1.0))
            self._flush()

    def _update(
        self,
        running: _Running,
        progress: float | None = None,
        output_json: str | None = None,
        outcome: Outcome | None = None,
    ) -> AttemptUpdate:
        told, running.started_told = running.started_told, True
        return AttemptUpdate(
            id=running.claim.id,
            token=running.claim.token,
            pid=None if told else self.pid,
            started_at=None if told else self._world.time() - (self._world.now - running.began),
            progress=progress,
            output_json=output_json,
            outcome=outcome,
        )

    def _flush(self) -> None:
        if self._updates:
            report = Report(updates=tuple(self._updates), durations=self._durations)
            self._updates, self._durations = [], {}
            self._deliver(Received(self.number, report))
        self._flushed = self._world.now

    def _tell(self, message: FromWorker) -> None:
        self._flush()
        self._deliver(Received(self.number, message))

    def _deliver(self, event: Event) -> None:
        self._out_at = self._world.at(
            max(self._out_at, self._world.now + self._rng.uniform(1e-5, 5e-4)), lambda: self._arrive(event)
        )

    def _arrive(self, event: Event) -> None:
        if self.number in self._processes.workers:
            self._processes.deliver(event)

    def _after(self, seconds: float, action: Callable[[], None]) -> None:
        self._world.after(seconds, lambda: action() if self.alive else None)

    def _while_runs(self, running: _Running, seconds: float, action: Callable[[], None]) -> None:
        """Do something later, if an attempt that runs now still runs then."""
        self._after(seconds, lambda: action() if self._running.get(running.claim.fence) is running else None)


def _ignores_sigterm(claim: Claim) -> bool:
    return from_input(claim.input_json).ignores == "sigterm"


def _unrun(reason: StopReason) -> Outcome:
    if reason == "shutdown":
        return Outcome(state=TaskState.PENDING, spends_attempt=False)
    return Outcome(state=TaskState.CANCELLED)
