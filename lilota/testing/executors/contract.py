"""The suite for executors: every sentence of `lilota.executors.Executor` that can be seen from outside."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence

import msgspec
import pytest

from lilota.engine.events import Died, Measured
from lilota.engine.executor import (
    Executor,
    ExecutorFactory,
    HasNodes,
    MeasuresWorkers,
    RunsHere,
    ShowsStacks,
    StackWay,
)
from lilota.engine.messages import Finish, Leaving, Ready
from lilota.models import TaskState
from lilota.testing.executors.crew import LEASE_SECONDS, OPTIONS, Crew, gone, in_time, is_alive


class ExecutorContract:
    """All tests that an executor must pass: subclass it in a test module and supply one fixture, `factory`.

        from lilota.testing import ExecutorContract

        class TestMyExecutor(ExecutorContract):
            @pytest.fixture
            def factory(self):
                return MyExecutor

    The workers must be on the machine of the tests, which look at their processes.
    """

    @pytest.fixture
    def crew(self, factory: ExecutorFactory) -> Iterator[Crew]:
        """An executor of two places, without workers yet; closed after the test."""
        crew = Crew(factory)
        try:
            crew.await_places()
            yield crew
        finally:
            crew.executor.close()

    def test_it_has_all_methods_and_says_what_it_can(self, crew: Crew) -> None:
        """The description is for people, so it is not empty."""
        assert isinstance(crew.executor, Executor)
        assert crew.executor.capabilities().description

    def test_a_worker_comes_up_runs_what_it_is_sent_and_leaves(self, crew: Crew) -> None:
        """`Ready` is its first message, `Died` comes behind all others, and the process is gone by then."""
        pid = crew.start(1)

        crew.send(1, "echo", 7, text="a")
        crew.executor.send(1, Finish())
        cause = crew.hear(1, Died).cause
        died_alive = is_alive(pid)
        said = crew.said(1)

        (update,) = crew.outcomes(1, 1)
        assert (update.id, update.outcome and update.outcome.state) == (7, TaskState.SUCCEEDED)
        assert update.output_json == '{"text":"a"}'
        assert isinstance(said[0], Ready)
        assert [type(item) for item in said[-2:]] == [Leaving, Died]
        assert cause == "exited with code 0"
        assert not died_alive

    def test_messages_arrive_whole_once_and_in_their_order(self, crew: Crew) -> None:
        """Also those that were sent before the worker was up, and large ones, in both directions."""
        crew.executor.start(1)

        crew.send(1, "echo", *range(1, 50))
        crew.send(1, "echo", 50, text="x" * 5_000_000)
        crew.send(1, "echo", *range(51, 101))
        updates = crew.outcomes(1, 100)

        assert [update.id for update in updates] == list(range(1, 101))
        assert len(updates[49].output_json or "") > 5_000_000

    def test_workers_run_at_the_same_time_in_as_many_places_as_it_says(self, crew: Crew) -> None:
        """Each is a process of its own."""
        numbers = range(1, crew.executor.places() + 1)

        pids = [crew.start(number) for number in numbers]
        children = [child for number in numbers for child in crew.hold(number)]

        assert len(set(pids)) == len(numbers) >= 1
        assert all(map(is_alive, pids + children))

    def test_a_worker_that_does_not_read_holds_up_nobody(self, crew: Crew) -> None:
        """What it does not take is kept for it."""
        pid = crew.start(1)
        crew.start(2)
        os.kill(pid, signal.SIGSTOP)

        try:
            in_time(lambda: crew.send(1, "echo", 1, text="x" * 20_000_000), "send()")
            crew.send(2, "echo", 2)
            crew.outcomes(2, 1)
        finally:
            os.kill(pid, signal.SIGCONT)

        assert crew.outcomes(1, 1)[0].id == 1

    def test_what_a_worker_said_comes_before_its_death(self, crew: Crew) -> None:
        """It may have died before anybody looked."""
        pid = crew.start(1)

        crew.send(1, "echo", 1)
        crew.executor.send(1, Finish())
        gone(pid)
        crew.hear(1, Died)

        assert [update.id for update in crew.outcomes(1, 1)] == [1]
        assert isinstance(crew.said(1)[-1], Died)

    def test_a_death_is_told_once_with_its_cause_and_harms_no_other(self, crew: Crew) -> None:
        """What is sent to the dead worker is ignored, before its death is known and afterwards."""
        pid = crew.start(1)
        crew.start(2)

        os.kill(pid, signal.SIGKILL)
        gone(pid)
        crew.send(1, "echo", 1)
        crew.executor.kill(1, signal.SIGTERM)
        cause = crew.hear(1, Died).cause
        crew.send(1, "echo", 1)
        crew.executor.kill(1, signal.SIGTERM)
        crew.send(2, "echo", 2)
        crew.outcomes(2, 1)

        assert "signal 9" in cause
        assert sum(isinstance(item, Died) for item in crew.said(1)) == 1
        assert not any(isinstance(item, Died) for item in crew.said(2))

    def test_numbers_that_were_never_started_are_ignored(self, crew: Crew) -> None:
        """An order for nobody is no error."""
        crew.send(99, "echo", 1)
        crew.executor.kill(99, signal.SIGKILL)

        crew.start(1)
        assert {event.worker for event in crew.heard} == {1}

    def test_a_signal_reaches_one_worker_alone(self, crew: Crew) -> None:
        """The other goes on."""
        crew.start(1)
        crew.start(2)

        crew.executor.kill(1, signal.SIGTERM)
        cause = crew.hear(1, Died).cause
        crew.send(2, "echo", 2)

        assert crew.outcomes(2, 1)
        assert "signal 15" in cause

    def test_force_ends_a_worker_with_all_that_its_task_started(self, crew: Crew) -> None:
        """Though the task ignores SIGTERM, and has started a session; when the death is told, it has happened."""
        self._need(crew.executor.capabilities().forced_kill, "kill by force")
        pid = crew.start(1)
        children = crew.hold(1)

        crew.executor.kill(1, signal.SIGKILL)
        crew.hear(1, Died)

        assert not any(map(is_alive, [pid, *children]))

    def test_what_an_attempt_has_left_running_is_gone_when_it_counts_as_ended(self, crew: Crew) -> None:
        """So nothing of it runs beside the next one; the worker goes on."""
        if sys.platform != "linux":
            pytest.skip("Elsewhere than on Linux the worker is replaced, with what was left.")
        crew.start(1)

        crew.send(1, "leave", 1)
        crew.outcomes(1, 1)
        alive = [is_alive(child) for child in crew.children(1)]
        crew.send(1, "echo", 2)

        assert not any(alive)
        assert len(crew.outcomes(1, 2)) == 2

    def test_any_thread_can_kill_all(self, crew: Crew) -> None:
        """Each death is told."""
        self._need(crew.executor.capabilities().forced_kill, "kill by force")
        pids = [crew.start(1), crew.start(2)]

        killer = threading.Thread(target=crew.executor.kill_all)
        killer.start()
        deaths = [crew.hear(number, Died) for number in (1, 2)]
        killer.join()

        assert all("signal 9" in death.cause for death in deaths)
        assert not any(map(is_alive, pids))

    def test_wait_returns_after_its_time(self, crew: Crew) -> None:
        """Also with a worker that has nothing to say."""
        crew.start(1)

        in_time(lambda: crew.executor.wait(0.01), "wait()")

    def test_wake_ends_a_wait_and_is_not_forgotten_before_it(self, crew: Crew) -> None:
        """From any thread, any number of times."""
        crew.start(1)
        for _ in range(100_000):
            crew.executor.wake()

        in_time(lambda: crew.executor.wait(3600), "wait()")

    def test_the_end_of_the_output_comes_with_the_death(self, crew: Crew) -> None:
        """So that people see what a task said before it took its process along."""
        self._need(crew.executor.capabilities().captured_output, "keep the output")
        crew.start(1)

        crew.send(1, "exit", 1)
        death = crew.hear(1, Died)

        assert death.cause == "exited with code 3"
        assert "these were its last words" in death.last_lines

    def test_it_shows_where_a_worker_is_and_where_it_was_when_it_died(self, crew: Crew) -> None:
        """Asked by a message or from outside; the worker goes on. A number that is unknown is ignored."""
        executor = crew.executor
        if not isinstance(executor, ShowsStacks):
            pytest.skip("It does not show stacks.")
        pid = crew.start(1)
        crew.hold(1)

        def shown() -> list[tuple[int, str]]:
            stack = executor.stack(1)
            return [stack] if stack is not None and " in run\n" in stack[1] else []

        for way in (StackWay.MESSAGE, StackWay.SIGNAL):  # by FORCE, it may not go on
            executor.ask_for_stack(1, way)
            executor.ask_for_stack(99, way)
            (stack,) = crew.listen(shown, "The stack of a worker")
        was_alive = is_alive(pid)
        crew.executor.kill(1, signal.SIGKILL)
        death = crew.hear(1, Died)

        assert stack[0] == pid
        assert was_alive
        assert " in run\n" in death.stack
        assert executor.stack(1) is None
        assert executor.stack(99) is None

    def test_it_tells_what_a_worker_and_its_children_use(self, crew: Crew) -> None:
        """As an event, once for each question. A number that is unknown, or whose worker is gone, is ignored."""
        executor = crew.executor
        if not isinstance(executor, MeasuresWorkers):
            pytest.skip("It does not tell what workers use.")
        crew.start(1)
        executor.measure(99, 0)
        executor.measure(1, 0)
        alone = crew.hear(1, Measured).use
        if alone is None:
            pytest.skip("The system of its workers does not tell what they use.")
        crew.hold(1)
        executor.measure(1, 0)
        asked = 2
        with_children = crew.listen(lambda: crew.measured(1)[asked - 1 :], "What a worker and its children use")[0]

        assert 1_000_000 < alone.memory_bytes < with_children.memory_bytes
        assert 0 <= alone.cpu_seconds <= with_children.cpu_seconds
        assert len(crew.measured(1)) == asked
        assert crew.said(99) == []

    def test_it_tells_which_processes_its_workers_are(self, crew: Crew) -> None:
        """From any thread, of those that live."""
        executor = crew.executor
        if not isinstance(executor, RunsHere):
            pytest.skip("Its workers are not on this machine, or it does not tell.")
        pids = [crew.start(1), crew.start(2)]

        asked: list[Sequence[int]] = []
        asking = threading.Thread(target=lambda: asked.append(executor.pids()))
        asking.start()
        asking.join()
        executor.kill(1, signal.SIGKILL)
        crew.hear(1, Died)

        assert sorted(asked[0]) == sorted(pids)
        assert list(executor.pids()) == pids[1:]

    def test_it_tells_on_which_nodes_its_places_and_workers_are(self, crew: Crew) -> None:
        """From any thread, how many places are where; of each worker, where it is. An unknown number is on no node."""
        executor = crew.executor
        if not isinstance(executor, HasNodes):
            pytest.skip("It does not tell of nodes.")
        crew.start(1)
        crew.start(2)

        asked: list[Mapping[str, int]] = []
        asking = threading.Thread(target=lambda: asked.append(executor.nodes()))
        asking.start()
        asking.join()

        assert sum(asked[0].values()) == executor.places()
        assert all(executor.node(number) in asked[0] for number in (1, 2))
        assert executor.node(99) == ""

    def test_a_worker_goes_on_while_its_runner_lives_and_has_nothing_to_say(self, crew: Crew) -> None:
        """For longer than its lease: it waits for its store, say. Only one that is gone, or cut off, is given up."""
        crew.executor.close()  # there may be no more places than it has
        hasty = Crew(crew.factory, msgspec.structs.replace(OPTIONS, lease_seconds=LEASE_SECONDS))
        try:
            hasty.await_places()
            pid = hasty.start(1)

            time.sleep(LEASE_SECONDS)  # nothing can be waited for: the suite looks for what must not happen
            was_alive = is_alive(pid)
            hasty.send(1, "echo", 1)
            outcomes = hasty.outcomes(1, 1)
        finally:
            hasty.executor.close()

        assert was_alive
        assert outcomes

    def test_close_leaves_nothing_behind(self, crew: Crew) -> None:
        """No worker and nothing that a task has started; what may be called afterwards does nothing."""
        pids = [crew.start(1), crew.start(2)]
        children = [*crew.hold(1), *crew.hold(2)]

        crew.executor.close()

        gone(*pids, *children)
        for call in (crew.executor.wake, crew.executor.kill_all, crew.executor.close):
            call()

    @staticmethod
    def _need(promised: bool, what: str) -> None:
        if not promised:
            pytest.skip(f"It does not promise to {what}.")
