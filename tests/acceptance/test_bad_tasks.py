"""The zoo: each bad task runs beside well-behaved neighbours, and harms nobody but itself."""

from __future__ import annotations

import logging
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from running import ended, running, store_url, texts, until

from lilota.config import Settings
from lilota.models import TaskState
from lilota.runner import TaskRunner
from lilota.testing.executors.crew import is_alive


@pytest.fixture(params=["memory", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return store_url(request.param, tmp_path)


@pytest.fixture
def memory(tmp_path: Path) -> str:
    return store_url("memory", tmp_path)


def run_beside_neighbours(url: str, folder: Path, name: str, input: dict[str, Any] | None = None, **options: Any):
    """Run a bad task between neighbours in one worker process; the neighbours must notice nothing."""
    with running(url) as runner:
        place = {"folder": str(folder)}
        before = runner.add("WellBehaved", input=place)
        expected = before.result(60)
        bad = runner.add(name, input={**place, **(input or {})}, **options)
        behind = [runner.add("WellBehaved", input=place) for _ in range(3)]
        info = ended(bad)
        neighbours = [handle.result(60) for handle in behind]
        lines = texts(bad)
        state_later = bad.info().state

    assert neighbours == [expected] * 3
    # What is printed is collected now and then, what is logged at once: the order is not theirs.
    assert [sorted(texts(handle)) for handle in behind] == [["a child's line", "a logged line", "a printed line"]] * 3
    assert info.state.is_terminal
    assert state_later is info.state
    return info, lines


ERRORS = [
    ("Raises", "zoo_tasks.OwnError", "the disk is on fire"),
    ("RaisesSystemExit", "SystemExit", r"The task tried to end its process: sys\.exit\(3\)\."),
    ("RaisesKeyboardInterrupt", "KeyboardInterrupt", "Program interrupted by user."),
    ("RaisesBaseException", "zoo_tasks.OwnBaseException", "from far below"),
    ("RaisesUnprintable", "zoo_tasks.UnprintableError", r"<its str\(\) raised RuntimeError>"),
    ("RaisesExitingText", "zoo_tasks.ExitingTextError", r"<its str\(\) raised SystemExit>"),
    ("RaisesUnpicklable", "zoo_tasks.OwnError", "holds a lock"),
    ("RaisesGroup", "ExceptionGroup", r"several things \(2 sub-exceptions\)"),
    ("RaisesEndless", "zoo_tasks.OwnError", "x{4000}"),
    ("RaisesSurrogates", "zoo_tasks.OwnError", r"half \\ud800 and nul \\x00"),
    ("Recurses", "RecursionError", "maximum recursion depth exceeded.*"),
    ("RunsOutOfMemory", "MemoryError", "Out of memory."),
    ("FailsInInit", "zoo_tasks.OwnError", "not even built"),
    ("BrokenRetryOn", "RuntimeError", "isinstance is broken"),
    (
        "OtherOutput",
        "ValueError",
        r"set_output was called for the task \d+ in the task \d+\. Write self\.set_output\(self\.task_info\.id, .*",
    ),
]


@pytest.mark.parametrize(("name", "kind", "message"), ERRORS, ids=[case[0] for case in ERRORS])
def test_a_task_that_raises_fails_with_a_text_for_people(url, tmp_path, name, kind, message):
    """Whatever `run()` raises, the task fails once, and its error says what happened and where."""
    info, _ = run_beside_neighbours(url, tmp_path, name)

    assert info.state is TaskState.FAILED
    assert info.error is not None
    assert info.error.type == kind
    assert re.fullmatch(message, info.error.message)
    assert info.attempt == 1
    assert len(info.error.traceback) <= 32_000


DEATHS = [
    ("ExitsAtOnce", {"code": 0}, "exited with code 0"),
    ("ExitsAtOnce", {"code": 3}, "exited with code 3"),
    ("Segfaults", {}, "was killed by signal 11 (SIGSEGV)"),
    ("KillsItself", {}, "was killed by signal 9 (SIGKILL)"),
]


@pytest.mark.parametrize(("name", "input", "cause"), DEATHS, ids=["exit-0", "exit-3", "segfault", "sigkill"])
def test_a_task_that_kills_its_worker_three_times_fails(url, tmp_path, name, input, cause):
    """A death is not the fault of a task until it happens three times; the error names the cause."""
    info, _ = run_beside_neighbours(url, tmp_path, name, input)

    assert info.state is TaskState.FAILED
    assert info.error is not None
    assert info.error.type == "WorkerDied"
    assert info.error.message == f"The worker died 3 times; the last time it {cause}."
    assert (info.attempt, info.lost_attempts) == (3, 3)


@pytest.mark.parametrize("name", ["KillsItself", "KillsItselfOnce"])
def test_a_task_with_one_life_runs_once(url, tmp_path, name):
    """With `max_lost_attempts` 1, given to `add` or by the class, a task that kills its worker never runs again."""
    options = {"max_lost_attempts": 1} if name == "KillsItself" else {}

    info, _ = run_beside_neighbours(url, tmp_path, name, **options)

    assert info.state is TaskState.FAILED
    assert info.error is not None
    assert info.error.message == "The worker process was killed by signal 9 (SIGKILL)."
    assert (tmp_path / "runs").read_text() == "attempt 1\n"


def test_the_error_of_a_dead_worker_has_its_last_lines(memory, tmp_path):
    """What a task printed just before it took its worker down is not lost."""
    info, _ = run_beside_neighbours(memory, tmp_path, "ComplainsAndDies", max_lost_attempts=1)

    assert info.error is not None
    assert info.error.traceback.splitlines() == ["the last words on stdout", "the last words on stderr"]


def test_the_error_of_a_crash_says_where_it_was(memory, tmp_path):
    """After a segmentation fault the last lines are the Python frames in which it happened, to the innermost."""
    info, _ = run_beside_neighbours(memory, tmp_path, "Segfaults", max_lost_attempts=1)

    assert info.error is not None
    assert " in _segfault_below" in info.error.traceback
    assert "a printed line" not in info.error.traceback


WRONG_OUTPUTS = [
    ("nan", r"nan at \$\.mean is not a JSON number"),
    ("bytes", r"b'x' at \$\.rows\[1\]\.data is of type bytes"),
    ("deep", r"more than 100 levels of nesting at \$\.a\.a\.a"),
    ("large", r"has 34,603,019 bytes as JSON; the limit is 33,554,432"),
    ("list", r"must be a JSON object \(a dict\), not list: \[1, 2\]"),
    ("text", r"must be a JSON object \(a dict\), not str: 'done'"),
    ("key", r"the key 1 at \$\.a is not a string"),
    ("surrogate", r"the text at \$\.name holds half of a surrogate pair"),
    ("unshowable", r"<Unshowable whose repr\(\) raised RuntimeError> at \$\.thing is of type Unshowable"),
]


@pytest.mark.parametrize("name", ["Returns", "SetsOutput"])
@pytest.mark.parametrize(("what", "message"), WRONG_OUTPUTS, ids=[case[0] for case in WRONG_OUTPUTS])
def test_output_that_is_not_json_fails_the_task_and_names_the_path(memory, tmp_path, name, what, message):
    """The error says which value, where in the output, and what is wrong with it."""
    info, _ = run_beside_neighbours(memory, tmp_path, name, {"what": what})

    assert info.state is TaskState.FAILED
    assert info.error is not None
    assert info.error.type == "InvalidOutputError"
    assert re.search(message, info.error.message)
    assert info.error.message.startswith("The output of the task ")


@pytest.mark.parametrize(
    ("input", "message"),
    [
        ({"percentage": 101}, "The progress of a task goes from 0 to 100; set_progress got 101."),
        ({"percentage": "half"}, "The progress of a task goes from 0 to 100; set_progress got 'half'."),
        ({"percentage": 1, "other": 1}, "set_progress was called for the task "),
    ],
    ids=["above", "text", "another-task"],
)
def test_wrong_progress_fails_the_task(memory, tmp_path, input, message):
    """Progress out of range, of another type, or for another task is an error of the task."""
    info, _ = run_beside_neighbours(memory, tmp_path, "WrongProgress", input)

    assert info.state is TaskState.FAILED
    assert info.error is not None
    assert info.error.message.startswith(message)


RESTORED = [
    "ChangesFolder",
    "ChangesSettings",
    "ChangesSignals",
    "ClosesDescriptors",
    "ClosesStdout",
    "ConfiguresLogging",
    "DetachesStdout",
    "LeavesEventLoop",
    "PrintsWithoutLineEnd",
    "ReplacesStdout",
]


@pytest.mark.parametrize("name", RESTORED)
def test_what_a_task_changes_about_its_process_ends_with_it(url, tmp_path, name):
    """Folder, environment, signals, streams, limits and logging are put back: the next task feels nothing."""
    with running(url) as runner:
        place = {"folder": str(tmp_path)}
        runner.add("WellBehaved", input=place).result(60)
        bad = runner.add(name, input=place)
        bad.result(60)
        after = runner.add("WellBehaved", input=place)
        after.result(60)
        pids = bad.info().pid, after.info().pid

    assert pids[0] == pids[1]
    run_beside_neighbours(url, tmp_path, name)


REPLACED = [
    ("LeavesThread", "because the task left 1 thread behind: 'left-behind'."),
    ("LeavesDaemonThread", "because the task left 1 thread behind: 'left-behind'."),
    ("LeavesThreadOfLoop", "because the task left 1 thread behind: 'asyncio_0'."),
    (
        "LeavesStubbornTaskOnLoop",
        "that don't end when they are cancelled: 'SwallowsInCoroutine.run'.",
    ),
    ("LowersHardLimit", "because the task changed its process in a way that can't be undone: "),
]


@pytest.mark.parametrize(("name", "why"), REPLACED, ids=[case[0] for case in REPLACED])
def test_a_worker_that_can_not_be_put_right_is_replaced(url, tmp_path, name, why):
    """The task succeeds, its log says why the process was replaced, and nobody waits for what it left."""
    info, lines = run_beside_neighbours(url, tmp_path, name)

    assert info.state is TaskState.SUCCEEDED
    assert lines[-1].startswith("The worker process is replaced, ")
    assert why in lines[-1]


def test_what_a_coroutine_leaves_on_its_loop_is_cancelled_with_a_word(memory, tmp_path):
    """The process goes on: the loop, and all that was on it, is gone."""
    info, lines = run_beside_neighbours(memory, tmp_path, "LeavesTaskOnLoop")

    assert info.state is TaskState.SUCCEEDED
    assert lines == ["The task left tasks on its event loop, which were cancelled: 'sleep'."]


def test_a_fork_of_a_coroutine_ends_as_a_program_does(memory, tmp_path):
    """It does not take the loop of the worker with it; one that comes back to that loop ends with an error."""
    info, _ = run_beside_neighbours(memory, tmp_path, "ForksInCoroutine")

    assert info.output == {"codes": [5, 0, 1]}


def test_a_task_that_closes_every_descriptor_fails_with_the_reason(url, tmp_path):
    """A worker that can't be heard any more ends, and the error says what the task did."""
    info, _ = run_beside_neighbours(url, tmp_path, "ClosesAllDescriptors", max_lost_attempts=1)

    assert info.state is TaskState.FAILED
    assert info.error is not None
    assert info.error.message == (
        "The worker process lost the connection to its runner (did the task close file descriptors?)."
    )


def test_a_task_that_closes_the_usual_descriptors_succeeds(url, tmp_path):
    """The descriptors of lilota are out of the reach of a task that closes 0 to 255."""
    info, _ = run_beside_neighbours(url, tmp_path, "ClosesDescriptors")

    assert info.output == {"closed": 256}


def test_a_task_that_deletes_the_working_folder_harms_nobody(tmp_path, monkeypatch, memory):
    """Workers go on in a folder that is gone; a new one can't start there, which the runner says and survives."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)

    with running(memory) as runner:
        runner.add("DeletesFolder").result(60)
        after = runner.add("WellBehaved", input={"folder": str(tmp_path)}).result(60)
        dead = ended(runner.add("ExitsAtOnce", max_lost_attempts=1))
        waiting = runner.add("WellBehaved", input={"folder": str(tmp_path)})
        runner.stop(timeout_seconds=0.2)

    assert after is not None
    assert after["folder"] is None
    assert dead.state is TaskState.FAILED
    assert waiting.info().state is TaskState.PENDING


@pytest.mark.parametrize("name", ["PrintsVeryMuch", "PrintsOneEndlessLine", "LogsVeryMuch"])
def test_very_much_output_is_cut_and_the_last_line_says_so(url, tmp_path, name):
    """A flood neither fills the store nor the memory; the task succeeds and its log says that lines were dropped."""
    info, lines = run_beside_neighbours(url, tmp_path, name)

    assert info.state is TaskState.SUCCEEDED
    assert len(lines) <= 10_001
    assert sum(map(len, lines)) < 1_100_000
    if name == "PrintsOneEndlessLine":
        assert "more characters)" in lines[0]
    else:
        assert re.fullmatch(r"[\d,]+ or more further lines of this attempt were dropped\.", lines[-1])


def test_output_is_kept_wherever_it_comes_from(url, tmp_path):
    """print, os.write, child processes and C code: all of it belongs to the task."""
    _, lines = run_beside_neighbours(url, tmp_path, "PrintsFromEverywhere")

    assert sorted(lines) == ["from C", "from a child", "from os.write", "from print", "from stderr"]


def test_a_line_without_an_end_is_kept(memory, tmp_path):
    """What a task printed last counts, line end or not, and does not run into the next task's lines."""
    _, lines = run_beside_neighbours(memory, tmp_path, "PrintsWithoutLineEnd")

    assert lines == ["no end"]


def test_a_task_goes_on_where_there_is_no_room_for_what_it_prints(memory, tmp_path):
    """As in a full temporary folder: that is no reason to fail, and one line says that something is lost."""
    info, lines = run_beside_neighbours(memory, tmp_path, "PrintsWithoutRoom")

    assert info.output == {"printed": 3}
    assert lines == ["line", "What the task printed is lost in part: File too large. Free the temporary folder."]


def test_standard_input_is_empty(memory, tmp_path):
    """A child process that reads its input gets nothing, instead of the terminal of the runner."""
    info, _ = run_beside_neighbours(memory, tmp_path, "ReadsStdin")

    assert info.output == {"read": ""}


def test_a_fork_that_returns_from_run_does_not_speak_for_the_worker(url, tmp_path):
    """The copy ends like a program of its own; what it logs joins what the task prints."""
    info, lines = run_beside_neighbours(url, tmp_path, "ForkReturns")

    assert info.output == {"who": "parent", "status": 0}
    assert lines == ["logged in the fork"]


def test_a_fork_that_exits_has_its_exit_code(memory, tmp_path):
    """`sys.exit` in a fork ends the fork, with that code."""
    info, _ = run_beside_neighbours(memory, tmp_path, "ForkExits")

    assert info.output == {"status": 7}


def test_a_fork_can_not_report_for_the_task(memory, tmp_path):
    """set_output in a fork is an error there, with the reason in the task's log."""
    info, lines = run_beside_neighbours(memory, tmp_path, "ForkReports")

    assert info.output == {"who": "parent", "status": 1}
    assert "RuntimeError: A fork of the worker process can't report: only the process that runs the task can." in lines


def test_a_forked_daemon_dies_with_its_worker(url, tmp_path):
    """A fork that lives on, with all descriptors, keeps neither the task nor the runner from ending."""
    info, _ = run_beside_neighbours(url, tmp_path, "ForksDaemon")

    assert info.output == {"parent": True}
    until(lambda: _processes_of_group(info.pid), lambda alive: not alive)


def _processes_of_group(group: int) -> list[int]:
    if sys.platform != "linux":
        return []
    pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    return [pid for pid in pids if _group_of(pid) == group and is_alive(pid)]


def _group_of(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return -1


def test_a_thread_may_report_for_its_task(memory, tmp_path):
    """set_output works from any thread of the task."""
    info, _ = run_beside_neighbours(memory, tmp_path, "ReportsFromThread")

    assert info.output == {"who": "a thread"}


def test_a_thread_that_stays_can_not_report_for_the_next_task(url, tmp_path):
    """What a thread reports after its task has ended reaches nobody."""
    info, _ = run_beside_neighbours(url, tmp_path, "LeavesReportingThread")

    assert info.state is TaskState.SUCCEEDED
    assert info.output["who"] in {"the task", "the thread"}


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_task_may_use_a_process_pool(memory, tmp_path, method):
    """multiprocessing works inside a task, with forks of the worker too."""
    info, _ = run_beside_neighbours(memory, tmp_path, "UsesPool", {"method": method})

    assert info.error is None
    assert info.output == {"squares": [number * number for number in range(10)]}


def test_a_class_that_the_worker_can_not_import_fails_its_task(tmp_path, monkeypatch, memory):
    """The module disappears after the program has imported it: the error names it and what to do."""
    module = tmp_path / "vanishing_module.py"
    module.write_text("from lilota.models import TaskBase\nclass Vanishing(TaskBase):\n    def run(self): pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import vanishing_module  # type: ignore[import-not-found]  # it was written just now

    runner = TaskRunner(memory, 1, settings=Settings())
    runner.register("Vanishing", vanishing_module.Vanishing)
    module.unlink()
    (tmp_path / "vanishing_module.py").mkdir()
    with runner:
        info = ended(runner.add("Vanishing"))

    assert info.state is TaskState.FAILED
    assert info.error is not None
    assert info.error.type == "InvalidTaskError"
    assert "can't be imported from 'vanishing_module:Vanishing'" in info.error.message
    assert "Install the package that has 'vanishing_module', or start in the folder" in info.error.message


def test_a_task_that_logs_everywhere_has_all_lines(memory, tmp_path, caplog):
    """Other loggers, warnings, several lines, tracebacks, bad formats and odd characters: nothing gets lost."""
    caplog.set_level(logging.DEBUG)
    info, lines = run_beside_neighbours(memory, tmp_path, "LogsEverywhere")

    assert info.state is TaskState.SUCCEEDED
    assert lines[:2] == ["by self.logger", "by another logger"]
    assert any("UserWarning: by warnings" in line for line in lines)
    assert "--- Logging error ---" in lines
    assert lines[lines.index("two") + 1] == "lines"
    assert "ünï \u2603 \x1b[31mred\x1b[0m nul \\x00 half \\ud800" in lines
    assert "zoo_tasks.OwnError: caught" in lines
