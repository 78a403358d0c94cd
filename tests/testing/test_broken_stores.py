"""The suite notices every planted fault, and it is a test about that very thing which fails."""

from __future__ import annotations

import pytest
from broken_stores import BROKEN_STORES
from broken_stores.wrapper import StoreWrapper
from hypothesis import Phase
from hypothesis.errors import Flaky
from lilota_memory_store import MemoryTaskStore

from lilota.errors import TaskNotFoundError, TaskStateError
from lilota.testing.check_results import CheckStatus
from lilota.testing.check_run import run_contract
from lilota.testing.contract import harness
from lilota.testing.contract.model import ModelContract

# What the suite notices does not differ between versions of Python.
pytestmark = pytest.mark.slow

#: What is wrong -> the test that is about it.
EXPECTED = {
    "no fence on outcome": "test_a_late_write_can_not_touch_the_next_attempt[rescue-success]",
    "no fence on output": "test_a_late_write_can_not_touch_the_next_attempt[rescue-output]",
    "no fence on progress": "test_a_late_write_can_not_touch_the_next_attempt[rescue-progress]",
    "no fence on logs": "test_a_late_write_can_not_touch_the_next_attempt[rescue-log lines]",
    "token is not raised": "test_tokens_strictly_rise_with_every_claim_of_a_task",
    "tokens leap": "test_of_many_attempts_the_newest_stay_on_record",
    "token starts over at retry": "test_a_token_from_before_a_retry_is_void",
    "refusal drops the batch": "test_refused_updates_do_not_disturb_the_rest_of_the_batch",
    "claim ignores names": "test_tasks_of_other_names_are_left_alone",
    "claim ignores families": "test_a_family_serves_all_names_that_begin_like_it",
    "claim takes families for patterns": "test_a_family_without_names_is_enough",
    "claim ignores queues": "test_tasks_of_other_queues_are_left_alone",
    "claim ignores run at": "test_a_task_that_is_not_due_is_left_alone",
    "claim of nothing takes one": "test_a_claim_never_exceeds_its_limit",
    "claim keeps the progress": "test_a_claim_begins_without_the_progress_of_the_attempt_before",
    "claim forgets the log": "test_a_claim_tells_how_long_the_log_is",
    "claim mixes up the inputs": "test_tasks_of_one_call_are_claimed_in_parts",
    "claims are not atomic": "test_threads_that_claim_at_the_same_time_never_get_the_same_attempt",
    "expired runner claims": "test_a_runner_whose_lease_expired_gets_nothing",
    "low priority first": "test_higher_priority_then_earlier_run_at_then_lower_id_goes_first",
    "rescue ignores the lease": "test_rescue_leaves_runners_with_a_lease_alone",
    "rescue takes from the caller too": "test_rescue_of_some_leaves_the_others_alone",
    "rescue forgets the loss": "test_a_task_that_was_lost_too_often_fails",
    "rescue says nothing of it": "test_rescue_writes_into_the_log_which_attempt_was_lost_and_where",
    "rescue never gives up": "test_a_task_that_was_lost_too_often_fails",
    "release spends the attempt": "test_release_gives_back_what_the_runner_holds_without_spending_the_attempt",
    "heartbeat never tells of a rescue": "test_heartbeat_after_a_rescue_says_so_and_registers_again",
    "heartbeat takes late for lost": "test_a_late_heartbeat_saves_what_nobody_took",
    "cancel ends a running task": "test_cancel_of_a_running_task_only_asks",
    "cancel of a running task is forgotten": "test_cancel_of_a_running_task_only_asks",
    "cancel takes the next one along": "test_cancelling_one_of_them_leaves_the_others[middle]",
    "retry of a succeeded task": "test_retry_of_a_succeeded_task_is_refused",
    "add is not atomic": "test_a_batch_is_seen_whole_or_not_at_all",
    "many logs are read from the beginning": "test_logs_of_many_gives_each_task_its_lines",
    "many logs share the limit": "test_logs_of_many_gives_each_task_its_lines",
    "many logs invent a line": "test_logs_of_many_has_nothing_of_what_is_not_there",
    "ended since leaves out the instant itself": "test_ended_since_finds_what_ended_at_that_instant_or_later",
    "ended since looks at no instant": "test_ended_since_finds_what_ended_at_that_instant_or_later",
    "ended since finds what has not ended": "test_ended_since_looks_at_the_end_and_not_at_the_beginning",
    "ended since looks at no state": "test_ended_since_finds_those_that_ended_in_one_of_the_given_states",
    "ended since takes the limit per state": "test_ended_since_finds_no_more_than_the_limit",
    "ended since remembers what was retried": "test_ended_since_forgets_what_was_retried_or_pruned",
    "count ended counts the edge twice": "test_count_ended_counts_between_edges",
    "count ended knows no limit": "test_count_ended_tells_states_apart_and_counts_up_to_the_limit",
    "count ended takes the limit together": "test_count_ended_tells_states_apart_and_counts_up_to_the_limit",
    "count ended counts up to the limit once": "test_count_ended_counts_up_to_the_limit_between_each_two_edges",
    "ids are used again": "test_ids_are_never_used_again_after_prune",
    "counts drift after prune": "test_counts_agree_with_the_tasks_after_prune",
    "changes are not noticed": "test_a_change_between_two_waits_is_noticed_by_the_second",
    "giving back spends the attempt": "test_a_given_back_attempt_is_not_spent",
    "giving back goes to the end of the line": "test_a_given_back_task_is_where_it_was_in_the_order",
    "coming back keeps the place": "test_a_task_that_comes_back_goes_behind_those_that_wait[asked to come back]",
    "release goes to the end of the line": "test_release_leaves_what_it_gives_back_where_it_was_in_the_order",
    "brief pages leave out errors": "test_a_brief_page_tells_all_but_the_values",
    "brief pages cut values": "test_a_brief_page_tells_all_but_the_values",
    "later pages start over": "test_pages_follow_each_other_without_gap_or_repetition",
    "log lines are read from the end": "test_logs_are_read_page_by_page",
    "lines sent again are written again": "test_lines_that_are_sent_again_are_not_written_again",
    "every start is believed": "test_a_start_by_a_wrong_clock_is_brought_between_creation_and_end[too late-progress]",
    "instants are kept to the millisecond": "test_run_at_is_kept_as_the_same_instant_in_utc[last]",
    "texts pass for ids": "test_an_id_of_another_type_is_refused_in_the_same_words[get]",
    "every heartbeat is a start": "test_started_at_stays_and_heartbeat_at_moves",
    "runners are known by their first words": "test_what_a_runner_tells_of_itself_is_kept_as_it_told_it_last",
    "lost runners are hidden": "test_a_runner_with_an_expired_lease_is_shown_as_such",
    "lost runners seem alive": "test_a_runner_with_an_expired_lease_is_shown_as_such",
    "runners are listed by name": "test_runners_come_in_the_order_in_which_they_started",
    "released runners stay": "test_a_released_runner_is_forgotten",
    "every asker gets a turn": "test_one_of_several_threads_gets_the_turn",
    "turn is taken for good": "test_the_turn_comes_again_when_the_time_is_up",
    "asking puts off the turn": "test_a_turn_that_was_refused_does_not_put_off_the_next",
    "all chores share one turn": "test_chores_are_independent",
    "restore forgets the token": "test_attempts_and_tokens_go_on_from_where_they_were",
    "restore forgets the log": "test_a_restored_task_is_the_same_in_every_field[failed]",
    "restore makes all due": "test_due_tasks_are_claimed_in_order_and_scheduled_ones_wait",
    "restore takes running tasks": "test_a_running_task_is_refused_and_nothing_is_written",
    "restore is not atomic": "test_a_running_task_is_refused_and_nothing_is_written",
    "restore overwrites": "test_a_task_whose_id_exists_stays_as_it_is",
    "restored ids are used again": "test_ids_of_later_tasks_are_higher_than_restored_ones",
    "restored tasks are not counted": "test_restored_tasks_are_found_listed_and_counted",
    "connection is ignored": "test_a_connection_that_the_store_can_not_use_is_refused",
    "headers are lost": "test_headers_that_nobody_knows_travel_from_add_to_the_claim_and_to_the_end",
    "headers are written anew": "test_headers_that_nobody_knows_travel_from_add_to_the_claim_and_to_the_end",
    "headers of the first are those of all": "test_tasks_of_one_call_keep_headers_of_their_own",
    "restore forgets the headers": "test_headers_are_restored",
    "claim forgets the headers": "test_headers_stay_for_the_next_attempt[release]",
    "owners are compared in small letters": "test_tasks_of_an_owner_are_found_page_by_page",
    "owners are no condition": "test_tasks_of_an_owner_are_found_page_by_page",
    "counts look at no owner": "test_tasks_of_an_owner_are_counted",
    "restore forgets the owner": "test_an_owner_is_restored",
    "claim forgets the checkpoint": "test_a_checkpoint_comes_along_with_the_next_attempt[rescue]",
    "restore forgets the checkpoint": "test_checkpoint_and_progress_note_are_restored",
    "success keeps the checkpoint": "test_a_success_clears_the_checkpoint",
    "claim keeps the progress note": "test_a_claim_begins_without_the_progress_note_of_the_attempt_before[release]",
    "no fence on notes": "test_notes_stay_and_late_ones_are_refused[rescue]",
    "notes never replace each other": "test_a_note_takes_the_place_of_the_one_of_its_kind_and_name",
    "notes know no limit": "test_notes_are_read_page_by_page",
    "restore forgets the notes": "test_notes_are_restored",
    "rescue notes nothing": "test_rescue_notes_which_attempt_was_lost",
    "commit forgets no input": "test_an_end_forgets_the_input_if_the_headers_say_so[1-failed]",
    "cancel forgets no input": "test_a_task_that_is_cancelled_while_it_waits_forgets",
    "release forgets no input": "test_what_becomes_cancelled_instead_of_pending_forgets[release]",
    "rescue forgets no input": "test_a_task_that_was_lost_for_the_last_time_forgets",
    "inputs are always forgotten": "test_an_end_forgets_the_input_if_the_headers_say_so[1-failed]",
    "look ahead goes by id": "test_look_ahead_names_what_a_claim_grants_in_its_order",
    "look ahead claims": "test_look_ahead_changes_nothing",
    "look ahead looks at no queue": "test_look_ahead_takes_what_a_request_asks_for",
    "look ahead shows what is due later": "test_look_ahead_leaves_out_what_does_not_wait_for_its_turn",
    "durations begin with the oldest": "test_durations_are_those_of_the_newest_tasks_that_succeeded",
    "durations count failures": "test_durations_know_nothing_of_what_did_not_succeed",
    "oldest due is the next one": "test_oldest_due_is_found_behind_higher_priorities",
    "oldest due is due before it was added": "test_oldest_due_was_added_by_then",
    "oldest due is due later": "test_oldest_due_leaves_out_what_does_not_wait_for_its_turn",
    "oldest due looks at no queue": "test_oldest_due_tells_of_each_name_in_each_queue",
    "oldest due knows nothing of schedules": "test_oldest_due_sees_what_no_claim_has_seen_yet",
    "claim invents its instants": "test_a_claim_says_when_the_task_was_added_and_due",
}

#: Faults that the game against the model can't see: they need two threads, or questions that it does not ask.
BEYOND_THE_MODEL = {
    "coming back keeps the place",
    "look ahead claims",
    "runners are known by their first words",
    "claim ignores families",
    "claim takes families for patterns",
    "claims are not atomic",
    "add is not atomic",
    "changes are not noticed",
    "log lines are read from the end",
    "runners are listed by name",
    "every heartbeat is a start",
    "every start is believed",
    "every asker gets a turn",
    "turn is taken for good",
    "asking puts off the turn",
    "all chores share one turn",
    "restore is not atomic",
    "connection is ignored",
    "claim invents its instants",
    "rescue takes from the caller too",
    "instants are kept to the millisecond",
    "texts pass for ids",
    "many logs are read from the beginning",
    "many logs share the limit",
    "many logs invent a line",
    "owners are compared in small letters",
    "success keeps the checkpoint",
    "claim keeps the progress note",
    "notes know no limit",
    "rescue notes nothing",
    "ended since leaves out the instant itself",
    "ended since looks at no instant",
    "ended since finds what has not ended",
    "ended since looks at no state",
    "ended since takes the limit per state",
    "ended since remembers what was retried",
    "durations begin with the oldest",
    "durations count failures",
    "oldest due is due before it was added",
    "count ended counts the edge twice",
    "count ended knows no limit",
    "count ended takes the limit together",
    "count ended counts up to the limit once",
}


@pytest.fixture(autouse=True)
def _bare_pytest(monkeypatch):
    """The pytest inside must not load the plugins of the one outside a second time."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)


def test_every_broken_store_has_its_test():
    """A fault that is planted without naming who must notice proves nothing."""
    assert EXPECTED.keys() == BROKEN_STORES.keys()


def test_the_wrapper_alone_breaks_nothing():
    """A wrapped store without a fault passes each of the named tests, so that a failure is the fault's."""
    results = run_contract(lambda: StoreWrapper(MemoryTaskStore()), tests=sorted(set(EXPECTED.values())))

    assert {result.status for result in results} == {CheckStatus.PASSED}


@pytest.mark.parametrize("fault", EXPECTED)
def test_the_suite_notices(fault, monkeypatch):
    """The test that is about the fault fails."""
    # A store in memory needs no patience; the suite has much, for servers that are slow.
    monkeypatch.setattr(harness, "DEADLINE_SECONDS", 2.0)

    # A machine that stands still for a moment can hide a fault that is a matter of time.
    assert any(is_noticed(fault) for _ in range(5))


def is_noticed(fault):
    results = run_contract(lambda: BROKEN_STORES[fault](MemoryTaskStore()), tests=[EXPECTED[fault]])
    return CheckStatus.FAILED in {result.status for result in results}


@pytest.mark.parametrize("fault", sorted(EXPECTED.keys() - BEYOND_THE_MODEL))
def test_the_model_notices(fault, monkeypatch):
    """The game against the model finds the fault without knowing where to look."""

    class Quick(ModelContract):
        model_examples = 4000
        model_phases = (Phase.generate,)

    # The same games in each run, so that no fault is missed by chance.
    monkeypatch.setenv("CI", "1")
    # What a fault leaves behind can make a repeated game end differently: Hypothesis then calls it flaky.
    # And what a fault makes of ids and states, the store inside may not even know, or not take.
    with pytest.raises((AssertionError, pytest.fail.Exception, Flaky, TaskNotFoundError, TaskStateError)) as found:
        Quick().test_any_sequence_of_calls_agrees_with_the_model(BROKEN_STORES[fault](MemoryTaskStore()))
    assert "pytest-timeout" not in str(found.value)
