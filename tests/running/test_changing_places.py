"""A runner whose places come and go, as those of a cluster do: real workers, without the cluster."""

from __future__ import annotations

from contextlib import contextmanager

from changing_places import NODES, ChangingPlaces, PlacesOnNodes
from lilota_memory_store import MemoryTaskStore
from runner_tasks import TASKS
from running import started, until

from lilota.config import Settings
from lilota.models import TaskState
from lilota.runner import TaskRunner


@contextmanager
def a_runner(places, kind=ChangingPlaces):
    """Start a runner with so many places, and give it with its executor; stop it, by force if need be."""
    made = []

    def make(options):
        made.append(kind(options))
        made[0].set_places(places)
        return made[0]

    runner = TaskRunner(MemoryTaskStore(), executor=make, settings=Settings())
    for name, clazz in TASKS.items():
        runner.register(name, clazz)
    runner.start()
    try:
        yield runner, made[0]
    finally:
        runner.stop(timeout_seconds=0)


def test_what_runs_in_a_place_that_is_taken_away_may_end_within_the_grace(tmp_path):
    """Meanwhile its worker gets nothing else, and then it leaves by itself; it is not missed."""
    with a_runner(1) as (runner, executor):
        ends = runner.add("wait", input={"file": str(tmp_path / "go on")})
        started(ends)
        waits = runner.add("hash", input={"text": "a"})

        executor.retire(1, grace_seconds=60)
        until(lambda: runner._run._engine.crew.workers[1], lambda worker: worker.retiring)
        (tmp_path / "go on").touch()
        ends.result(60)
        until(executor.numbers, lambda numbers: not numbers)
        state = waits.info().state
        executor.set_places(1)

        assert waits.result(60)
        assert state is TaskState.PENDING
        assert (waits.info().attempt, executor.numbers()) == (1, [2])


def test_what_is_not_done_within_the_grace_is_given_back_and_runs_elsewhere():
    """Whether it heeds its end or has to be killed, it spends nothing; the other place takes it up."""
    with a_runner(2) as (runner, executor):
        tasks = [runner.add("sleep"), runner.add("stubborn")]
        for task in tasks:
            started(task)

        for number in (1, 2):
            executor.retire(number, grace_seconds=0.1)
        until(executor.numbers, lambda numbers: not numbers)
        infos = [until(task.info, lambda info: info.state is TaskState.PENDING) for task in tasks]
        executor.set_places(2)
        for task in tasks:
            until(task.info, lambda info: info.state is TaskState.RUNNING and info.reported_progress > 0)

        assert [(info.lost_attempts, info.error) for info in infos] == [(0, None)] * 2
        assert [task.info().attempt for task in tasks] == [1, 1]
        assert any("The place where it ran is taken away" in line.text for line in tasks[1].logs())


def test_where_an_attempt_runs_is_told_by_its_log_and_by_what_is_said_of_its_end(caplog):
    """Before all that it logs itself; the heartbeat tells how many places are where."""
    caplog.set_level("DEBUG", "lilota")
    with a_runner(1, PlacesOnNodes) as (runner, _executor):
        talks = runner.add("talk", input={"lines": 1})
        talks.result(60)
        crashes = runner.add("crash")
        until(crashes.info, lambda info: info.state.is_terminal)
        runs_again = runner.add("hash", input={"text": "a"})
        runs_again.result(60)
        (known,) = runner.store.runners()

    lines = [line.text for line in talks.logs()]
    pid = talks.info().pid
    assert lines == [f"Runs on {NODES[0]}, process {pid}.", "1.0", f"Runs on {NODES[0]}, process {pid}.", "2.0"]
    assert [line.attempt for line in talks.logs()] == [1, 1, 2, 2]
    assert f"The worker process on {NODES[0]} exited with code 3" in crashes.logs()[-1].text
    assert f"The worker process on {NODES[0]} exited with code 3" in crashes.info().error.message
    assert runs_again.logs()[0].text.startswith(f"Runs on {NODES[1]}, process ")
    assert (known.about["nodes"], known.about["more_nodes"]) == ({NODES[0]: 1, NODES[1]: 0}, 0)
    assert f"Worker 1 on {NODES[0]} exited with code 3." in caplog.messages


def test_beside_the_runner_nothing_is_said_of_nodes():
    """It goes without saying where all is on one machine."""
    with a_runner(1) as (runner, _executor):
        task = runner.add("hash", input={"text": "a"})
        task.result(60)
        (known,) = runner.store.runners()

    assert task.logs() == []
    assert "nodes" not in known.about


def test_a_runner_without_a_place_waits_for_one_and_goes_on_as_places_come_and_go(caplog):
    """It starts, says once that there is none, and again when all are gone; what is added meanwhile waits."""
    with a_runner(0) as (runner, executor):
        tasks = [runner.add("hash", input={"text": "a"}) for _ in range(4)]
        waits = tasks[0].info().state
        executor.set_places(2)
        done = [task.result(60) for task in tasks]
        until(executor.numbers, lambda numbers: len(numbers) == 2)
        executor.retire(1, grace_seconds=60)
        until(executor.numbers, lambda numbers: numbers == [2])
        done.append(runner.add("hash", input={"text": "a"}).result(60))
        executor.retire(2, grace_seconds=60)
        until(executor.numbers, lambda numbers: not numbers)
        last = runner.add("hash", input={"text": "a"})
        said_before = caplog.text.count("Tasks wait until there is one.")
        executor.set_places(1)
        done.append(last.result(60))

    assert waits is TaskState.PENDING
    assert len(done) == 6
    assert said_before == caplog.text.count("The executor has places for workers again") == 2


class Listening(ChangingPlaces):
    """Remembers what it has heard of how much there is to do."""

    def __init__(self, options):
        super().__init__(options)
        self.heard = (0, False)

    def note_demand(self, busy, *, more_waits):
        self.heard = (busy, more_waits)


def test_an_executor_hears_how_much_there_is_to_do():
    """How many workers are busy, and whether more waits though all are."""
    with a_runner(2, Listening) as (runner, executor):
        tasks = [runner.add("sleep")]
        until(lambda: executor.heard, lambda heard: heard == (1, False))
        tasks += [runner.add("sleep") for _ in range(4)]
        until(lambda: executor.heard, lambda heard: heard == (2, True))
        for task in tasks:
            task.cancel()
        until(lambda: executor.heard, lambda heard: heard == (0, False))
