"""Many tasks cancelled or retried by a filter: what the preview promises, and what two people get who act at once."""

from __future__ import annotations

import pytest
from lilota_dashboard.data import bulk, listing
from stored import add_task, end_task, fail, start_task

from lilota.errors import ConfigurationError
from lilota.models import NewTask, TaskState


def asked(*parameters):
    return listing.asked(parameters)


def run(client, action, wanted, below_id):
    """Take steps until none is left."""
    steps, below = [], below_id
    while below is not None:
        steps.append(bulk.act(client, action, wanted, below))
        below = steps[-1].next_below_id
    return steps


def test_a_preview_counts_and_touches_nothing(client):
    """The counters of the store answer, however many there are."""
    added = client.store.add([NewTask(name="x", queue="mail")] * 30)
    wanted = asked(("queue", "mail"))

    shown = bulk.preview(client, "cancel", wanted)

    assert (shown.count, shown.is_at_least, shown.below_id) == (30, False, added[-1] + 1)
    assert [row.id for row in shown.first] == added[:-11:-1]
    assert client.store.get(added[0]).state is TaskState.PENDING


def test_a_preview_that_no_counter_answers_says_at_least(sqlite_client):
    """A text is looked for in a bounded number of tasks."""
    sqlite_client.store.add([NewTask(name="x", description="order")] * 1500)

    shown = bulk.preview(sqlite_client, "cancel", asked(("q", "order")))

    assert (shown.count, shown.is_at_least) == (1000, True)


def test_all_that_match_are_acted_on_in_steps(client):
    """Each step is one request; together they deal with each task once."""
    added = client.store.add([NewTask(name="x")] * 250)
    wanted = asked(("name", "x"))

    steps = run(client, "cancel", wanted, bulk.preview(client, "cancel", wanted).below_id)

    assert [step.cancelled for step in steps] == [100, 100, 50]
    assert sorted(each for step in steps for each in step.ids) == added


def test_what_is_added_after_the_preview_is_left_alone(client):
    """Who agreed to 2 has agreed to no third one."""
    client.store.add([NewTask(name="x")] * 2)
    wanted = asked(("name", "x"))
    below_id = bulk.preview(client, "cancel", wanted).below_id
    later = add_task(client.store, "x")

    (step,) = run(client, "cancel", wanted, below_id)

    assert step.cancelled == 2
    assert client.store.get(later).state is TaskState.PENDING


def test_a_task_that_ends_between_preview_and_action_stops_nothing(client):
    """It does not match any more; the others are cancelled."""
    started = start_task(client.store, "x")
    waiting = add_task(client.store, "x")
    wanted = asked(("name", "x"))
    shown = bulk.preview(client, "cancel", wanted)
    end_task(client.store, started)

    (step,) = run(client, "cancel", wanted, shown.below_id)

    assert (shown.count, step.done, step.ids) == (2, 1, (waiting,))
    assert client.store.get(started.id).state is TaskState.SUCCEEDED


def test_who_is_second_is_told_why_nothing_was_done(client):
    """Two people press the button of one task."""
    task_id = fail(client.store)

    first = bulk.act_on_one(client, "retry", task_id)
    second = bulk.act_on_one(client, "retry", task_id)

    assert (first.retried, first.reasons) == (1, ())
    assert (second.done, second.unchanged) == (0, 1)
    assert "has not ended" in second.reasons[0]


def test_cancel_of_what_has_just_ended_is_no_error(client):
    """The page that had the button was a second old."""
    task_id = end_task(client.store, start_task(client.store))

    step = bulk.act_on_one(client, "cancel", task_id)

    assert (step.done, step.unchanged) == (0, 1)
    assert "has already succeeded" in step.reasons[0]


def test_a_task_that_was_pruned_is_missing(client):
    """Its id says nothing any more."""
    step = bulk.act_on_one(client, "cancel", 10**9)

    assert (step.missing, len(step.reasons)) == (1, 1)


def test_a_running_task_is_asked_to_end(client):
    """It goes on until its worker hears of it."""
    started = start_task(client.store)

    assert bulk.act_on_one(client, "cancel", started.id).asked == 1
    assert client.store.get(started.id).cancel_requested


def test_two_people_who_retry_the_same_filter_retry_each_task_once(client):
    """The second one finds what the first has left."""
    for _ in range(3):
        fail(client.store, "x")
    wanted = asked(("name", "x"), ("state", "failed"))
    below_id = bulk.preview(client, "retry", wanted).below_id

    first, second = (run(client, "retry", wanted, below_id) for _ in range(2))

    assert sum(step.retried for step in first) == 3
    assert sum(step.done for step in second) == 0


@pytest.mark.parametrize(
    ("parameters", "actions"),
    [
        ([("name", "x")], ["cancel", "retry"]),
        ([("state", "pending"), ("state", "waiting")], ["cancel"]),
        ([("state", "failed")], ["retry"]),
        ([("state", "succeeded")], []),
        ([("state", "failed"), ("state", "running")], []),
    ],
)
def test_what_can_be_done_to_a_filter_is_what_is_not_refused(client, parameters, actions):
    """A page has buttons for that, and no others."""
    assert bulk.possible(asked(*parameters)) == actions
    for action in actions:
        bulk.preview(client, action, asked(*parameters))


@pytest.mark.parametrize(
    ("action", "parameters", "said"),
    [
        ("cancel", [], "Say which tasks to cancel"),
        ("cancel", [("state", "failed")], "A task that is failed can't be cancelled"),
        ("retry", [("state", "succeeded")], "A task that is succeeded can't be retried"),
    ],
)
def test_a_filter_that_makes_no_sense_for_an_action_is_refused(client, action, parameters, said):
    """Above all the one that means everything."""
    wanted = asked(*parameters)
    for call in (lambda: bulk.preview(client, action, wanted), lambda: bulk.act(client, action, wanted, 10)):
        with pytest.raises(ConfigurationError, match=said):
            call()
