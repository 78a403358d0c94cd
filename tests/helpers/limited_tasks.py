"""Tasks that have a limit of memory or of processor time, and others beside them."""

from __future__ import annotations

import builtins
import os
import subprocess
import sys
import time

from lilota import task
from lilota.errors import CpuLimitReached, MemoryLimitReached

#: So many megabytes are taken at most, should nobody end what takes them: a machine has tests beside these.
_MOST_MB = 6000
_FILL = f"import time\nheld = [bytearray(1_000_000) for _ in range({_MOST_MB})]\ntime.sleep(60)\n"


@task(max_memory_mb=200, max_lost_attempts=1)
def fill() -> None:
    """Takes memory until it is ended, and lets it go then."""
    _take_all()


@task(max_memory_mb=200, max_attempts=2)
def notice() -> str:
    """Takes memory in its first attempt, notices the limit, and goes on with less."""
    try:
        _take_all()
    except MemoryLimitReached as stop:
        return str(stop)
    return "nobody ended it"


@task(max_memory_mb=200, max_lost_attempts=1)
def burst() -> int:
    """Takes all in one call of C code, in which no other thread of Python runs."""
    return len(bytearray(_MOST_MB * 1_000_000))


@task(max_memory_mb=200, max_lost_attempts=1)
def fill_in_child() -> None:
    """Has a child take memory."""
    subprocess.run([sys.executable, "-c", _FILL], check=False)


@task(max_memory_mb=200)
def share(children: int) -> int:
    """Has children that share 100 MB with it, and each other."""
    held = os.urandom(100_000_000)
    pids = []
    for _ in range(children):
        pid = os.fork()
        if not pid:
            time.sleep(1)
            os._exit(0)
        pids.append(pid)
    for pid in pids:
        os.waitpid(pid, 0)
    return len(held)


@task(max_cpu_seconds=0.5, kill_after_seconds=60)
def burn() -> None:
    """Keeps a processor busy."""
    while True:
        pass


@task(max_cpu_seconds=0.5, kill_after_seconds=60)
def burn_in_child() -> None:
    """Has a child keep a processor busy."""
    subprocess.run([sys.executable, "-c", "while True: pass"], check=False)


@task(max_cpu_seconds=0.5, max_attempts=2, kill_after_seconds=1)
def burn_stubbornly() -> None:
    """Does not let go of the processor when it is asked to."""
    while True:
        try:
            while True:
                pass
        except CpuLimitReached:
            pass


@task(max_cpu_seconds=30)
def sleep_and_say(seconds: float) -> int:
    """Uses nearly no processor, and says in which process."""
    time.sleep(seconds)
    return os.getpid()


@task
def litter(megabytes: int) -> int:
    """Leaves memory in use in its process, and says in which one."""
    kept = getattr(builtins, "litter_of_tasks", [])
    builtins.litter_of_tasks = [*kept, os.urandom(megabytes * 1_000_000)]
    return os.getpid()


@task(max_memory_mb=200)
def tidy() -> int:
    """Says in which process it runs."""
    return os.getpid()


@task
def say(number: int) -> tuple[int, int]:
    """Says its number, and in which process it runs."""
    return number, os.getpid()


@task(max_lost_attempts=1)
def fill_without_limit() -> None:
    """Takes memory until something else ends it."""
    _take_all()


def _take_all() -> None:
    held = [bytearray(1_000_000) for _ in range(_MOST_MB)]
    time.sleep(60 if held else 0)


#: All of them, for the settings of a runner.
REFERENCES = {each.name: f"limited_tasks:{name}" for name, each in list(vars().items()) if hasattr(each, "task_class")}
