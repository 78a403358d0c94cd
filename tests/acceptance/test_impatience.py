"""Somebody presses Ctrl-C, and again, and a third time: each does what was said of it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from programs import Program

from lilota.models import TaskInfo, TaskState
from lilota.stores import open_store

SCRIPT = """
import runner_tasks
from lilota import TaskRunner

if __name__ == "__main__":
    runner = TaskRunner("sqlite:///tasks.db", 1)
    runner.register("stubborn", runner_tasks.Stubborn)
    with runner:
        runner.add("stubborn")
        while not runner.client.get(1).info().reported_progress:
            pass
        print("in the block", flush=True)
        input()
"""
#: The same on a store that answers no more once a file is there.
HANGING_SCRIPT = SCRIPT.replace('"sqlite:///tasks.db"', 'Hanging(open_store("sqlite:///tasks.db"))').replace(
    "from lilota import TaskRunner",
    """
import pathlib, threading
from lilota import TaskRunner
from lilota.contract.forwarding import ForwardingStore
from lilota.stores import open_store

class Hanging(ForwardingStore):
    def forward(self, method, *arguments, **options):
        while pathlib.Path("hangs").exists():
            threading.Event().wait()
        return super().forward(method, *arguments, **options)
""",
)
#: The same, and the third Ctrl-C comes as early as it can: while the second one is being answered.
HASTY_SCRIPT = HANGING_SCRIPT.replace(
    'if __name__ == "__main__":',
    """
import logging, signal

class Haste(logging.Handler):
    def emit(self, record):
        if "Once more waits for nothing." in record.getMessage():
            signal.raise_signal(signal.SIGINT)

if __name__ == "__main__":
    logging.basicConfig()
    logging.getLogger("lilota").addHandler(Haste())""",
)
#: A worker on a store that stops answering when its runner stops.
HANGING = """
import threading
import runner_tasks
from lilota.contract.forwarding import ForwardingStore
from lilota.foreground import run_worker
from lilota.stores import open_store

class Hanging(ForwardingStore):
    def release(self, runner_id):
        threading.Event().wait()

def say(sentence):
    print(sentence, flush=True)

if __name__ == "__main__":
    store = Hanging(open_store("sqlite:///tasks.db"))
    run_worker(store, 1, ready=lambda facts: print("Ready", flush=True), say=say)
"""

Started = Callable[[str], Program]


@pytest.fixture
def start(tmp_path) -> Iterator[Started]:
    programs = []

    def started(source: str) -> Program:
        programs.append(Program(tmp_path, source))
        return programs[-1]

    yield started
    for program in programs:
        program.kill_all()


def task_of(folder: Path) -> TaskInfo:
    store = open_store(f"sqlite:///{folder}/tasks.db")
    store.open()
    try:
        return store.get(1)
    finally:
        store.close()


def test_a_second_ctrl_c_gives_back_what_a_script_waits_for(start, tmp_path):
    """The first one leaves the block, which waits for the tasks and says so; the second ends the program, in order."""
    program = start(SCRIPT)
    program.wait_for("in the block")
    program.interrupt()
    program.wait_for("The runner waits for stubborn 1. Ctrl-C gives back what runs now.")

    program.interrupt()
    code = program.wait()

    assert code == -signal.SIGINT
    assert "KeyboardInterrupt: the runner gives back what runs. Once more waits for nothing." in program.output
    assert (task_of(tmp_path).state, task_of(tmp_path).attempt) == (TaskState.PENDING, 0)
    assert program.left_alive() == {}


def test_a_third_ctrl_c_ends_a_script_whose_store_does_not_answer(start, tmp_path):
    """The second one can give nothing back there."""
    program = start(HANGING_SCRIPT)
    program.wait_for("in the block")
    program.interrupt()
    program.wait_for("The runner waits for stubborn 1.")
    (tmp_path / "hangs").touch()
    program.interrupt()
    program.wait_for("Once more waits for nothing.")

    program.interrupt()
    code = program.wait()

    assert code == -signal.SIGINT
    assert program.left_alive() == {}


def test_a_third_ctrl_c_that_comes_at_once_is_not_lost(start, tmp_path):
    """It interrupts the runner in the middle of answering the second one."""
    program = start(HASTY_SCRIPT)
    program.wait_for("in the block")
    program.interrupt()
    program.wait_for("The runner waits for stubborn 1.")
    (tmp_path / "hangs").touch()

    program.interrupt()
    code = program.wait()

    assert code == -signal.SIGINT
    assert program.left_alive() == {}


def test_a_third_signal_ends_a_worker_whose_store_does_not_answer(start):
    """The second one can give nothing back there; nobody has to look for SIGKILL."""
    program = start(HANGING)
    program.wait_for("Ready")
    program.interrupt()
    program.wait_for("SIGINT: taking no new tasks")
    program.interrupt()
    program.wait_for("SIGINT: giving back what runs. Once more waits for nothing.")

    program.interrupt()
    code = program.wait()

    assert code == -signal.SIGINT
    assert "SIGINT: leaving at once." in program.output
    assert program.left_alive() == {}
