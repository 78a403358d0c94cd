"""Where faults take place: runners and programs that add, on one store, with a history that is checked at the end."""

from __future__ import annotations

import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from programs import Program, kill

from history.checker import violations
from history.events import BodyStarted, Event, Froze, History, LogRead, Read, WorkerKilled, WriteUnknown
from history.parties import READY, SOURCE, new_task
from history.reading import events_of, read_history
from history.recorded_tasks import expectation_of
from history.recorder import CallAnswered, CommitAnswered, CommitAsked, Line, Recorder, asked_marks, now, read_lines
from history.watching import WatchedStore
from lilota.errors import StoreUnavailableError
from lilota.models import NewTask, TaskInfo
from lilota.stores import open_store

#: How long is waited for what must happen, on a machine that may stand still in between.
_PATIENCE_SECONDS = 90
_LOOK_SECONDS = 0.02
_DUMP_SECONDS = 1
#: A call without an answer for so long waits for something.
_WAITS_SECONDS = 0.3


class Field:
    """One store, who uses it, and what they noted.

    Args:
        url: how the store is reached when nothing is planted in between.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self.url = url
        self.history_folder = folder / "history"
        self.history_folder.mkdir()
        self._folder = folder
        self._recorder = Recorder(self.history_folder, "test")
        self._programs: list[Program] = []
        self.runners: list[Program] = []
        self.store = WatchedStore(open_store(url), self._recorder)
        self.store.inner.open()

    # --- who takes part

    def start_runner(self, url: str | None = None, **options: object) -> Program:
        """Start a runner and wait until it is ready."""
        program = self._start("run", url, **options)
        self.runners.append(program)
        program.wait_for(READY)
        return program

    def start_adder(self, url: str | None = None, **options: object) -> Program:
        """Start a program that adds tasks."""
        return self._start("add", url, **options)

    def _start(self, party: str, url: str | None, **options: object) -> Program:
        named = [text for name, value in options.items() for text in (f"--{name.replace('_', '-')}", str(value))]
        program = Program(self._folder, SOURCE, arguments=[party, url or self.url, *named])
        self._programs.append(program)
        return program

    def add(self, count: int, **options: Any) -> list[int]:
        """Add tasks from the test itself, in one write."""
        first = len(asked_marks(self._lines("test")))
        return self.add_these([new_task(f"test-{first + number}", **options) for number in range(count)])

    def add_these(self, tasks: Sequence[NewTask]) -> list[int]:
        """Add tasks from the test itself."""
        return self.store.add(tasks)

    def freeze(self, runner: Program) -> None:
        """Stop the process of a runner, not those of its workers."""
        self._recorder.note(Froze(now(), runner.pid))
        kill(runner.pid, signal.SIGSTOP)

    def kill_worker(self, pid: int) -> None:
        """Kill a worker process of a runner, which starts another."""
        self._recorder.note(WorkerKilled(now(), pid))
        kill(pid)

    def kill(self, runner: Program) -> None:
        """Kill a runner; its workers follow."""
        kill(runner.pid)
        runner.wait()
        self.runners.remove(runner)

    # --- what happens

    def await_starts(self, ids: Iterable[int], at_least: int = 1) -> None:
        """Wait until the bodies of these tasks have started so many times."""
        wanted = tuple(ids)
        self.until(lambda: all(self.starts(task_id) >= at_least for task_id in wanted))

    def starts(self, task_id: int) -> int:
        """Return how many times the body of a task has started."""
        return sum(isinstance(event, BodyStarted) and event.task_id == task_id for event in self._bodies())

    def count(self, party: str, kind: type[object]) -> int:
        """Return how many lines of a kind the programs of a party have noted."""
        return sum(isinstance(line, kind) for line in self._lines(party))

    def await_held_commit(self, *, with_outcome: bool) -> None:
        """Wait until a runner waits for the answer to a commit: one with an outcome, or one that only claims."""
        self.until(lambda: any(_is_held(read_lines(path), with_outcome) for path in self._files("run")))

    def await_end(self, ids: Iterable[int] | None = None) -> None:
        """Wait until tasks have ended, or all that there are."""
        wanted = None if ids is None else tuple(ids)
        self.until(lambda: self._have_ended(wanted))

    def until(self, is_so: Callable[[], bool], seconds: float = _PATIENCE_SECONDS) -> None:
        """Wait until something is so; while the store can't be asked, it is not."""
        deadline = time.monotonic() + seconds
        while not _ask(is_so):
            assert time.monotonic() < deadline, self.report()
            time.sleep(_LOOK_SECONDS)

    def _have_ended(self, ids: tuple[int, ...] | None) -> bool:
        if ids is not None:
            return all(self.store.inner.get(task_id).state.is_terminal for task_id in ids)
        return all(count.state.is_terminal for count in self.store.inner.counts())

    # --- the end

    def settle(self) -> list[str]:
        """Wait until all has ended, stop the runners in good order, and return all violations of what must hold."""
        self.await_end()
        self._note_reads()
        for runner in self.runners:
            kill(runner.pid, signal.SIGTERM)
        codes = [self._exit_code(runner) for runner in self.runners]
        assert codes == [0] * len(codes), self.report()
        assert [runner.left_alive() for runner in self.runners] == [{}] * len(codes)
        final = self._note_reads()
        history = read_history(self.history_folder)
        history.final = {info.id: info for info in final}
        history.events += self._logs_in_doubt(history)
        return violations(history, expectation_of)

    def _logs_in_doubt(self, history: History) -> list[LogRead]:
        """Read the logs of tasks of which something was sent again, because nobody knew whether it was written."""
        ids = {event.task_id for event in history.events if isinstance(event, WriteUnknown)}
        logs = {task_id: self.store.inner.logs(task_id) for task_id in sorted(ids & history.final.keys())}
        return [LogRead(now(), task_id, tuple(line.text for line in lines)) for task_id, lines in logs.items()]

    def _exit_code(self, runner: Program) -> int:
        try:
            return runner.wait()
        except subprocess.TimeoutExpired:
            kill(runner.pid, signal.SIGUSR1)  # it prints what its threads do
            time.sleep(_DUMP_SECONDS)
            raise AssertionError(f"A runner did not stop.\n{self.report()}") from None

    def close(self) -> None:
        """End all programs, whatever they do."""
        for program in self._programs:
            program.kill_all()
        self.store.inner.close()
        self._recorder.close()

    def report(self) -> str:
        """Return what the programs have printed, for a failed test."""
        return "\n\n".join(f"{shlex.quote(str(program.pid))}:\n{program.output[-4000:]}" for program in self._programs)

    def _note_reads(self) -> list[TaskInfo]:
        tasks = self.store.inner.get_all_tasks()
        self._recorder.note(*(Read(now(), info) for info in tasks))
        return tasks

    # --- the files

    def _files(self, party: str) -> list[Path]:
        return sorted(self.history_folder.glob(f"{party}-*.jsonl"))

    def _lines(self, party: str) -> list[Line]:
        return [line for path in self._files(party) for line in read_lines(path)]

    def _bodies(self) -> list[Event]:
        return list(events_of(self._lines("body")))


def _ask(is_so: Callable[[], bool]) -> bool:
    try:
        return is_so()
    except StoreUnavailableError:
        return False


def _is_held(lines: Sequence[Line], with_outcome: bool) -> bool:
    """Tell whether the newest commit of a runner has waited for long, and is of the kind."""
    answered = {line.call for line in lines if isinstance(line, CommitAnswered | CallAnswered)}
    commits = [line for line in lines if isinstance(line, CommitAsked)]
    if not commits or commits[-1].call in answered or now() - commits[-1].at < _WAITS_SECONDS:
        return False
    has_outcome = any(sent.outcome is not None for sent in commits[-1].sent)
    return has_outcome if with_outcome else not commits[-1].sent and commits[-1].limit > 0
