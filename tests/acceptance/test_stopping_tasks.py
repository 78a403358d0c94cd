"""Cancel, time out, retry and stop: how a task ends before it is done, or runs again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import zoo_tasks
from running import ended, running, started, stopping, store_url, texts, until

from lilota.config import Settings
from lilota.errors import TaskCancelledError
from lilota.models import TaskState
from lilota.runner import TaskRunner
from lilota.testing.executors.crew import is_alive

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who has left a process group")


@pytest.fixture(params=["memory", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return store_url(request.param, tmp_path)


@pytest.fixture
def memory(tmp_path: Path) -> str:
    return store_url("memory", tmp_path)


@pytest.fixture
def durable(tmp_path: Path) -> str:
    return store_url("sqlite", tmp_path)


# --- cancel


def test_a_pending_task_is_cancelled_at_once_and_never_runs(url, tmp_path):
    """A task that waits for its time has no attempt to stop."""
    with running(url) as runner:
        handle = runner.add("Raises", delay_seconds=1000)

        state = handle.cancel()
        info = handle.info()

    assert state is TaskState.CANCELLED
    assert info.state is TaskState.CANCELLED
    assert info.attempt == 0
    with pytest.raises(TaskCancelledError):
        handle.result(1)


@pytest.mark.parametrize("name", ["Sleeps", "SleepsInAsyncio", "SleepsInCoroutine"])
def test_cancel_interrupts_a_task_that_sleeps(url, tmp_path, name):
    """The exception ends a `time.sleep`, an event loop with a task group, or a coroutine; no force is needed."""
    with running(url) as runner:
        handle = runner.add(name)
        pid = started(handle).pid

        handle.cancel()
        info = ended(handle)
        after = runner.add("WellBehaved", input={"folder": str(tmp_path)})
        after.result(60)

    assert info.state is TaskState.CANCELLED
    assert info.error is None
    assert after.info().pid == pid
    assert [text for text in texts(handle) if text == "finally"] == ([] if name == "SleepsInAsyncio" else ["finally"])


@pytest.mark.parametrize("name", ["Cooperative", "CooperativeCoroutine"])
def test_a_cooperative_task_ends_where_it_likes_when_cancelled(url, name):
    """A task that looks at `self.cancelled` gets no exception, and keeps the output that it sets at its end."""
    with running(url) as runner:
        handle = runner.add(name)
        started(handle)

        handle.cancel()
        info = ended(handle)

    assert info.state is TaskState.CANCELLED
    assert info.output == {"ended": "where it liked"}


def test_a_task_that_looked_before_the_cancellation_and_ended_by_itself_succeeded(memory):
    """Only a task that has seen that it should stop counts as stopped."""
    with running(memory) as runner:
        handle = runner.add("LooksOnce")
        started(handle)

        handle.cancel()
        info = ended(handle)

    assert info.state is TaskState.SUCCEEDED
    assert info.output == {"looked": False}


@pytest.mark.parametrize("name", ["Stubborn", "Swallows", "HoldsTheGIL", "SwallowsInCoroutine", "BlocksItsLoop"])
def test_a_task_that_does_not_want_to_end_is_cancelled_by_force(url, tmp_path, name):
    """After asking come SIGTERM and SIGKILL, in time, and the neighbours do not notice."""
    with running(url, 2) as runner:
        handle = runner.add(name, input={"folder": str(tmp_path)})
        pid = started(handle).pid

        handle.cancel()
        info = ended(handle)
        neighbours = [runner.add("WellBehaved", input={"folder": str(tmp_path)}) for _ in range(3)]
        outputs = [neighbour.result(60) for neighbour in neighbours]

    assert info.state is TaskState.CANCELLED
    assert not is_alive(pid)
    assert all(outputs)


def test_the_children_of_a_task_die_with_it_when_it_is_stopped_by_force(memory, tmp_path):
    """The process group is killed, a `sleep 1000` that the task started included."""
    with running(memory) as runner:
        handle = runner.add("Stubborn", input={"folder": str(tmp_path)})
        started(handle)
        child = int((tmp_path / "child").read_text())
        was_alive = is_alive(child)

        handle.cancel()
        ended(handle)

        assert was_alive
        assert not is_alive(child)


# --- what a task started


STARTS = ["child", "session", "orphan", "daemon", "stubborn"]


def _child(folder: Path, attempt: int = 1) -> int:
    return int((folder / f"child-{attempt}").read_text())


@linux_only
@pytest.mark.parametrize("start", STARTS)
def test_what_a_task_leaves_running_is_gone_when_the_task_has_succeeded(memory, tmp_path, start):
    """Whatever session it is in, and whoever its parent was; the log names it, and the worker goes on."""
    with running(memory) as runner:
        handle = runner.add("StartsProcess", input={"folder": str(tmp_path), "start": start, "end": "returns"})
        info = ended(handle)
        alive = is_alive(_child(tmp_path))
        after = runner.add("WellBehaved", input={"folder": str(tmp_path)})
        after.result(60)

    assert info.state is TaskState.SUCCEEDED
    assert not alive
    (line,) = texts(handle)
    assert line.startswith("The task left processes running, which were ended: ")
    assert f"({_child(tmp_path)})" in line
    assert after.info().pid == info.pid


@linux_only
@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("end", ["sleeps", "swallows"])
def test_what_a_task_started_is_gone_when_the_task_is_cancelled(memory, tmp_path, start, end):
    """Whether the task ends when it is asked, or its worker has to be killed."""
    with running(memory) as runner:
        handle = runner.add("StartsProcess", input={"folder": str(tmp_path), "start": start, "end": end})
        started(handle)
        was_alive = is_alive(_child(tmp_path))

        handle.cancel()
        info = ended(handle)
        alive = is_alive(_child(tmp_path))

    assert was_alive
    assert info.state is TaskState.CANCELLED
    assert not alive


@linux_only
@pytest.mark.parametrize("end", ["sleeps", "swallows"])
def test_what_an_attempt_started_is_gone_before_the_next_attempt_begins(url, tmp_path, end):
    """After a time limit, too: the work is never done twice at the same time."""
    with running(url) as runner:
        info = ended(
            runner.add("StartsProcessWithTimeout", input={"folder": str(tmp_path), "start": "session", "end": end})
        )

    assert info.output == {"lives": False}


@linux_only
@pytest.mark.parametrize("end", ["raises", "crashes", "exits"])
@pytest.mark.parametrize("start", ["child", "session", "orphan", "stubborn"])
def test_what_a_task_started_is_gone_when_it_fails_or_its_worker_dies(memory, tmp_path, start, end):
    """A worker that crashes can end nothing itself; the runner finds what it has started."""
    with running(memory) as runner:
        place = {"folder": str(tmp_path), "start": start, "end": end}
        info = ended(runner.add("StartsProcess", input=place, max_lost_attempts=1))
        alive = is_alive(_child(tmp_path))

    assert info.state is TaskState.FAILED
    assert not alive


@linux_only
@pytest.mark.skipif(os.environ.get("LILOTA_START_METHOD") == "spawn", reason="there is no fork server then")
@pytest.mark.parametrize("end", ["crashes", "exits"])
def test_a_daemon_forked_from_a_worker_that_dies_is_ended_by_the_fork_server(memory, tmp_path, end):
    """It carries no mark, and has closed everything; no zombie stays."""
    with running(memory) as runner:
        place = {"folder": str(tmp_path), "start": "daemon", "end": end}
        neighbour = runner.add("WellBehaved", input={"folder": str(tmp_path)})
        ended(runner.add("StartsProcess", input=place, max_lost_attempts=1))

        until(lambda: Path(f"/proc/{_child(tmp_path)}").exists(), lambda exists: not exists)
        neighbour.result(60)
        runner.add("WellBehaved", input={"folder": str(tmp_path)}).result(60)


@linux_only
@pytest.mark.parametrize("start", STARTS)
def test_what_a_task_started_is_gone_when_its_runner_has_stopped(durable, tmp_path, start):
    """By force, at once."""
    with running(durable) as runner:
        handle = runner.add("StartsProcess", input={"folder": str(tmp_path), "start": start, "end": "sleeps"})
        started(handle)
        runner.stop(timeout_seconds=0)

        assert not is_alive(_child(tmp_path))


@linux_only
def test_what_a_left_process_prints_is_no_line_of_another_task(memory, tmp_path):
    """What it printed until its end belongs to the task that started it."""
    with running(memory) as runner:
        first = runner.add("LeavesTalkative")
        others = [runner.add("WellBehaved", input={"folder": str(tmp_path)}) for _ in range(3)]
        for handle in [first, *others]:
            handle.result(60)

    assert "from the process that was left" in texts(first)
    assert [sorted(texts(other)) for other in others] == [["a child's line", "a logged line", "a printed line"]] * 3


@linux_only
def test_a_left_process_is_asked_to_end_before_it_is_killed(memory, tmp_path):
    """By SIGTERM, as any program expects."""
    with running(memory) as runner:
        runner.add("LeavesAsked", input={"folder": str(tmp_path)}).result(60)

    assert (tmp_path / "asked").read_text() == "yes\n"


@linux_only
def test_processes_that_have_ended_are_reaped_without_a_word(memory):
    """Nothing is left of a process for which the task did not wait, no zombie either."""
    with running(memory) as runner:
        handle = runner.add("LeavesZombie")
        pid = handle.result(60)["pid"]
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text()

    assert texts(handle) == []
    assert children == ""


def test_a_program_takes_an_interrupt_as_it_does_outside_of_a_task(memory):
    """SIGINT ends what a task has started; the worker itself leaves it to its runner."""
    with running(memory) as runner:
        output = runner.add("InterruptsChild").result(60)

    assert output == {"child": -signal.SIGINT, "fork": 7}


IN_A_TERMINAL = """
import fcntl, termios
from running import running

if __name__ == "__main__":
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    with running("memory") as runner, open("/dev/tty") as terminal:
        print(terminal.isatty(), runner.add("AsksOnTerminal").result(60)["said"])
"""


def test_a_program_of_a_task_can_ask_nobody_on_the_terminal_of_the_runner(tmp_path):
    """It fails at once, as in a service: a question that nobody expects would hold the task up for ever."""
    (tmp_path / "program.py").write_text(IN_A_TERMINAL)
    master, slave = os.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "program.py"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(Path(zoo_tasks.__file__).parent)},
            stdin=slave,
            capture_output=True,
            text=True,
            start_new_session=True,
            timeout=120,
            check=True,
        )
    finally:
        os.close(master)
        os.close(slave)

    assert done.stdout.startswith("True ")
    assert "/dev/tty" in done.stdout


def test_a_task_behind_a_slow_one_is_cancelled_without_a_run(url):
    """Waiting for a worker is no reason to run after a cancellation."""
    with running(url) as runner:
        slow = runner.add("Sleeps")
        started(slow)
        behind = runner.add("Raises")

        behind.cancel()
        slow.cancel()
        infos = [ended(slow), ended(behind)]

    assert [info.state for info in infos] == [TaskState.CANCELLED, TaskState.CANCELLED]
    assert infos[1].error is None


# --- timeout


@pytest.mark.parametrize("name", ["SleepsWithTimeout", "SleepsInCoroutineWithTimeout"])
def test_a_timeout_is_an_exception_in_the_task(url, name):
    """`finally` blocks run, the error says how long the limit was, and the traceback ends in the task."""
    with running(url) as runner:
        info = ended(handle := runner.add(name))

    assert info.state is TaskState.FAILED
    assert info.error is not None
    assert info.error.type == "TimeoutReached"
    assert info.error.message == "The task ran for more than 1 s."
    assert "sleep(" in info.error.traceback
    assert "interrupts.py" not in info.error.traceback
    assert texts(handle) == ["finally"]


def test_a_short_task_with_a_timeout_succeeds(memory):
    """The time limit is no minimum."""
    with running(memory) as runner:
        info = ended(runner.add("SleepsWithTimeout", input={"seconds": 0}))

    assert info.state is TaskState.SUCCEEDED


def test_a_timeout_is_worth_another_attempt(memory):
    """`max_attempts` counts timeouts like errors."""
    with running(memory) as runner:
        info = ended(runner.add("TriesAgainAfterTimeout"))

    assert info.state is TaskState.FAILED
    assert info.attempt == 2


def test_a_cooperative_task_that_ends_after_its_time_failed(memory):
    """It looked, saw that it should end, and returned: not cancelled, since nobody has cancelled it."""
    with running(memory) as runner:
        info = ended(runner.add("CooperativeWithTimeout"))

    assert info.state is TaskState.FAILED
    assert info.error is not None
    assert info.error.type == "TimeoutReached"


@pytest.mark.parametrize("name", ["StubbornWithTimeout", "HoldsTheGILWithTimeout"])
def test_a_task_that_ignores_its_timeout_is_stopped_by_force(url, tmp_path, name):
    """The error says that asking did not help."""
    with running(url) as runner:
        info = ended(runner.add(name, input={"folder": str(tmp_path)}))
        after = runner.add("WellBehaved", input={"folder": str(tmp_path)}).result(60)

    assert info.state is TaskState.FAILED
    assert info.error is not None
    assert info.error.type == "TimeoutReached"
    assert info.error.message == (
        "The task ran for more than 0.2 s, did not end when asked to, and was stopped by force."
    )
    assert after is not None


def test_the_time_limit_holds_though_the_import_took_longer(memory):
    """The first task of a worker waits for its class; the limit counts from when `run` begins."""
    from slow_import_tasks import ImportedSlowly

    runner = TaskRunner(memory, 1, settings=Settings())
    runner.register("ImportedSlowly", ImportedSlowly)
    with runner:
        info = ended(runner.add("ImportedSlowly"))

    assert info.error is not None
    assert info.error.message == "The task ran for more than 0.2 s."


# --- retries


def test_a_task_runs_again_after_an_error_and_finds_its_output(url):
    """What an attempt has set as output is there for the next one."""
    with running(url) as runner:
        info = ended(runner.add("FailsTwice"))

    assert info.state is TaskState.SUCCEEDED
    assert info.output == {"before": 2, "attempt": 3}
    assert info.attempt == 3


@pytest.mark.parametrize(
    ("name", "runs"),
    [("FailsAlways", 3), ("FailsUnworthily", 1), ("FailsForGood", 1)],
    ids=["always", "not-on", "never"],
)
def test_attempts_end_where_the_class_says(url, tmp_path, name, runs):
    """`max_attempts`, `retry_on` and `never_retry_on` decide how often `run()` is called."""
    with running(url) as runner:
        info = ended(runner.add(name, input={"folder": str(tmp_path)}))

    assert info.state is TaskState.FAILED
    assert info.error is not None
    assert (info.error.type, info.error.message) == ("KeyError", "'missing'")
    assert (tmp_path / "runs").read_text() == "ran\n" * runs


def test_a_task_comes_back_as_often_as_it_likes(url):
    """`Retry` spends no attempt, though `max_attempts` is 1."""
    with running(url) as runner:
        info = ended(runner.add("ComesBack"))

    assert info.state is TaskState.SUCCEEDED
    assert info.output == {"count": 5, "attempt": 1}


def test_a_failed_task_runs_again_when_a_user_says_so(url):
    """`retry()` starts over."""
    with running(url) as runner:
        handle = runner.add("Raises")
        first = ended(handle)

        handle.retry()
        second = until(handle.info, lambda info: info.state.is_terminal and info.finished_at != first.finished_at)

    assert second.state is TaskState.FAILED
    assert second.attempt == 1


# --- stopping the runner


def test_stop_waits_for_what_runs(url):
    """Without a time limit nothing is interrupted."""
    with running(url) as runner:
        handle = runner.add("Slow")
        started(handle)
        runner.stop()

        info = handle.info()

    assert info.state is TaskState.SUCCEEDED
    assert info.output == {"ended": True}


@pytest.mark.parametrize("name", ["Sleeps", "Cooperative", "Swallows", "SleepsInCoroutine", "SwallowsInCoroutine"])
def test_stop_with_a_time_limit_gives_back_what_runs(durable, tmp_path, name):
    """The task is pending again and has not spent the attempt, also if it saw `self.cancelled` and returned."""
    with running(durable) as runner:
        handle = runner.add(name)
        pid = started(handle).pid
        runner.stop(timeout_seconds=0.1)

    with running(durable) as second:
        again = second.client.get(handle.id)
        info = until(again.info, lambda info: info.state is TaskState.RUNNING and info.pid not in {0, pid})

    assert info.attempt == 1
    assert info.lost_attempts == 0
    assert not is_alive(pid)


def test_stop_at_once_kills_and_gives_back(durable):
    """With 0 seconds nobody is asked."""
    with running(durable) as runner:
        handle = runner.add("Sleeps")
        pid = started(handle).pid
        runner.stop(timeout_seconds=0)

    info = handle.info()
    assert info.state is TaskState.PENDING
    assert info.attempt == 0
    assert not is_alive(pid)
    assert texts(handle) == []


def test_a_second_stop_with_no_time_asks_nobody_either(durable):
    """Who has asked before may still decide to kill."""
    with running(durable) as runner:
        handle = runner.add("Sleeps")
        started(handle)
        patient = threading.Thread(target=runner.stop)
        patient.start()
        stopping(runner)
        runner.stop(timeout_seconds=0)
        patient.join(60)

    assert texts(handle) == []
    assert handle.info().state is TaskState.PENDING


def test_a_second_stop_shortens_the_first(durable):
    """Somebody who loses patience need not wait for the first call."""
    with running(durable) as runner:
        handle = runner.add("Sleeps")
        started(handle)
        patient = threading.Thread(target=runner.stop)
        patient.start()
        stopping(runner)
        runner.stop(timeout_seconds=0)
        patient.join(60)

    assert not patient.is_alive()
    assert handle.info().state is TaskState.PENDING
