"""What a task changed about its process is put back; what can't be is named.

The acceptance tests of bad tasks do it with real workers; here it is done step by step, in a program of its own.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

PROGRAM = """
import os, resource, signal, sys, threading, time
from lilota.workers.interrupts import INTERRUPT_SIGNAL, Interrupts
from lilota.workers.stacks import Stacks
from lilota.workers.surroundings import Surroundings

class Streams:
    error = None
    def restore(self):
        if self.error:
            raise self.error

streams, interrupts, collected = Streams(), Interrupts(), []
stacks = Stacks(os.dup(2))
surroundings = Surroundings(streams, interrupts, stacks, lambda: collected.append(True))
"""


def run(program: str, folder: object = "/") -> list[str]:
    source = PROGRAM + textwrap.dedent(program)
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, timeout=100, check=False, cwd=str(folder)
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

    assert lines == ["None", "True True False", "(0.0, 0.0) 1"]


def test_what_an_import_changes_is_no_trace_of_an_attempt():
    """After `remember` it is what the next task finds; logs stay collected."""
    lines = run("""
        os.environ["SET_BY_IMPORT"] = "1"
        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
        surroundings.remember()
        print(surroundings.restore(), os.environ["SET_BY_IMPORT"], len(collected))
    """)

    assert lines == ["None 1 2"]


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
        from lilota.workers import threads
        threads._JOIN_SECONDS = 50
        threading.Thread(target=time.sleep, args=(0.01,), name="quick").start()
        print(surroundings.restore())
        threads._JOIN_SECONDS = 0.05
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


#: What a task does, and what the next one would see.
CHANGES = {
    "blocked signals": (
        "signal.pthread_sigmask(signal.SIG_BLOCK, {10, 14}); os.kill(os.getpid(), 14)",
        "signal.pthread_sigmask(signal.SIG_BLOCK, ()), signal.sigpending()",
    ),
    "any signal": ("signal.signal(signal.SIGWINCH, print)", "signal.getsignal(signal.SIGWINCH)"),
    "timers": ("signal.setitimer(signal.ITIMER_PROF, 9)", "signal.getitimer(signal.ITIMER_PROF)"),
    "limits": (
        "resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))",
        "resource.getrlimit(resource.RLIMIT_CORE)",
    ),
    "environment": ("os.environ = {}", "type(os.environ)"),
    "time zone": ("os.environ['TZ'] = 'Asia/Tokyo'; time.tzset()", "os.environ.get('TZ'), time.strftime('%Z')"),
    "C's time zone": ("os.environ['TZ'] = 'Asia/Tokyo'; time.mktime((2020,) + (1,) * 8)", "time.localtime(0).tm_hour"),
    "locale": ("locale.setlocale(locale.LC_ALL, 'C.UTF-8')", "locale.setlocale(locale.LC_ALL)"),
    "filters": ("warnings.simplefilter('error')", "warnings.filters"),
    "once": ("warnings.onceregistry['x'] = 1", "warnings.onceregistry"),
    "captured warnings": ("logging.captureWarnings(False)", "warnings.showwarning.__module__"),
    "logging.disable": ("logging.disable(50)", "logging.getLogger('x').isEnabledFor(40)"),
    "levels": (
        "logging.getLogger('lilota.tasks').setLevel(60)",
        "logging.getLogger('lilota.tasks.x').isEnabledFor(40)",
    ),
    "loggers": (
        "known = logging.getLogger('known'); known.disabled = True; known.addHandler(known); known.filters = [print]",
        "[getattr(logging.getLogger('known'), name) for name in ('disabled', 'propagate', 'handlers', 'filters')]",
    ),
    "records": (
        "logging.setLogRecordFactory(print); logging.raiseExceptions = False",
        "logging.getLogRecordFactory(), logging.raiseExceptions",
    ),
    "sockets": ("socket.setdefaulttimeout(0.001)", "socket.getdefaulttimeout()"),
    "event loop": (
        "loop = asyncio.new_event_loop(); asyncio.set_event_loop(loop); loop.add_signal_handler(14, print); del loop",
        "vars(asyncio.events)['_event_loop_policy'], signal.getsignal(14)",
    ),
    "profile": ("sys.setprofile(lambda *a: None)", "sys.getprofile()"),
    "trace": ("sys.settrace(lambda *a: None); threading.settrace(print)", "sys.gettrace(), threading.gettrace()"),
    "hooks": ("sys.excepthook = threading.excepthook = print", "sys.excepthook, threading.excepthook"),
    "path": ("sys.path.insert(0, 'x'); sys.argv = ['y']", "sys.path, sys.argv"),
    "tracebacks": ("sys.tracebacklimit = 1", "hasattr(sys, 'tracebacklimit')"),
    "settings": (
        "sys.setswitchinterval(1); sys.set_int_max_str_digits(0)",
        "sys.getswitchinterval(), sys.get_int_max_str_digits()",
    ),
    "garbage": (
        "gc.disable(); gc.set_threshold(1, 2, 3); gc.set_debug(gc.DEBUG_STATS)",
        "gc.isenabled(), gc.get_threshold(), gc.get_debug()",
    ),
    "memory": ("tracemalloc.start()", "tracemalloc.is_tracing()"),
    # Its timer is a thread of C, which ends a moment after it was told to.
    "faulthandler": (
        "faulthandler.dump_traceback_later(1000, exit=True)",
        "all(iter(lambda: os.path.isdir('/proc/self/task') and len(os.listdir('/proc/self/task')) > 1, False))",
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_the_next_task_does_not_see(what):
    """Each thing that a process has one of, and Python lets a task change."""
    change, look = CHANGES[what]
    lines = run(f"""
        import asyncio, faulthandler, gc, locale, logging, random, socket, tracemalloc, warnings
        logging.captureWarnings(True)
        logging.getLogger("known"), logging.getLogger("lilota.tasks.x")
        surroundings.remember()
        before = repr(({look},))
        {change}
        told = surroundings.restore()
        after = repr(({look},))
        print(told, before == after or (before, after))
    """)

    assert lines == ["None True"]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="there is no sys.monitoring")
def test_a_tool_that_watches_is_ended():
    """A profiler that a task has started does not slow down the next one."""
    lines = run("""
        sys.monitoring.use_tool_id(2, "profiler")
        sys.monitoring.set_events(2, sys.monitoring.events.CALL)
        print(surroundings.restore(), sys.monitoring.get_tool(2))
    """)

    assert lines == ["None None"]


def test_a_seed_does_not_reach_the_next_task():
    """The numbers of the next one are others, and one that sets the state back has changed nothing."""
    lines = run("""
        import random
        seen = set()
        for _ in range(3):
            random.seed(42)
            surroundings.restore()
            seen.add(random.random())
        random.seed(42)
        surroundings.remember()
        surroundings.restore()
        print(len(seen), random.random() == random.Random(42).random())
    """)

    assert lines == ["3 True"]


def test_a_handler_of_faulthandler_does_not_take_the_signal():
    """It is behind Python's back, and the next task could not be interrupted."""
    lines = run("""
        import faulthandler
        faulthandler.register(INTERRUPT_SIGNAL)
        surroundings.restore()
        print(faulthandler.unregister(INTERRUPT_SIGNAL))
    """)

    assert lines == ["False"]


def test_threads_without_a_name_are_counted():
    """`threading` does not know those that `_thread` has started."""
    lines = run("""
        import _thread
        _thread.start_new_thread(time.sleep, (1000,))
        while _thread._count() == surroundings._threads._count:
            pass
        print(surroundings.restore(), flush=True)
        os._exit(0)
    """)

    assert lines == ["left 1 thread without a name behind"]


def test_descriptors_that_grow_are_told():
    """At once, or with each task one more; those that the garbage collector closes do not count."""
    lines = run("""
        resource.setrlimit(resource.RLIMIT_NOFILE, (100, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        surroundings.remember()
        first = surroundings._descriptors._first
        told = number = None
        while told is None:
            os.open("/dev/null", os.O_RDONLY)
            told = surroundings.restore()
        print(told.replace(str((first + 100) // 2 - first), "half"))
        try:
            while True:
                os.open("/dev/null", os.O_RDONLY)
        except OSError:
            print(surroundings.restore().split(",")[0].split()[2:])
    """)

    assert lines == [
        "left 1 file descriptors open, after half of the tasks before it",
        "['file', 'descriptors', 'open']",
    ]
