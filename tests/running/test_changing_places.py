"""A runner whose places come and go, as those of a cluster do: real workers, without the cluster."""

from __future__ import annotations

from contextlib import contextmanager

from changing_places import ChangingPlaces
from lilota_memory_store import MemoryTaskStore
from runner_tasks import TASKS
from running import started, until

from lilota.config import Settings
from lilota.models import TaskState
from lilota.runner import TaskRunner


@contextmanager
def a_runner(places):
    """Start a runner with so many places, and give it with its executor; stop it, by force if need be."""
    made = []

    def make(options):
        made.append(ChangingPlaces(options))
        return made[0]

    runner = TaskRunner(MemoryTaskStore(), places, executor=make, settings=Settings())
    for name, clazz in TASKS.items():
        runner.register(name, clazz)
    runner.start()
    try:
        yield runner, made[0]
    finally:
        runner.stop(timeout_seconds=0)


def test_what_runs_in_a_place_that_is_taken_away_may_end_within_the_grace():
    """Meanwhile its worker gets nothing else, and then it leaves by itself; it is not missed."""
    with a_runner(1) as (runner, executor):
        ends = runner.add("sleep", input={"seconds": 1})
        started(ends)
        waits = runner.add("hash", input={"text": "a"})

        executor.retire(1, grace_seconds=60)
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
