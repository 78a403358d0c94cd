"""An executor without processes, in which some tasks forge what their worker tells: frame by frame, from chance.

Everything from the frame on is real: reader, decoder, engine, driver, store.
"""

from __future__ import annotations

import signal
import threading
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lilota.contract import Fence
from lilota.engine.events import Died, Event, Received
from lilota.engine.executor import ExecutorCapabilities, ExecutorOptions
from lilota.engine.messages import (
    Finish,
    FromWorker,
    Interrupt,
    Loaded,
    Ready,
    Recall,
    Report,
    RunClaims,
    Stored,
    ToWorker,
)
from lilota.models import AttemptUpdate, Claim, Outcome, TaskState
from lilota.tasks.options import TaskOptions
from lilota.workers.frames import FrameError, FrameReader, decode_for_runner, encode

if TYPE_CHECKING:
    from forged_frames import Forged

#: The name of the tasks that forge; the others are honest.
ROGUE = "rogue"
NAMES = ["good", "other", ROGUE]
#: How many frames an attempt forges, if its worker lives so long.
_FRAMES = 6


class Forgers:
    """An executor; see `Executor`.

    Attributes:
        forged: what is to be forged next, while there is something.
    """

    def __init__(self, options: ExecutorOptions) -> None:
        self.forged: deque[Forged] = deque()
        #: How many frames the runner was given.
        self.frames = 0
        self.seen: deque[Fence] = deque(maxlen=7)
        #: The ids of tasks that were in a worker together with one that forges: they may have been forged for.
        self.exposed: set[int] = set()
        self._places = options.number_of_processes
        self._workers: dict[int, Forger] = {}
        self._events: deque[Event] = deque()
        self._news = threading.Condition(threading.RLock())

    def capabilities(self) -> ExecutorCapabilities:
        return ExecutorCapabilities(description="forgers", captured_output=False)

    def places(self) -> int:
        return self._places

    def start(self, number: int) -> None:
        self._workers[number] = Forger(self, number)

    def send(self, number: int, message: ToWorker) -> None:
        if number in self._workers:
            self._workers[number].obey(message)

    def kill(self, number: int, signal_number: signal.Signals) -> None:
        self._bury(number, f"was killed by signal {signal_number}")

    def kill_all(self) -> None:
        for number in tuple(self._workers):
            self.kill(number, signal.SIGKILL)

    def wait(self, timeout_seconds: float | None) -> list[Event]:
        """Return what happened, and from each worker the events of its next frame."""
        with self._news:
            events = self._take()
            if not events:
                self._news.wait(0.001 if self._busy() else timeout_seconds)
                events = self._take()
            return events

    def wake(self) -> None:
        with self._news:
            self._news.notify()

    def close(self) -> None:
        self._workers.clear()

    def _busy(self) -> bool:
        return any(worker.has_more() for worker in self._workers.values())

    def _take(self) -> list[Event]:
        for number, worker in tuple(self._workers.items()):
            try:
                self._events.extend(Received(number, message) for message in worker.next_messages())
            except FrameError as error:
                self._bury(number, f"was stopped: {error}")
            else:
                if worker.has_left:
                    self._bury(number, "exited with code 0")
        events, self._events = list(self._events), deque()
        return events

    def _bury(self, number: int, cause: str) -> None:
        with self._news:
            if self._workers.pop(number, None) is not None:
                self._events.append(Died(number, cause, ""))
                self._news.notify()


class Forger:
    """A worker that runs each attempt as far as one frame after another is asked for."""

    def __init__(self, forgers: Forgers, number: int) -> None:
        self.has_left = False
        self._forgers = forgers
        self._reader = FrameReader()
        self._queue: deque[Claim] = deque()
        self._loaded: set[str] = set()
        self._frames: Iterator[bytes] = iter((encode(Ready(number)),))
        self._is_idle = False
        self._finishing = False
        self._sent: deque[bytes] = deque()

    def obey(self, message: ToWorker) -> None:
        match message:
            case RunClaims(claims):
                self._queue.extend(claims)
                self._forgers.seen.extend(claim.fence for claim in claims)
            case Recall():
                self._tell(Report(returned=tuple(claim.fence for claim in self._queue)))
                self._queue.clear()
            case Finish():
                self._finishing = True
            case Interrupt() | Stored():
                pass  # what runs here is short, and asks nothing

    def has_more(self) -> bool:
        return bool(self._sent or self._queue or self._finishing or not self._is_idle)

    def next_messages(self) -> Iterator[FromWorker]:
        """Send the next frame, and yield what the runner reads in it."""
        frame = self._sent.popleft() if self._sent else next(self._frames, None)
        if frame is None:
            self._is_idle = not self._queue
            if self._queue:
                self._frames = self._attempt(self._queue.popleft())
            elif self._finishing:
                self.has_left = True
            return
        self._forgers.frames += 1
        for body in self._reader.feed(frame):
            yield decode_for_runner(body)

    def _attempt(self, claim: Claim) -> Iterator[bytes]:
        """Yield the frames of an attempt, forged ones in the middle, if it is one that forges."""
        if claim.name not in self._loaded:
            self._loaded.add(claim.name)
            yield encode(Loaded(claim.name, TaskOptions(max_lost_attempts=3, max_attempts=2)))
        yield encode(Report(updates=(AttemptUpdate(id=claim.id, token=claim.token, pid=7, started_at=1.7e9),)))
        for _ in range(_FRAMES if claim.name == ROGUE else 0):
            if self._forgers.forged:
                yield self._forgers.forged.popleft().bound(claim, self._forgers.seen)
            self._forgers.exposed.update(waiting.id for waiting in self._queue)
        end = AttemptUpdate(
            id=claim.id,
            token=claim.token,
            output_json=f'{{"id":{claim.id}}}',
            outcome=Outcome(state=TaskState.SUCCEEDED),
        )
        yield encode(Report(updates=(end,), durations={claim.name: (1, 0.001)}))

    def _tell(self, message: FromWorker) -> None:
        self._sent.append(encode(message))
