"""The zoo: tasks that do to their process, each in its own way, what no task should."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import itertools
import logging
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

from lilota.errors import Retry
from lilota.models import TaskBase
from lilota.retry import Backoff
from lilota.testing.executors.crew import is_alive
from lilota.workers.children import Children

NOW = Backoff(first_seconds=0.01, jitter=0)


class WellBehaved(TaskBase):
    """The neighbour: it notices when its process is not as it should be."""

    def run(self):
        marker = Path(self.task_info.input["folder"]) / f"neighbour-{self.task_info.id}"
        marker.write_text("written")
        sys.stdout.write("a printed line\n")
        self.logger.info("a logged line")
        child = subprocess.run(["/bin/echo", "a child's line"], check=True)
        return {
            "child": child.returncode,
            "folder": os.getcwd() if _folder_exists() else None,
            "mode": oct(marker.stat().st_mode & 0o777),
            "environment": os.environ.get("LILOTA_ZOO"),
            "recursion_limit": sys.getrecursionlimit(),
            "sigterm": signal.getsignal(signal.SIGTERM) is signal.SIG_DFL,
            "threads": sorted(thread.name for thread in threading.enumerate()),
        }


def _folder_exists():
    try:
        os.getcwd()
    except FileNotFoundError:
        return False
    return True


# --- errors


class OwnError(Exception):
    """What this module raises."""


class Raises(TaskBase):
    def run(self):
        raise OwnError("the disk is on fire")


class RaisesSystemExit(TaskBase):
    def run(self):
        sys.exit(3)


class RaisesKeyboardInterrupt(TaskBase):
    def run(self):
        raise KeyboardInterrupt


class OwnBaseException(BaseException):
    pass


class RaisesBaseException(TaskBase):
    def run(self):
        raise OwnBaseException("from far below")


class UnprintableError(Exception):
    def __str__(self):
        raise RuntimeError("no text for you")


class RaisesUnprintable(TaskBase):
    def run(self):
        raise UnprintableError


class ExitingTextError(Exception):
    def __str__(self):
        raise SystemExit


class RaisesExitingText(TaskBase):
    def run(self):
        raise ExitingTextError


class RaisesUnpicklable(TaskBase):
    def run(self):
        error = OwnError("holds a lock")
        error.lock = threading.Lock()
        raise error


class RaisesGroup(TaskBase):
    def run(self):
        raise ExceptionGroup("several things", [ValueError("one"), OSError("two")])


class RaisesEndless(TaskBase):
    def run(self):
        raise OwnError("x" * 10_000_000)


class RaisesSurrogates(TaskBase):
    def run(self):
        raise OwnError("half \ud800 and nul \0")


class Recurses(TaskBase):
    def run(self):
        return self.run()


class RunsOutOfMemory(TaskBase):
    def run(self):
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (1024**3, hard))
        return {"size": len(bytearray(8 * 1024**3))}


class FailsInInit(TaskBase):
    def __init__(self, *args):
        super().__init__(*args)
        raise OwnError("not even built")

    def run(self):
        return None


class BrokenHook(type):
    def __instancecheck__(cls, instance):
        raise RuntimeError("isinstance is broken")


class BrokenError(Exception, metaclass=BrokenHook):
    pass


class BrokenRetryOn(TaskBase):
    retry_on = (BrokenError,)
    max_attempts = 3

    def run(self):
        raise OwnError("retried or not?")


# --- deaths


class ExitsAtOnce(TaskBase):
    def run(self):
        os._exit(self.task_info.input.get("code", 0))


class Segfaults(TaskBase):
    def run(self):
        _segfault_below(frames=20)


def _segfault_below(frames: int) -> None:
    if frames:
        _segfault_below(frames - 1)
    else:
        ctypes.string_at(0)


class KillsItself(TaskBase):
    def run(self):
        _append(self.task_info.input["folder"], f"attempt {self.task_info.attempt}\n")
        os.kill(os.getpid(), signal.SIGKILL)


class KillsItselfOnce(TaskBase):
    max_lost_attempts = 1

    def run(self):
        _append(self.task_info.input["folder"], f"attempt {self.task_info.attempt}\n")
        os.kill(os.getpid(), signal.SIGKILL)


class ComplainsAndDies(TaskBase):
    def run(self):
        sys.stdout.write("the last words on stdout\n")
        sys.stderr.write("the last words on stderr\n")
        os._exit(3)


def _append(folder, text):
    with (Path(folder) / "runs").open("a") as file:
        file.write(text)


# --- output


class PrintsVeryMuch(TaskBase):
    def run(self):
        block = ("x" * 99 + "\n") * 10_000
        for _ in range(200):
            sys.stdout.write(block)
        return {"printed": 200_000_000}


class PrintsOneEndlessLine(TaskBase):
    def run(self):
        for _ in range(20):
            sys.stdout.write("x" * 1_000_000)
        return {}


class PrintsWithoutRoom(TaskBase):
    def run(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (5, hard))
        for _ in range(3):
            print("line")  # noqa: T201 - what tasks do
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        return {"printed": 3}


class PrintsWithoutLineEnd(TaskBase):
    def run(self):
        sys.stdout.write("no end")


class PrintsFromEverywhere(TaskBase):
    def run(self):
        print("from print")  # noqa: T201 - what tasks do
        os.write(1, b"from os.write\n")
        os.write(2, b"from stderr\n")
        subprocess.run(["/bin/echo", "from a child"], check=True)
        ctypes.CDLL(None).printf(b"from C\n")


class ClosesDescriptors(TaskBase):
    def run(self):
        os.closerange(0, 256)
        return {"closed": 256}


class ClosesAllDescriptors(TaskBase):
    def run(self):
        os.closerange(0, 65_536)
        return {"closed": 65_536}


class ReplacesStdout(TaskBase):
    def run(self):
        sys.stdout = object()
        sys.stderr = None


class DetachesStdout(TaskBase):
    def run(self):
        sys.stdout.detach()
        return {"ok": True}


class ClosesStdout(TaskBase):
    def run(self):
        sys.stdout.close()
        sys.stderr.close()


class ReadsStdin(TaskBase):
    def run(self):
        read = subprocess.run(["/bin/cat"], check=True, capture_output=True).stdout
        return {"read": read.decode()}


# --- processes and threads


class ForksDaemon(TaskBase):
    def run(self):
        if os.fork() == 0:
            time.sleep(1000)
        return {"parent": True}


class ForkReturns(TaskBase):
    def run(self):
        child = os.fork()
        if child == 0:
            self.logger.info("logged in the fork")
            return {"who": "child"}
        _, status = os.waitpid(child, 0)
        return {"who": "parent", "status": os.waitstatus_to_exitcode(status)}


class ForkExits(TaskBase):
    def run(self):
        child = os.fork()
        if child == 0:
            sys.exit(7)
        _, status = os.waitpid(child, 0)
        return {"status": os.waitstatus_to_exitcode(status)}


class ForkReports(TaskBase):
    def run(self):
        child = os.fork()
        if child == 0:
            self.set_output(self.task_info.id, {"who": "child"})
        _, status = os.waitpid(child, 0)
        return {"who": "parent", "status": os.waitstatus_to_exitcode(status)}


class LeavesThread(TaskBase):
    daemon = False

    def run(self):
        threading.Thread(target=time.sleep, args=(1000,), name="left-behind", daemon=self.daemon).start()
        return {}


class LeavesDaemonThread(LeavesThread):
    daemon = True


class LeavesReportingThread(TaskBase):
    def run(self):
        threading.Thread(target=self._report, daemon=True).start()
        return {"who": "the task"}

    def _report(self):
        while True:
            self.set_output(self.task_info.id, {"who": "the thread"})


class ReportsFromThread(TaskBase):
    def run(self):
        thread = threading.Thread(target=self.set_output, args=(self.task_info.id, {"who": "a thread"}))
        thread.start()
        thread.join()


class UsesPool(TaskBase):
    def run(self):
        with multiprocessing.get_context(self.task_info.input["method"]).Pool(2) as pool:
            return {"squares": pool.map(square, range(10))}


def square(number):
    return number * number


class LeavesEventLoop(TaskBase):
    def run(self):
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        self.left = loop.create_task(asyncio.sleep(1000))
        loop.add_signal_handler(signal.SIGALRM, print)
        loop.run_until_complete(asyncio.sleep(0))


# --- processes that are left


class StartsProcess(TaskBase):
    """Starts a process in the way that its input names, notes its process id, and ends as its input says."""

    kill_after_seconds = 1

    def run(self):
        pid = STARTS[self.task_info.input["start"]]()
        file = Path(self.task_info.input["folder"]) / f"child-{self.task_info.attempt}"
        file.write_text(str(pid))
        self.set_progress(self.task_info.id, 1)
        ENDS[self.task_info.input["end"]]()
        return {"child": pid}


class StartsProcessWithTimeout(StartsProcess):
    """Runs into its time limit, and says at its next start whether the process lives that it had started.

    On a busy machine the time may be over before it has: then it tries again.
    """

    timeout_seconds = 0.5
    max_attempts = 20
    backoff = NOW

    def run(self):
        noted = [file.read_text() for file in Path(self.task_info.input["folder"]).glob("child-*")]
        if noted and all(noted):
            self.set_output(self.task_info.id, {"lives": any(is_alive(int(pid)) for pid in noted)})
            return None
        return super().run()


def _start_child():
    return subprocess.Popen(["/bin/sleep", "1000"]).pid


def _start_session():
    quiet = subprocess.DEVNULL
    return subprocess.Popen(["/bin/sleep", "1000"], start_new_session=True, stdout=quiet, stderr=quiet).pid


def _start_orphan():
    """Leave a process whose parent has ended, in a session of its own."""
    command = "setsid /bin/sleep 1000 >/dev/null 2>&1 & echo $!"
    return int(subprocess.run(["/bin/sh", "-c", command], check=True, capture_output=True).stdout)


def _fork_daemon():
    """Leave a fork of the worker in the way of a daemon: twice forked, with nothing open, in a session of its own."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.write(writing, str(os.getpid()).encode())
            os.closerange(0, 1100)
            time.sleep(1000)
        os._exit(0)
    os.wait()
    return int(os.read(reading, 100))


def _start_stubborn_child():
    child = subprocess.Popen(
        ["/bin/sh", "-c", "trap '' TERM; echo ready; while :; do /bin/sleep 1000; done"], stdout=subprocess.PIPE
    )
    child.stdout.readline()
    return child.pid


def _swallow():
    while True:
        with contextlib.suppress(BaseException):
            time.sleep(1000)


STARTS = {
    "child": _start_child,
    "session": _start_session,
    "orphan": _start_orphan,
    "daemon": _fork_daemon,
    "stubborn": _start_stubborn_child,
}
ENDS = {
    "returns": lambda: None,
    "raises": lambda: 1 / 0,
    "sleeps": lambda: time.sleep(1000),
    "swallows": _swallow,
    "crashes": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "exits": lambda: os._exit(0),
}


class LeavesTalkative(TaskBase):
    """Leaves a process that goes on to print."""

    def run(self):
        command = "while :; do echo from the process that was left; /bin/sleep 0.01; done"
        return {"child": subprocess.Popen(["/bin/sh", "-c", command]).pid}


class LeavesAsked(TaskBase):
    """Leaves a process that notes that it was asked to end."""

    def run(self):
        # On a busy machine a shell comes late to what it should do. This process is for this task alone.
        Children.end_left = lambda children, _patience_seconds, end=Children.end_left: end(children, 60)
        note = Path(self.task_info.input["folder"]) / "asked"
        command = f"trap 'echo yes >{note}; exit' TERM; echo ready; while :; do /bin/sleep 0.01; done"
        child = subprocess.Popen(["/bin/sh", "-c", command], stdout=subprocess.PIPE)
        child.stdout.readline()


class LeavesZombie(TaskBase):
    """Leaves a process that has ended, for which nobody has waited."""

    def run(self):
        child = subprocess.Popen(["/bin/true"])
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        return {"pid": os.getpid()}


class InterruptsChild(TaskBase):
    """Ends a program and a fork by SIGINT, and says how they took it."""

    def run(self):
        child = subprocess.Popen(["/bin/sleep", "1000"])
        child.send_signal(signal.SIGINT)
        fork = os.fork()
        if fork == 0:
            try:
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(1000)
            except KeyboardInterrupt:
                os._exit(7)
        os.kill(os.getpid(), signal.SIGINT)
        return {"child": child.wait(60), "fork": os.waitstatus_to_exitcode(os.waitpid(fork, 0)[1])}


class AsksOnTerminal(TaskBase):
    def run(self):
        asked = subprocess.run(["/bin/sh", "-c", "read -r answer </dev/tty"], capture_output=True, check=False)
        return {"code": asked.returncode, "said": asked.stderr.decode()}


# --- the surroundings


class ChangesFolder(TaskBase):
    def run(self):
        os.chdir("/")


class DeletesFolder(TaskBase):
    def run(self):
        os.rmdir(os.getcwd())


class ChangesSignals(TaskBase):
    def run(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGCHLD):
            signal.signal(number, signal.SIG_IGN)
        signal.alarm(1)


class ChangesSettings(TaskBase):
    def run(self):
        os.environ["LILOTA_ZOO"] = "changed"
        os.environ.pop("PATH", None)
        os.umask(0o777)
        sys.setrecursionlimit(200)
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (20, hard))


class LowersHardLimit(TaskBase):
    def run(self):
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000_000, 10_000_000))


class ConfiguresLogging(TaskBase):
    def run(self):
        logging.basicConfig(force=True, level=logging.CRITICAL)
        logging.getLogger("lilota").setLevel(logging.CRITICAL)


# --- output that can't be stored


class Returns(TaskBase):
    def run(self):
        return WRONG_OUTPUTS[self.task_info.input["what"]]()


class SetsOutput(TaskBase):
    def run(self):
        self.set_output(self.task_info.id, WRONG_OUTPUTS[self.task_info.input["what"]]())


def _deep():
    value = {}
    for _ in range(100_000):
        value = {"a": value}
    return value


class Unshowable:
    def __repr__(self):
        raise RuntimeError("no repr")


WRONG_OUTPUTS = {
    "nan": lambda: {"mean": float("nan")},
    "bytes": lambda: {"rows": [1, {"data": b"x"}]},
    "deep": _deep,
    "large": lambda: {"text": "x" * (33 * 1024 * 1024)},
    "list": lambda: [1, 2],
    "text": lambda: "done",
    "key": lambda: {"a": {1: 2}},
    "surrogate": lambda: {"name": "\ud800"},
    "unshowable": lambda: {"thing": Unshowable()},
}


class WrongProgress(TaskBase):
    def run(self):
        self.set_progress(self.task_info.id + self.task_info.input.get("other", 0), self.task_info.input["percentage"])


class OtherOutput(TaskBase):
    def run(self):
        self.set_output(self.task_info.id + 1, {"whose": "another's"})


# --- logs


class LogsVeryMuch(TaskBase):
    def run(self):
        for number in range(100_000):
            self.logger.info("line %d", number)


class LogsEverywhere(TaskBase):
    def run(self):
        self.logger.debug("by self.logger")
        logging.getLogger("somebody.else").error("by another logger")
        warnings.warn("by warnings", stacklevel=1)
        self.logger.info("a bad %d format", "text")
        self.logger.warning("two\nlines")
        self.logger.info("ünï \u2603 \x1b[31mred\x1b[0m nul \0 half \ud800")
        try:
            raise OwnError("caught")
        except OwnError:
            self.logger.exception("with a traceback")


# --- stopping


class SleepsWithTheGIL(TaskBase):
    """Lets no other thread of its process run meanwhile, so that nothing is taken back from its worker."""

    def run(self):
        ctypes.PyDLL(None).usleep(self.task_info.input["microseconds"])
        return {}


class Sleeps(TaskBase):
    def run(self):
        try:
            self.set_progress(self.task_info.id, 1)  # who is told of it may end it before the next line
            time.sleep(self.task_info.input.get("seconds", 1000))
        finally:
            self.logger.info("finally")


class SleepsWithTimeout(Sleeps):
    timeout_seconds = 1  # enough to fall asleep


class TriesAgainAfterTimeout(SleepsWithTimeout):
    max_attempts = 2
    backoff = NOW


class SleepsInAsyncio(TaskBase):
    def run(self):
        self.set_progress(self.task_info.id, 1)
        asyncio.run(self._sleep())

    async def _sleep(self):
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(1000))


class SleepsInCoroutine(TaskBase):
    async def run(self):
        self.set_progress(self.task_info.id, 1)
        try:
            await asyncio.sleep(1000)
        finally:
            await asyncio.sleep(0.01)
            self.logger.info("finally")


class SleepsInCoroutineWithTimeout(SleepsInCoroutine):
    timeout_seconds = 1


class SwallowsInCoroutine(TaskBase):
    kill_after_seconds = 0.1

    async def run(self):
        self.set_progress(self.task_info.id, 1)
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(1000)


class BlocksItsLoop(TaskBase):
    kill_after_seconds = 0.1

    async def run(self):
        self.set_progress(self.task_info.id, 1)
        time.sleep(1000)  # noqa: ASYNC251 - that is the point


class CooperativeCoroutine(TaskBase):
    async def run(self):
        self.set_progress(self.task_info.id, 1)
        while not self.cancelled:  # noqa: ASYNC110 - another process decides it
            await asyncio.sleep(0.01)
        return {"ended": "where it liked"}


class StoresInCoroutine(TaskBase):
    async def run(self):
        for number in range(3):
            self.set_output(self.task_info.id, {"done": number})
            self.wait_until_stored()
            await asyncio.to_thread(self.wait_until_stored)
        return {"never": "taken, because the output was set"}


class LeavesTaskOnLoop(TaskBase):
    async def run(self):
        self.left = asyncio.create_task(asyncio.sleep(1000))
        await asyncio.sleep(0)
        return {}


class LeavesStubbornTaskOnLoop(SwallowsInCoroutine):
    async def run(self):
        self.left = asyncio.create_task(SwallowsInCoroutine.run(self))
        await asyncio.sleep(0)
        return {}


class LeavesThreadOfLoop(TaskBase):
    async def run(self):
        asyncio.get_running_loop().run_in_executor(None, time.sleep, 1000)
        return {}


class ForksInCoroutine(TaskBase):
    async def run(self):
        await asyncio.sleep(0)
        with warnings.catch_warnings(action="ignore"):  # there are other threads
            if not (exits := os.fork()):
                raise SystemExit(5)
            if not (returns := os.fork()):
                return {"who": "child"}
            if not (awaits := os.fork()):
                await asyncio.sleep(0)
        return {"codes": [await asyncio.to_thread(_exit_code, child) for child in (exits, returns, awaits)]}


class Cooperative(TaskBase):
    def run(self):
        rounds = 0
        while not self.cancelled:
            rounds += 1
            if rounds == 1:
                self.set_progress(self.task_info.id, 1)
            time.sleep(0.01)
        self.set_output(self.task_info.id, {"ended": "where it liked"})


class CooperativeWithTimeout(Cooperative):
    timeout_seconds = 0.2


class LooksOnce(TaskBase):
    """Looks at `cancelled` before anybody has asked, and does all of its work."""

    def run(self):
        looked = self.cancelled
        self.set_progress(self.task_info.id, 1)
        time.sleep(0.3)
        return {"looked": looked}


class Stubborn(TaskBase):
    """Ignores everything but SIGKILL, and has a child."""

    kill_after_seconds = 0.1

    def run(self):
        for number in (signal.SIGTERM, signal.SIGUSR1):
            signal.signal(number, signal.SIG_IGN)
        child = subprocess.Popen(["/bin/sleep", "1000"])
        (Path(self.task_info.input["folder"]) / "child").write_text(str(child.pid))
        self.set_progress(self.task_info.id, 1)
        while True:
            try:
                time.sleep(1000)
            except BaseException:  # noqa: BLE001 - that is the point
                self.logger.info("swallowed")


class StubbornWithTimeout(Stubborn):
    timeout_seconds = 0.2


class Swallows(TaskBase):
    kill_after_seconds = 0.1

    def run(self):
        while True:
            try:
                self.set_progress(self.task_info.id, 1)
                time.sleep(1000)
            except BaseException:  # noqa: BLE001 - that is the point
                self.logger.info("swallowed")


class SwallowsForLong(Swallows):
    kill_after_seconds = 60


class HoldsTheGIL(TaskBase):
    kill_after_seconds = 0.1

    def run(self):
        while True:
            with contextlib.suppress(BaseException):  # on a busy machine it may be ended before it holds it
                self.set_progress(self.task_info.id, 1)
                self.wait_until_stored()
                self._hold()

    def _hold(self):
        # No signal wakes who waits for a lock of the C library that it has itself; on Linux a new one is all zeros.
        library, lock = ctypes.PyDLL(None), ctypes.create_string_buffer(64)
        library.pthread_mutex_lock(lock)
        library.pthread_mutex_lock(lock)


class HoldsTheGILWithTimeout(HoldsTheGIL):
    timeout_seconds = 0.2


# --- retries


class FailsTwice(TaskBase):
    max_attempts = 3
    backoff = NOW

    def run(self):
        if self.task_info.attempt < 3:
            self.set_output(self.task_info.id, {"attempt": self.task_info.attempt})
            raise OwnError(f"attempt {self.task_info.attempt}")
        return {"before": self.task_info.output["attempt"], "attempt": self.task_info.attempt}


class FailsAlways(TaskBase):
    max_attempts = 3
    backoff = NOW

    def run(self):
        _append(self.task_info.input["folder"], "ran\n")
        raise KeyError("missing")


class FailsUnworthily(FailsAlways):
    retry_on = (ConnectionError,)


class FailsForGood(FailsAlways):
    retry_on = (LookupError,)
    never_retry_on = (KeyError,)


class ComesBack(TaskBase):
    def run(self):
        count = self.task_info.output["count"] if hasattr(self.task_info, "output") else 0
        if count == 5:
            return {"count": count, "attempt": self.task_info.attempt}
        self.set_output(self.task_info.id, {"count": count + 1})
        raise Retry(0.0, "not ready")


class Slow(TaskBase):
    def run(self):
        self.set_progress(self.task_info.id, 1)
        time.sleep(0.5)
        return {"ended": True}


class DoesPieces(TaskBase):
    """Does pieces of work, of which it notes each in a file; the next one only when the store knows of the last.

    It does at least as many as it is told, and goes on until there is a file that says that it is enough.
    """

    max_lost_attempts = 50

    def run(self):
        done = self.task_info.output["done"] if hasattr(self.task_info, "output") else 0
        for piece in itertools.count(done):
            if piece >= self.task_info.input["pieces"] and Path(self.task_info.input["enough"]).exists():
                return
            with Path(self.task_info.input["file"]).open("a") as file:
                file.write(f"{piece}\n")
            self.set_output(self.task_info.id, {"done": piece + 1})
            self.wait_until_stored()


# --- coroutines at once


class Concurrent(TaskBase):
    """Does what its input says, beside others."""

    concurrent = True
    kill_after_seconds = 60  # on a busy machine, a loop may be late

    async def run(self):
        self.set_progress(self.task_info.id, 1)
        return await getattr(self, self.task_info.input["does"])()

    async def waits(self):
        await asyncio.sleep(1000)

    async def swallows(self):
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(1000)

    async def crashes(self):
        await self._met()
        os.kill(os.getpid(), signal.SIGKILL)

    async def blocks(self):
        await self._met()
        self._wait_without_the_loop(self._file("enough"))

    @staticmethod
    def _wait_without_the_loop(file):
        while not file.exists():
            time.sleep(0.01)

    async def leaves(self):
        self.left = asyncio.create_task(asyncio.sleep(1000))
        await asyncio.sleep(0)
        return {}

    async def exits(self):
        await self._met()
        raise SystemExit(5)

    async def exits_in_a_task(self):
        await self._met()
        await asyncio.create_task(self._exit())

    async def _exit(self):
        sys.exit(5)

    async def meets(self):
        """Go on only when so many are here at the same time; then say something in each way."""
        await self._met()
        who = self.task_info.input["who"]
        self.logger.info("logged by %s", who)
        sys.stdout.write(f"printed by {who}\n")
        await asyncio.to_thread(sys.stdout.write, f"printed in a thread of {who}\n")
        await asyncio.to_thread(logging.getLogger("other").warning, "logged in a thread of %s", who)
        return {"pid": os.getpid()}

    async def forks(self):
        await self._met()
        with warnings.catch_warnings(action="ignore"):  # there are other threads
            if not (exits := os.fork()):
                raise SystemExit(5)
            if not (awaits := os.fork()):
                for _ in range(10_000):
                    await asyncio.sleep(0)
        return {"codes": [await asyncio.to_thread(_exit_code, child) for child in (exits, awaits)]}

    async def counts(self):
        """Leave a mark in each process in which it goes on."""
        await self._met()
        while True:
            self._file(f"counted-in-{os.getpid()}").touch()
            if self._file("enough").exists():
                break
            await asyncio.sleep(0.001)
        return {"processes": self._number_of("counted-in-*")}

    async def prints_by_a_child(self):
        await self._met()
        child = await asyncio.create_subprocess_exec("/bin/echo", "a child's line")
        await child.wait()
        self._file("enough").touch()

    async def waits_for_enough(self):
        await self._met()
        while not self._file("enough").exists():  # noqa: ASYNC110 - another process decides it
            await asyncio.sleep(0.01)

    async def _met(self):
        """Return when as many are here as should meet."""
        self._file(f"here-{self.task_info.id}").touch()
        while self._number_of("here-*") < self.task_info.input["meet"]:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)

    def _number_of(self, files):
        return len(list(Path(self.task_info.input["folder"]).glob(files)))

    def _file(self, name):
        return Path(self.task_info.input["folder"], name)


def _exit_code(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class ConcurrentWithTimeout(Concurrent):
    timeout_seconds = 0.3


class ConcurrentWithoutPatience(Concurrent):
    kill_after_seconds = 0.2
