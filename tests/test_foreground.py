"""A program runs tasks in its foreground, as `lilota worker` does, until a signal says stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

from lilota.foreground import stop_signals

PROGRAM = """
from lilota.foreground import run_worker

if __name__ == "__main__":
    run_worker("sqlite:///own.db", 1, queues=["mails"], ready=lambda facts: print(facts, flush=True), say=print)
    print("click" in __import__("sys").modules)
"""


def test_a_program_can_be_a_worker(tmp_path):
    """It says what it does, stops in good order, and needs nothing of the command line."""
    (tmp_path / "program.py").write_text(textwrap.dedent(PROGRAM))
    with (
        subprocess.Popen([sys.executable, "program.py"], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as worker,
        worker.stdout as output,
    ):
        facts = output.readline()
        worker.send_signal(signal.SIGTERM)
        sentences = output.read().splitlines()

    assert "own.db" in facts
    assert "'queues': 'mails'" in facts
    assert "'processes': '1, started by " in facts
    assert sentences[0].startswith("SIGTERM: taking no new tasks; running ones may go on for 30 s.")
    assert sentences[1:] == ["Stopped.", "False"]
    assert worker.returncode == 0


def test_a_worker_says_which_configured_tasks_can_not_be_imported(tmp_path):
    """Before the first of them is added; it runs the others all the same."""
    (tmp_path / "program.py").write_text(textwrap.dedent(PROGRAM))
    (tmp_path / "lilota.toml").write_text('[tasks]\nlost = "foreground_nowhere:Lost"\n')
    with subprocess.Popen(
        [sys.executable, "program.py"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as worker:
        said = worker.stderr.readline()
        worker.stdout.readline()  # ready
        worker.send_signal(signal.SIGTERM)
        worker.communicate(timeout=60)

    assert "The task 'lost' can't be imported from 'foreground_nowhere:Lost': ModuleNotFoundError" in said
    assert f"It is configured in {tmp_path}/lilota.toml; until that is mended, it fails." in said
    assert worker.returncode == 0


def test_signals_arrive_as_messages_and_the_handlers_come_back():
    """A signal interrupts nothing; afterwards the program is as it was."""
    before = signal.getsignal(signal.SIGTERM)

    with stop_signals() as received:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        names = {received.get(timeout=60).name, received.get(timeout=60).name}

    assert names == {"SIGTERM", "SIGINT"}
    assert signal.getsignal(signal.SIGTERM) is before


def test_who_was_started_to_outlive_the_terminal_does():
    """`nohup` ignores SIGHUP, and so it stays."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_signals() as received:
            os.kill(os.getpid(), signal.SIGHUP)

        assert received.empty()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
