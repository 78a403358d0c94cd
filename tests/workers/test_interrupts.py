"""Exceptions that come from outside reach the task that is meant, once, and never lilota's own code.

Signals need a main thread with a handler of its own, so each test runs a program.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

PROGRAM = """
import signal, threading, time
from lilota.errors import CancelRequested, TimeoutReached
from lilota.workers.interrupts import INTERRUPT_SIGNAL, Interrupts

interrupts = Interrupts()

def from_another_thread(*arguments):
    thread = threading.Thread(target=interrupts.request, args=arguments)
    thread.start()
    thread.join()
"""


def run(program: str) -> list[str]:
    """Run a program in an interpreter of its own and return the lines that it printed."""
    source = PROGRAM + textwrap.dedent(program)
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_sleeping_task_is_interrupted():
    """The signal ends the sleep, and the exception comes out of it."""
    lines = run("""
        interrupts.open((1, 1))
        try:
            threading.Timer(0.05, interrupts.request, ((1, 1), CancelRequested)).start()
            time.sleep(1000)
        except CancelRequested:
            print("interrupted")
    """)

    assert lines == ["interrupted"]


@pytest.mark.parametrize(("fence", "expected"), [("(1, 1)", ["raised"]), ("(1, 2)", ["not raised"])])
def test_only_the_attempt_that_is_meant_is_interrupted(fence, expected):
    """A request that comes late does not hit the next attempt; one that comes early hits its own."""
    lines = run(f"""
        from_another_thread({fence}, CancelRequested)
        try:
            interrupts.open((1, 1))
            print("not raised")
        except CancelRequested:
            print("raised")
    """)

    assert lines == expected


def test_nothing_is_raised_while_the_door_is_closed():
    """Between attempts, and after the end of one."""
    lines = run("""
        interrupts.open((1, 1))
        interrupts.close()
        from_another_thread((1, 1), CancelRequested)
        interrupts.open((2, 1))
        print("quiet")
    """)

    assert lines == ["quiet"]


def test_a_shield_puts_the_exception_off_until_it_ends():
    """Also when shields are nested."""
    lines = run("""
        interrupts.open((1, 1))
        try:
            with interrupts:
                with interrupts:
                    from_another_thread((1, 1), TimeoutReached)
                    print("inner")
                print("outer")
            print("never")
        except TimeoutReached:
            print("raised")
    """)

    assert lines == ["inner", "outer", "raised"]


def test_a_shield_of_another_thread_does_not_protect_the_task():
    """Threads of the task that report do not hold up its end."""
    lines = run("""
        entered, leave = threading.Event(), threading.Event()
        def hold():
            with interrupts:
                entered.set()
                leave.wait()
        thread = threading.Thread(target=hold)
        thread.start()
        entered.wait()
        interrupts.open((1, 1))
        try:
            from_another_thread((1, 1), CancelRequested)
        except CancelRequested:
            print("raised")
        leave.set()
        thread.join()
    """)

    assert lines == ["raised"]


def test_an_attempt_is_interrupted_once():
    """The second exception would hit the clean-up after the first."""
    lines = run("""
        interrupts.open((1, 1))
        try:
            from_another_thread((1, 1), CancelRequested)
        except CancelRequested:
            from_another_thread((1, 1), TimeoutReached)
            print("cleaned up")
        interrupts.close()
    """)

    assert lines == ["cleaned up"]


def test_a_handler_that_a_task_replaced_is_installed_again():
    """The next task can be interrupted as ever."""
    lines = run("""
        signal.signal(INTERRUPT_SIGNAL, signal.SIG_IGN)
        interrupts.install()
        interrupts.open((1, 1))
        try:
            from_another_thread((1, 1), CancelRequested)
        except CancelRequested:
            print("raised")
    """)

    assert lines == ["raised"]


def test_exceptions_hit_nothing_but_the_task_in_thousands_of_attempts():
    """Requests at random moments: each is raised in the task or not at all, and shields hold."""
    lines = run("""
        import random
        stop, hits, current = threading.Event(), {"task": 0, "shield": 0, "outside": 0}, [0]
        def shoot():
            while not stop.is_set():
                interrupts.request((current[0], 0), CancelRequested)
                time.sleep(random.random() / 2000)
        threading.Thread(target=shoot, daemon=True).start()
        for number in range(10_000):
            current[0] = number
            place = "task"
            try:
                try:
                    interrupts.open((number, 0))
                    for _ in range(20):
                        with interrupts:
                            place = "shield"
                            sum(range(20))
                            place = "task"
                        sum(range(20))
                finally:
                    interrupts.close()
            except CancelRequested:
                hits[place] += 1
            try:
                sum(range(50))
            except CancelRequested:
                hits["outside"] += 1
        stop.set()
        print(hits["task"] > 0, hits["shield"], hits["outside"])
    """)

    assert lines == ["True 0 0"]
