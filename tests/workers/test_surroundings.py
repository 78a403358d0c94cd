"""What a task changed about its process is put back; what can't be is named.

The acceptance tests of bad tasks do it with real workers; here it is done step by step, in a program of its own.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap

PROGRAM = """
import os, resource, signal, sys, threading, time
from lilota.workers.interrupts import INTERRUPT_SIGNAL, Interrupts
from lilota.workers.surroundings import Surroundings

class Streams:
    error = None
    def restore(self):
        if self.error:
            raise self.error

streams, interrupts, collected = Streams(), Interrupts(), []
surroundings = Surroundings(streams, interrupts, lambda: collected.append(True))
"""


def run(program: str, folder: object = "/") -> list[str]:
    source = PROGRAM + textwrap.dedent(program)
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, timeout=30, check=False, cwd=str(folder)
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_changes_are_put_back(tmp_path):
    """Folder, mask, environment, recursion limit, handlers, timers and limits."""
    lines = run(
        """
        before = os.getcwd(), dict(os.environ), sys.getrecursionlimit(), resource.getrlimit(resource.RLIMIT_NOFILE)
        os.chdir("/")
        os.umask(0o777)
        os.environ["NEW"] = "1"
        del os.environ["PATH"]
        sys.setrecursionlimit(500)
        signal.signal(signal.SIGTERM, print)
        signal.setitimer(signal.ITIMER_REAL, 1000)
        resource.setrlimit(resource.RLIMIT_NOFILE, (50, before[3][1]))
        print(surroundings.restore())
        after = os.getcwd(), dict(os.environ), sys.getrecursionlimit(), resource.getrlimit(resource.RLIMIT_NOFILE)
        print(before == after, signal.getsignal(signal.SIGTERM) is signal.SIG_DFL, os.umask(0o22) == 0o777)
        print(signal.getitimer(signal.ITIMER_REAL), len(collected))
        """,
        tmp_path,
    )

    assert lines == ["None", "True True False", "(0.0, 0.0) 2"]


def test_what_an_import_changes_is_no_trace_of_an_attempt():
    """After `remember` it is what the next task finds; logs stay collected."""
    lines = run("""
        os.environ["SET_BY_IMPORT"] = "1"
        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
        surroundings.remember()
        print(surroundings.restore(), os.environ["SET_BY_IMPORT"], len(collected))
    """)

    assert lines == ["None 1 3"]


def test_tasks_stay_interruptible():
    """Whether an import or a task took the signal for itself: the next task can be ended by it."""
    lines = run("""
        signal.signal(INTERRUPT_SIGNAL, print)
        surroundings.remember()
        print(signal.getsignal(INTERRUPT_SIGNAL) == interrupts._on_signal)
        signal.signal(INTERRUPT_SIGNAL, signal.SIG_IGN)
        surroundings.restore()
        print(signal.getsignal(INTERRUPT_SIGNAL) == interrupts._on_signal)
    """)

    assert lines == ["True", "True"]


def test_threads_that_stay_are_named():
    """A thread that is about to end anyway is waited for."""
    lines = run("""
        threading.Thread(target=time.sleep, args=(0.01,), name="quick").start()
        print(surroundings.restore())
        for number in range(2):
            threading.Thread(target=time.sleep, args=(1000,), name=f"slow-{number}", daemon=True).start()
        print(surroundings.restore())
    """)

    assert lines == ["None", "left 2 threads behind: 'slow-0', 'slow-1'"]


def test_what_can_not_be_put_back_is_said():
    """A lowered hard limit, or streams that are gone."""
    lines = run("""
        streams.error = OSError(9, "Bad file descriptor")
        print(surroundings.restore())
    """)

    assert lines == ["changed its process in a way that can't be undone: [Errno 9] Bad file descriptor"]


def test_a_folder_that_is_gone_is_no_reason_to_replace_the_process(tmp_path):
    """A new process could not go there either."""
    folder = tmp_path / "gone"
    folder.mkdir()
    lines = run("os.rmdir(os.getcwd()); print(surroundings.restore())", folder)

    assert lines == ["None"]
