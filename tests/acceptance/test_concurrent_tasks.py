"""Many coroutines at once in one worker: each is stopped, told apart and ended as if it ran alone, as far as can be."""

from __future__ import annotations

import re

import pytest
from running import ended, running, started, store_url, texts, until

from lilota.models import TaskState


@pytest.fixture
def at_once(tmp_path):
    """A runner whose one process has eight places, and what adds a task to it."""
    with running(store_url("sqlite", tmp_path), places_per_process=8) as runner:

        def add(does, name="Concurrent", **more):
            return runner.add(name, input={"does": does, "folder": str(tmp_path), **more})

        yield runner, add


def test_coroutines_run_at_once_in_one_process_and_their_lines_are_told_apart(at_once):
    """Also what they print, and what threads log and print that they start."""
    _, add = at_once

    handles = [add("meets", who=f"the {number}", meet=6) for number in range(6)]
    infos = [ended(handle) for handle in handles]

    assert [info.state for info in infos] == [TaskState.SUCCEEDED] * 6
    assert len({info.output["pid"] for info in infos}) == 1
    for number, handle in enumerate(handles):
        assert sorted(texts(handle)) == [
            f"logged by the {number}",
            f"logged in a thread of the {number}",
            f"printed by the {number}",
            f"printed in a thread of the {number}",
        ]


def test_what_a_child_prints_meanwhile_is_kept_and_marked(at_once):
    """Nobody knows whose child it is."""
    _, add = at_once

    handles = [add("prints_by_a_child", meet=2), add("waits_for_enough", meet=2)]
    for handle in handles:
        ended(handle)

    assert [text for handle in handles for text in texts(handle)] == ["[shared] a child's line"]


def test_each_is_cancelled_for_itself(at_once):
    """The others do not notice."""
    _, add = at_once
    handles = [add("waits") for _ in range(3)]
    pids = [started(handle).pid for handle in handles]

    handles[1].cancel()
    state = ended(handles[1]).state
    others = [handle.info().state for handle in (handles[0], handles[2])]

    assert len(set(pids)) == 1
    assert state is TaskState.CANCELLED
    assert others == [TaskState.RUNNING] * 2


def test_each_has_its_time_limit(at_once):
    """One that lets the exception go ends with it, and harms nobody."""
    _, add = at_once
    neighbour = add("waits")
    started(neighbour)

    info = ended(add("waits", "ConcurrentWithTimeout"))

    assert info.error.type == "TimeoutReached"
    assert "asyncio.sleep(" in info.error.traceback
    assert neighbour.info().attempt == 1
    assert neighbour.info().state is TaskState.RUNNING


def test_a_neighbour_of_one_that_had_to_be_killed_runs_again_without_having_spent_an_attempt(at_once):
    """The one that swallowed its cancellation is cancelled by force."""
    _, add = at_once
    neighbour, stubborn = add("waits"), add("swallows", "ConcurrentWithoutPatience")
    pid = started(neighbour).pid
    started(stubborn)

    stubborn.cancel()
    state = ended(stubborn).state
    again = until(neighbour.info, lambda info: info.state is TaskState.RUNNING and info.pid not in {0, pid})

    assert state is TaskState.CANCELLED
    assert (again.attempt, again.lost_attempts) == (1, 0)


def test_a_crash_costs_each_that_ran_an_attempt(at_once):
    """Nobody knows who was it. From now on each runs alone, so the next crash harms nobody else."""
    _, add = at_once
    neighbour = add("meets", who="a neighbour", meet=2)

    crashing = add("crashes", meet=2)
    info = ended(crashing)

    assert info.state is TaskState.FAILED
    assert info.error.type == "WorkerDied"
    assert ended(neighbour).state is TaskState.SUCCEEDED
    assert neighbour.info().lost_attempts <= 1


def test_a_function_runs_when_no_coroutine_does(at_once, tmp_path):
    """And coroutines run again after it."""
    runner, add = at_once
    waiting = add("waits")
    started(waiting)

    function = runner.add("WellBehaved", input={"folder": str(tmp_path)})
    waiting.cancel()
    output = function.result(60)
    after = ended(add("meets", who="a late one", meet=1))

    assert output["threads"] == ["MainThread", "lilota-courier"]
    assert after.state is TaskState.SUCCEEDED


def test_one_that_blocks_the_loop_is_named_with_its_stack(at_once, tmp_path):
    """In the log of its task, while it does so."""
    _, add = at_once
    blocking, other = add("blocks", meet=2), add("waits_for_enough", meet=2)

    lines = until(lambda: texts(blocking), lambda seen: any("in _wait_without_the_loop" in text for text in seen))
    (tmp_path / "enough").touch()

    assert re.match("It has let nothing else on its event loop go on for more than 1 s, and 1 other ", lines[0])
    assert lines[1].endswith("in run")
    assert any("in blocks" in text for text in lines)
    assert ended(blocking).state is TaskState.SUCCEEDED
    assert ended(other).state is TaskState.SUCCEEDED
    assert not any("let nothing else" in text for text in texts(other))


def test_what_one_leaves_on_the_loop_is_cancelled_with_a_word_while_others_run(at_once):
    """It belongs to its attempt, though the loop goes on."""
    _, add = at_once
    neighbour = add("waits")
    started(neighbour)

    leaving = add("leaves")
    ended(leaving)

    assert texts(leaving) == ["The task left tasks on its event loop, which were cancelled: 'sleep'."]
    assert neighbour.info().state is TaskState.RUNNING


@pytest.mark.parametrize("does", ["exits", "exits_in_a_task"])
def test_one_that_exits_ends_nobody_else(at_once, does):
    """It fails, as one that runs alone does."""
    _, add = at_once
    neighbour = add("meets", who="the neighbour", meet=2)

    info = ended(add(does, meet=2))

    assert info.state is TaskState.FAILED
    assert info.error.type == "SystemExit"
    assert ended(neighbour).state is TaskState.SUCCEEDED


def test_a_fork_of_one_does_not_go_on_with_the_others(at_once, tmp_path):
    """It ends as a program does, but for one that goes back to the loop, on which its neighbours are."""
    _, add = at_once
    neighbour, forking = add("counts", meet=2), add("forks", meet=2)

    info = ended(forking)
    (tmp_path / "enough").touch()

    assert info.output == {"codes": [5, 1]}
    assert ended(neighbour).output == {"processes": 1}


def test_a_runner_that_stops_gives_all_of_them_back(tmp_path):
    """Each is asked at its next await, and has not spent its attempt."""
    url = store_url("sqlite", tmp_path)
    with running(url, places_per_process=8) as runner:
        handles = [runner.add("Concurrent", input={"does": "waits"}) for _ in range(3)]
        for handle in handles:
            started(handle)
        runner.stop(timeout_seconds=0.1)

    with running(url) as second:
        infos = [second.client.get(handle.id).info() for handle in handles]

    assert {info.lost_attempts for info in infos} == {0}
    assert {info.attempt for info in infos} <= {0, 1}
