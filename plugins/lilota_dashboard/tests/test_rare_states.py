"""What pages say of states that are rare: as much as helps, and nothing that is not so."""

from __future__ import annotations

import pytest
import rare


@pytest.fixture(scope="module")
def board(shared):
    """A dashboard that may act, on a store with rare states, and somebody who is logged in."""
    rare.fill_with_rare(shared.client.store)
    return shared.acts.log_in()


def test_a_task_that_says_it_is_ready_is_not_shown_as_ready(board):
    """It goes on: nothing is rounded up, and no end is foreseen that has passed."""
    text = board.get(f"/tasks/{rare.ALMOST}").text

    assert "99 %" in text
    assert "100 %" not in text
    assert "step 12 of 12" in text
    assert ">ends" not in text


def test_of_many_attempts_the_newest_are_shown(board):
    """The others are in a fold, and the chart is no taller than for ten."""
    shown, _, older = board.get(f"/tasks/{rare.MANY}").text.partition('id="older-attempts"')

    assert shown.count('<td class="what">') == 10
    assert older.count('<td class="what">') == 90
    assert 'viewBox="0 0 600 220"' in shown


def test_a_traceback_that_stands_above_is_not_repeated(board):
    """That of the newest attempt is the error of the task."""
    text = board.get(f"/tasks/{rare.MANY}").text

    assert 'id="traceback-99"' in text
    assert 'id="traceback-100"' not in text


def test_a_filter_that_can_not_be_used_stays_to_be_mended(board):
    """Beside the sentence that says what is wrong with it."""
    answer = board.get("/tasks?since=the+other+day&q=invoices")

    assert answer.status == 400
    assert 'value="the other day"' in answer.text
    assert 'value="invoices"' in answer.text


def test_a_task_that_waits_has_no_attempt_and_no_time(board):
    """Only what is so is said of it."""
    text = board.get(f"/tasks/{rare.HELD}").text

    assert "<dt>Attempt</dt>" not in text
    assert "<dt>Took</dt>" not in text
