"""Where faults of a cluster take place: a store, a Dask cluster, `lilota worker` on it, and the history of all."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import watched_worker
from clusters import Cluster, Node, Place, ThisMachine, own_pid, until
from history.checker import violations
from history.events import BodyEnded, BodyStarted, Event, Froze, Read, WorkerKilled
from history.parties import new_task
from history.reading import events_of, read_history
from history.recorded_tasks import expectation_of
from history.recorder import FOLDER_VARIABLE, Recorder, now, read_lines
from history.watching import WatchedStore

from lilota.models import TaskInfo
from lilota.stores import open_store

_WAIT_SECONDS = 60
_HELPERS = [Path(__file__).parent, Path(watched_worker.__file__).parent]


class DaskRunner:
    """A `lilota worker` that runs its attempts on a cluster."""

    def __init__(
        self, folder: Path, store_url: str, cluster_url: str, environment: Mapping[str, str], *options: str
    ) -> None:
        self._log = folder / f"runner-{len(list(folder.glob('runner-*')))}.log"
        options += ("--store", f"watched://{store_url}", "--executor", cluster_url, "--log-level", "debug")
        options += ("--task", "recorded=ticking_tasks:Ticking")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "lilota", "worker", *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder,
                env={**os.environ, **environment},
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log(self) -> str:
        """What it has written."""
        return self._log.read_text(errors="replace")

    def is_running(self) -> bool:
        """Tell whether it has not ended."""
        return self._process.poll() is None

    def stop(self) -> int:
        """Ask it to stop, and return its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(_WAIT_SECONDS)

    def kill(self) -> None:
        """Kill it (SIGKILL)."""
        self._process.kill()
        self._process.wait(_WAIT_SECONDS)


class DaskField:
    """Who takes part, and what they noted.

    Args:
        url: the store, as the test reaches it; `runner_url`, as runners do.
        config: Dask's settings.
    """

    def __init__(
        self,
        folder: Path,
        url: str,
        *,
        runner_url: str | None = None,
        place: Place | None = None,
        config: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.history = folder / "history"
        self.history.mkdir()
        self.runners: list[DaskRunner] = []
        self._runner_url = runner_url or url
        self._marks = itertools.count()
        self._recorder = Recorder(self.history, "test")
        self.store = WatchedStore(open_store(url), self._recorder)
        self.store.inner.open()
        watched_worker.install(folder)
        paths = os.pathsep.join(map(str, [*_HELPERS, folder]))
        self._environment = {"PYTHONPATH": paths, FOLDER_VARIABLE: str(self.history)}
        self.cluster = Cluster(folder, place or ThisMachine(), config=config, environment=self._environment)

    # --- who takes part

    def start_nodes(self, count: int, *, nanny: bool = False, threads: int = 1) -> list[Node]:
        """Start Dask workers, and wait until the scheduler knows them."""
        nodes = [self.cluster.start_node(nanny=nanny, threads=threads) for _ in range(count)]
        self.cluster.await_nodes()
        return nodes

    def start_runner(self, lease_seconds: float = 6.0, grace_seconds: float = 10.0, url: str = "") -> DaskRunner:
        """Start a runner, on the cluster or what stands before it, and wait until the store knows it."""
        known = len(self.store.inner.runners())
        with self.cluster.place.inside():
            options = ("--lease-seconds", str(lease_seconds), "--grace-seconds", str(grace_seconds))
            runner = DaskRunner(self.folder, self._runner_url, url or self.cluster.url, self._environment, *options)
        self.runners.append(runner)
        self.until(lambda: len(self.store.inner.runners()) > known or not runner.is_running())
        assert runner.is_running(), runner.log
        return runner

    def add(self, count: int, seconds: float = 0.0, gate: Path | None = None) -> list[int]:
        """Add tasks that take so long, or until there is a file."""
        return self.store.add([new_task(f"task-{next(self._marks)}", seconds, gate) for _ in range(count)])

    # --- faults, which the history has to know of

    def note_killed(self, *nodes: Node) -> None:
        """Note that what runs on these nodes is ended just now, together with what it has not told its runner."""
        for node in nodes:
            self._recorder.note(*(WorkerKilled(now(), own_pid(pid)) for pid in node.lilota_processes()))

    def note_frozen(self, runner: DaskRunner) -> None:
        """Note that a runner is frozen just now, and can't stop its tasks in time."""
        self._recorder.note(Froze(now(), runner.pid))

    # --- what happens

    def infos(self, ids: list[int]) -> list[TaskInfo]:
        """Return the tasks as they are now."""
        return [self.store.inner.get(task_id) for task_id in ids]

    def until_started(self, *ids: int, attempt: int = 1) -> None:
        """Wait until attempts of these tasks run."""
        self.until(lambda: all(self._runs(info, attempt) for info in self.infos(list(ids))))

    def _runs(self, info: TaskInfo, attempt: int) -> bool:
        return info.attempt == attempt and any(self._starts(info.id, info.token))

    def _starts(self, task_id: int, token: int | None = None) -> list[BodyStarted]:
        starts = [event for event in self.events("body") if isinstance(event, BodyStarted)]
        return [start for start in starts if start.task_id == task_id and token in {None, start.token}]

    def node_of(self, task_id: int) -> Node:
        """Return the node on which a task runs now."""
        pid = self._starts(task_id, self.store.inner.get(task_id).token)[-1].pid
        (node,) = [node for node in self.cluster.nodes if pid in node.processes()]
        return node

    def workers_on(self, node: Node) -> set[int]:
        """Return the processes on a node that have run the body of a task, and live."""
        # Each has a file of its own.
        pids = {int(path.stem.partition("-")[2]) for path in self.history.glob("body-*.jsonl")}
        return pids & node.lilota_processes().keys()

    def busy_nodes(self) -> list[Node]:
        """Return the nodes on which tasks are run."""
        return [node for node in self.cluster.nodes if self.workers_on(node)]

    def until_still_running(self, task_id: int, seconds: float) -> None:
        """Wait until a task has run for so long from now on."""
        at = now() + seconds
        self.until(
            lambda: any(isinstance(e, BodyEnded) and e.task_id == task_id and e.at > at for e in self.events("body"))
        )

    def pid_of(self, task_id: int) -> int:
        """Return the process that runs a task now."""
        return self._starts(task_id, self.store.inner.get(task_id).token)[-1].pid

    def log_of(self, task_id: int) -> str:
        """Return the log of a task."""
        return "\n".join(line.text for line in self.store.inner.logs(task_id))

    def until_ended(self, ids: list[int], seconds: float = _WAIT_SECONDS) -> None:
        """Wait until these tasks have ended."""
        self.until(lambda: all(info.state.is_terminal for info in self.infos(ids)), seconds)

    def open_tasks(self) -> int:
        """Return how many tasks have not ended."""
        return sum(count.count for count in self.store.inner.counts() if not count.state.is_terminal)

    def until_all_ended(self, seconds: float = _WAIT_SECONDS) -> None:
        """Wait until all tasks have ended."""
        self.until(lambda: self.open_tasks() == 0, seconds)

    def until_empty(self, *nodes: Node) -> None:
        """Wait until nothing of lilota is left on these nodes, or on all."""
        wanted = nodes or tuple(self.cluster.nodes)
        self.until(lambda: all(node.lilota_processes() == {} for node in wanted))

    def until(self, is_so: Callable[[], bool], seconds: float = _WAIT_SECONDS) -> None:
        """Wait until something is so; an error shows all logs."""
        until(is_so, self.report, seconds)

    def events(self, party: str) -> list[Event]:
        """Return what has been noted so far."""
        lines = [line for path in sorted(self.history.glob(f"{party}-*.jsonl")) for line in read_lines(path)]
        return list(events_of(lines))

    def report(self) -> str:
        """Return what everybody has written last, for a failed test."""
        counts = [(count.name, count.state.name, count.count) for count in self.store.inner.counts()]
        logs = "\n\n".join(f"--- runner {runner.pid}\n{runner.log[-6000:]}" for runner in self.runners)
        return f"{self.cluster.report()}\n\n{logs}\n\n{self.cluster.lilota_processes()}\n{counts}"

    # --- the end

    def settle(self) -> list[str]:
        """Stop the runners in good order, and return all violations of what must hold."""
        codes = [runner.stop() for runner in self.runners if runner.is_running()]
        assert codes == [0] * len(codes), self.report()
        self.until_empty()
        final = self.store.inner.get_all_tasks()
        self._recorder.note(*(Read(now(), info) for info in final))
        history = read_history(self.history)
        history.final = {info.id: info for info in final}
        return violations(history, expectation_of)

    def close(self) -> None:
        """End everything."""
        for runner in self.runners:
            if runner.is_running():
                runner.kill()
        self.cluster.close()
        self.store.inner.close()
        self._recorder.close()
