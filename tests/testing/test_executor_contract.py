"""The suite for executors passes on the processes of this machine, and notices every planted fault."""

from __future__ import annotations

import broken_executors
import pytest
from changing_places import PlacesOnNodes

from lilota.testing import ExecutorContract
from lilota.testing.executors import crew
from lilota.workers.processes import WorkerProcesses

#: What is wrong -> the test that is about it.
EXPECTED = {
    broken_executors.LosesMessages: "test_messages_arrive_whole_once_and_in_their_order",
    broken_executors.SendsTwice: "test_messages_arrive_whole_once_and_in_their_order",
    broken_executors.SendIsSlow: "test_a_worker_that_does_not_read_holds_up_nobody",
    broken_executors.DeathsAreNotTold: "test_a_death_is_told_once_with_its_cause_and_harms_no_other",
    broken_executors.DeathsAreToldTwice: "test_a_death_is_told_once_with_its_cause_and_harms_no_other",
    broken_executors.DeathsAreToldFirst: "test_what_a_worker_said_comes_before_its_death",
    broken_executors.DeathsHaveNoCause: "test_a_death_is_told_once_with_its_cause_and_harms_no_other",
    broken_executors.OutputIsLost: "test_the_end_of_the_output_comes_with_the_death",
    broken_executors.DiesWithAWorker: "test_a_death_is_told_once_with_its_cause_and_harms_no_other",
    broken_executors.KillsLate: "test_force_ends_a_worker_with_all_that_its_task_started",
    broken_executors.KillsByAsking: "test_force_ends_a_worker_with_all_that_its_task_started",
    broken_executors.KillsTheGroupAlone: "test_force_ends_a_worker_with_all_that_its_task_started",
    broken_executors.KillsTheNeighbours: "test_a_signal_reaches_one_worker_alone",
    broken_executors.KillAllForgetsOne: "test_any_thread_can_kill_all",
    broken_executors.WakeIsNotHeard: "test_wake_ends_a_wait_and_is_not_forgotten_before_it",
    broken_executors.StacksAreNotAskedFor: "test_it_shows_where_a_worker_is_and_where_it_was_when_it_died",
    broken_executors.TellsOfTheDead: "test_it_tells_which_processes_its_workers_are",
    broken_executors.NodesDoNotAddUp: "test_it_tells_on_which_nodes_its_places_and_workers_are",
    broken_executors.WorkersAreOnOtherNodes: "test_it_tells_on_which_nodes_its_places_and_workers_are",
    broken_executors.TakesQuietForDead: "test_a_worker_goes_on_while_its_runner_lives_and_has_nothing_to_say",
    broken_executors.CloseLeavesWorkers: "test_close_leaves_nothing_behind",
}


class TestWorkerProcesses(ExecutorContract):
    """The executor that everybody has keeps the contract."""

    @pytest.fixture
    def factory(self):
        return WorkerProcesses


def test_an_executor_with_nodes_passes_what_is_about_them():
    """The other tests are for executors with nodes as for those without."""
    hands = crew.Crew(PlacesOnNodes)

    try:
        ExecutorContract().test_it_tells_on_which_nodes_its_places_and_workers_are(hands)
    finally:
        hands.executor.close()


def test_every_broken_executor_has_its_test():
    """A fault that is planted without naming who must notice proves nothing."""
    own = [x for x in vars(broken_executors).values() if getattr(x, "__module__", "") == broken_executors.__name__]

    assert EXPECTED.keys() == {x for x in own if x.__name__[0] != "_"} - {broken_executors.Telling}


@pytest.mark.slow  # what the suite notices does not differ between versions of Python
@pytest.mark.parametrize("broken", EXPECTED)
def test_the_suite_notices(broken, monkeypatch):
    """The test that is about the fault fails."""
    # Once a worker is up, it needs milliseconds; the suite has much patience, for machines that are busy.
    monkeypatch.setattr(crew, "DEADLINE_SECONDS", 10.0)
    hands = crew.Crew(broken)

    try:
        with pytest.raises(AssertionError):
            getattr(ExecutorContract(), EXPECTED[broken])(hands)
    finally:
        WorkerProcesses.wake(hands.executor)  # what the fault has left waiting in a thread
        WorkerProcesses.close(hands.executor)
