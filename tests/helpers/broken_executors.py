"""Executors with one planted fault each: the proof that the suite would notice.

Each is made of the processes of this machine, which keep the contract.
"""

from __future__ import annotations

import signal
import threading
import time

import msgspec
from changing_places import PlacesOnNodes

from lilota.engine.events import Died, Event, Received
from lilota.engine.executor import ExecutorOptions, StackWay
from lilota.engine.messages import Report, ToWorker
from lilota.workers.families import Family
from lilota.workers.process_table import Process
from lilota.workers.processes import WorkerProcesses


class LosesMessages(WorkerProcesses):
    """Drops every seventh."""

    sent = 0

    def send(self, number: int, message: ToWorker) -> None:
        self.sent += 1
        if self.sent % 7:
            super().send(number, message)


class SendsTwice(WorkerProcesses):
    """Sends again, to be sure."""

    def send(self, number: int, message: ToWorker) -> None:
        super().send(number, message)
        super().send(number, message)


class Telling(WorkerProcesses):
    """Tells of events what a subclass makes of them."""

    def wait(self, timeout_seconds: float | None) -> list[Event]:
        return self.told(super().wait(timeout_seconds))

    def told(self, events: list[Event]) -> list[Event]:
        """Return what `wait` says of what has happened."""
        raise NotImplementedError


class SendIsSlow(Telling):
    """Waits until the worker has answered."""

    is_closed = False
    answers = 0

    def send(self, number: int, message: ToWorker) -> None:
        answers = self.answers
        super().send(number, message)
        while self.answers == answers and not self.is_closed:
            time.sleep(0.01)

    def told(self, events: list[Event]) -> list[Event]:
        self.answers += sum(isinstance(e, Received) and isinstance(e.message, Report) for e in events)
        return events

    def close(self) -> None:
        self.is_closed = True
        super().close()


class DeathsAreNotTold(Telling):
    """Forgets a worker without a word."""

    def told(self, events: list[Event]) -> list[Event]:
        return [event for event in events if isinstance(event, Received)]


class DeathsAreToldTwice(Telling):
    """Notices the end of the connection, and then that of the process."""

    def told(self, events: list[Event]) -> list[Event]:
        return [*events, *(event for event in events if isinstance(event, Died))]


class DeathsAreToldFirst(Telling):
    """Hands messages on a moment later than deaths."""

    def __init__(self, options: ExecutorOptions) -> None:
        super().__init__(options)
        self.late: list[Event] = []

    def told(self, events: list[Event]) -> list[Event]:
        late, self.late = self.late, [event for event in events if isinstance(event, Received)]
        return [*(event for event in events if isinstance(event, Died)), *late]


class DeathsHaveNoCause(Telling):
    """Knows only that a worker is gone."""

    def told(self, events: list[Event]) -> list[Event]:
        return [msgspec.structs.replace(e, cause="died") if isinstance(e, Died) else e for e in events]


class OutputIsLost(Telling):
    """Promises the output, and does not keep it."""

    def told(self, events: list[Event]) -> list[Event]:
        return [msgspec.structs.replace(e, last_lines="") if isinstance(e, Died) else e for e in events]


class DiesWithAWorker(Telling):
    """Falls as a whole when one worker does."""

    def told(self, events: list[Event]) -> list[Event]:
        if any(isinstance(event, Died) for event in events):
            self.kill_all()
        return events


class KillsLate(Telling):
    """Tells of a death when it is ordered, and has not got round to it yet."""

    def __init__(self, options: ExecutorOptions) -> None:
        super().__init__(options)
        self.ordered: list[Event] = []

    def kill(self, number: int, signal_number: signal.Signals) -> None:
        self.ordered.append(Died(number, f"was killed by signal {signal_number}", ""))
        self.wake()

    def told(self, events: list[Event]) -> list[Event]:
        ordered, self.ordered = self.ordered, []
        return [*events, *ordered]


class KillsByAsking(WorkerProcesses):
    """Never sends more than SIGTERM."""

    def kill(self, number: int, signal_number: signal.Signals) -> None:
        super().kill(number, signal.SIGTERM if signal_number is signal.SIGKILL else signal_number)


class KillsTheGroupAlone(WorkerProcesses):
    """Does not look for what has left the process group of a worker."""

    def __init__(self, options: ExecutorOptions) -> None:
        super().__init__(msgspec.structs.replace(options, start_method="spawn"))  # the fork server would look for it

    def start(self, number: int) -> None:
        super().start(number)
        worker = self._workers[number]
        worker.family = _Group(worker.process, "")


class _Group(Family):
    def send(self, number: int, _table: object) -> None:
        super().send(number, [])

    def end(self) -> list[Process]:
        return []


class KillsTheNeighbours(WorkerProcesses):
    """Has one signal for a worker and the next."""

    def kill(self, number: int, signal_number: signal.Signals) -> None:
        super().kill(number, signal_number)
        super().kill(number + 1, signal_number)


class KillAllForgetsOne(WorkerProcesses):
    """Counts from the wrong end."""

    def kill_all(self) -> None:
        self.kill(1, signal.SIGKILL)


class WakeIsNotHeard(WorkerProcesses):
    """Waits for workers alone."""

    def wake(self) -> None:
        pass


class TellsOfTheDead(WorkerProcesses):
    """Remembers each process that it has started."""

    def __init__(self, options: ExecutorOptions) -> None:
        super().__init__(options)
        self.started: list[int] = []

    def start(self, number: int) -> None:
        super().start(number)
        self.started = [*self.started, *set(super().pids()).difference(self.started)]

    def pids(self) -> list[int]:
        return self.started


class NodesDoNotAddUp(PlacesOnNodes):
    """Counts the places of a node that has left, too."""

    def nodes(self) -> dict[str, int]:
        return {**super().nodes(), "tcp://gone:1": 1}


class WorkersAreOnOtherNodes(PlacesOnNodes):
    """Has one name for a node where it counts places, and another one for workers."""

    def node(self, number: int) -> str:
        return super().node(number).partition(" ")[0]


class TakesQuietForDead(WorkerProcesses):
    """Ends what runs when the runner has not called for two thirds of its lease, instead of when it is gone."""

    def __init__(self, options: ExecutorOptions) -> None:
        super().__init__(options)
        self.patience = threading.Timer(options.lease_seconds * 2 / 3, self.kill_all)

    def start(self, number: int) -> None:
        super().start(number)
        self.patience.start()

    def close(self) -> None:
        self.patience.cancel()
        super().close()


class CloseLeavesWorkers(WorkerProcesses):
    """Forgets its workers, and lets them run."""

    def close(self) -> None:
        pass


class StacksAreNotAskedFor(WorkerProcesses):
    """Shows what was written before, which is nothing."""

    def ask_for_stack(self, number: int, way: StackWay) -> None:
        pass
