"""Where is the stuck one stuck: `lilota stack`, and what is kept of a task that is ended by force."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import stuck_tasks
from cli_calls import call
from programs import freeze
from running import ended, started, texts, until

from lilota.config import Settings
from lilota.errors import LilotaError
from lilota.models import TaskState
from lilota.runner import TaskRunner
from lilota.running.control import ControlError, ask

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="a lock of the C library is made by hand")
START_METHODS = ["forkserver", pytest.param("spawn", marks=pytest.mark.slow)]


@pytest.fixture
def url(tmp_path, monkeypatch) -> str:
    url = f"sqlite:///{tmp_path}/tasks.db"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LILOTA_STORE", url)
    monkeypatch.delenv("LILOTA_DEBUG", raising=False)
    return url


@contextmanager
def stuck(url: str, **options: object) -> Iterator[TaskRunner]:
    runner = TaskRunner(url, 1, settings=Settings(), **options)
    for name, clazz in vars(stuck_tasks).items():
        if isinstance(clazz, type) and clazz.__module__ == stuck_tasks.__name__:
            runner.register(name, clazz)
    runner.start()
    try:
        yield runner
    finally:
        runner.stop(timeout_seconds=0)


def answer(task_id: int, *options: str) -> str:
    """Ask for a stack until the worker, which may have no processor just now, answers in the time that it has."""
    return until(lambda: call("stack", str(task_id), *options), lambda result: result.exit_code == 0).stdout


def threads_of(task_id: int) -> list[dict[str, object]]:
    return json.loads(answer(task_id, "--json"))["threads"]


# --- asked for


@pytest.mark.parametrize("start_method", START_METHODS)
@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("StuckInPython", "count_for_ever"),
        ("StuckAtALock", "wait_for_ever"),
        ("Dozes", "run"),
        ("BlocksItsLoop", "run"),
    ],
)
def test_a_task_that_is_stuck_in_python_shows_where_first(url, name, function, start_method, monkeypatch):
    """The thread of the task comes first, its own code alone; the others, by their names, behind it."""
    monkeypatch.setattr("lilota.running.stacks._ANSWER_SECONDS", 60.0)  # it tells by itself, and not by a signal
    with stuck(url, start_method=start_method) as runner:
        handle = runner.add(name)
        pid = started(handle).pid

        said = answer(handle.id)
        until(lambda: threads_of(handle.id), lambda seen: function in seen[0]["frames"][0])
        threads = threads_of(handle.id)

        assert f"Task 1 {name}, attempt 1, worker process {pid}" in said
        assert "The thread of the task (MainThread), the innermost call first:" in said
        assert [thread["of_task"] for thread in threads].count(True) == 1
        assert threads[0]["of_task"]
        assert threads[0]["frames"][-1].endswith(" in run")
        assert "stuck_tasks.py" in threads[0]["frames"][-1]
        if name == "StuckAtALock":
            assert {thread["name"] for thread in threads} >= {f"helper-{number}" for number in range(20)}
        assert handle.info().state is TaskState.RUNNING


@linux_only
@pytest.mark.parametrize("start_method", START_METHODS)
@pytest.mark.parametrize("name", ["StuckInC", "StuckInCWithoutSignals"])
def test_a_task_that_is_stuck_in_c_shows_where_it_called_c(url, name, start_method):
    """Nothing of Python runs in the worker; a signal shows the stacks, and the command says what they lack."""
    with stuck(url, start_method=start_method) as runner:
        handle = runner.add(name)
        started(handle)

        until(lambda: threads_of(handle.id), lambda seen: "call_c" in seen[0]["frames"][0])

        assert "It does not show C functions" in answer(handle.id)
        assert handle.info().state is TaskState.RUNNING


@linux_only
def test_a_worker_that_nothing_reaches_is_named(url):
    """It is stopped, say; the command neither waits for ever nor ends it."""
    with stuck(url) as runner:
        handle = runner.add("Dozes")
        pid = started(handle).pid
        freeze(pid)
        try:
            result = call("stack", str(handle.id))
        finally:
            os.kill(pid, signal.SIGCONT)

        assert result.exit_code == 1
        assert f"Its worker process {pid} does not answer, not even to a signal" in result.stderr
        assert threads_of(handle.id)[0]["frames"]


def test_a_task_that_waits_or_has_ended_is_said_to_have_no_stack(url):
    """In its own words; a task that the runner holds behind another one has none either."""
    with stuck(url) as runner:
        quick = runner.add("Quick")
        quick.result(60)
        later = runner.add("Quick", delay_seconds=1000)

        after, before = call("stack", str(quick.id)), call("stack", str(later.id))
        unknown = call("stack", "99")

    assert (after.exit_code, before.exit_code, unknown.exit_code) == (1, 1, 1)
    assert after.stderr == "Error: Task 1 has succeeded, so it has no stack. See: lilota logs 1\n"
    assert before.stderr == "Error: Task 2 waits, so it has no stack: it has not run yet.\n"
    assert "99" in unknown.stderr


def test_a_runner_answers_for_its_own_tasks_alone_and_survives_nonsense(url):
    """Tasks can reach its socket too; whatever comes, the next one is answered."""
    with stuck(url) as runner:
        handle = runner.add("Dozes")
        started(handle)
        address = runner.store.runners()[0].about["control"]

        ended_between = ask(address, {"stack": 4711})
        nonsense = ask(address, {"dance": True})
        for question in ({"x": "y" * 10_000}, {"stack": handle.id, "more": ["x"] * 3000}):
            with pytest.raises(ControlError):
                ask(address, question)

        assert ended_between == {"none": "Its runner does not have it any more: the attempt has just ended."}
        assert "does not know this question" in nonsense["none"]
        assert threads_of(handle.id)[0]["frames"]
    with pytest.raises(LilotaError, match="can't be reached from here"):
        ask(address, {"stack": 1})


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root can become somebody else")
def test_another_user_is_refused(url):
    """Whoever may not see the process of the runner does not learn what it does."""
    with stuck(url) as runner:
        address = runner.store.runners()[0].about["control"]
        program = (
            "import os\nfrom lilota.running.control import ask\nos.setuid(65534)\n"
            f"try:\n    ask({address!r}, {{'stack': 1}})\nexcept Exception as error:\n    print(error)"
        )
        said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert "belongs to the user 0" in said


# --- kept


@linux_only
def test_a_cancelled_task_that_is_ended_by_force_keeps_the_stack_it_had(url, monkeypatch):
    """In its log: a line that says what happened, and where it was."""
    monkeypatch.setattr("lilota.engine.stop_ladder.STACK_SECONDS", 3.0)  # on a busy machine it takes longer to tell
    with stuck(url) as runner:
        handle = runner.add("StuckInCForLong")
        started(handle)
        until(lambda: threads_of(handle.id), lambda seen: "call_c" in seen[0]["frames"][0])

        handle.cancel()
        info = ended(handle)
        said, task, call_c, run, *_others = texts(handle)

    assert info.state is TaskState.CANCELLED
    assert said == ("It was cancelled, did not end when it was asked to, and is ended by force. This is where it was:")
    assert task.startswith("The thread of the task")  # newer Pythons name it
    assert call_c.endswith(" in call_c")
    assert run.endswith(" in run")


def test_a_cancelled_task_that_ended_when_it_was_asked_to_says_where_it_was(url):
    """In its log, too: a lock in Python lets the exception through, and then no force is needed."""
    with stuck(url) as runner:
        handle = runner.add("StuckAtALock")
        started(handle)
        until(lambda: threads_of(handle.id), lambda seen: "wait_for_ever" in seen[0]["frames"][0])

        handle.cancel()
        info = ended(handle)
        said, *frames = texts(handle)

    assert info.state is TaskState.CANCELLED
    assert said == "It was cancelled. This is where it was, the innermost call last:"
    assert any(line.endswith(" in wait_for_ever") for line in frames)


@linux_only
def test_a_task_over_its_time_limit_that_is_ended_by_force_keeps_the_stack_it_had(url):
    """Its error has it for a traceback, which it could not have otherwise."""
    with stuck(url) as runner:
        info = ended(runner.add("OverItsTime"))

    assert info.error is not None
    assert info.error.type == "TimeoutReached"
    if "stopped by force" in info.error.message:  # a busy machine may have interrupted it before it called C
        assert " in call_c" in info.error.traceback


@linux_only
def test_a_worker_that_can_not_tell_is_killed_all_the_same(url):
    """It has taken the signal away; the command says so too."""
    with stuck(url) as runner:
        handle = runner.add("StuckInCUnseen")
        started(handle)
        until(lambda: call("stack", str(handle.id)), lambda result: "does not answer, not even" in result.stderr)

        handle.cancel()
        info = ended(handle)
        said = texts(handle)

    assert info.state is TaskState.CANCELLED
    assert said == [
        "It was cancelled, did not end when it was asked to, and is ended by force. It did not tell where it was."
    ]


def test_a_lost_attempt_has_a_line_that_says_when_where_and_why(url):
    """The worker dies, the runner lives and tells; the next attempt runs."""
    with stuck(url) as runner:
        handle = runner.add("Dozes")
        os.kill(started(handle).pid, signal.SIGKILL)
        until(handle.info, lambda info: info.lost_attempts == 1)
        (line,) = until(lambda: list(handle.logs()), bool)
        host = runner.store.runners()[0].host

    assert line.text == (
        f"Attempt 1 was lost on {host} (runner {line_runner(line.text)}, process {os.getpid()}). "
        "The worker process was killed by signal 9 (SIGKILL)."
    )
    assert (line.attempt, line.source, line.at > 1e9) == (1, "lilota", True)


def line_runner(text: str) -> str:
    return text.split("(runner ")[1].split(",", maxsplit=1)[0]
