"""What the pages show of a store in which things happen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from lilota_dashboard.data import history, names, overview, plugins, runners, stack, store, task, troubles
from stored import add_task, end_task, fail, keep_runner, start_task

from lilota.contract import TaskQuery
from lilota.contract.forwarding import ForwardingStore
from lilota.errors import LilotaError, TaskNotFoundError, UnknownTaskError
from lilota.models import LogLine, NewTask, TaskState


def test_an_empty_store_has_an_overview_that_says_what_is_missing(client):
    """The first page that somebody sees: nothing is there, and nobody would run it."""
    page = overview.overview(client)

    assert page.is_empty
    assert (page.oldest, page.failing, page.queues, page.runners.alive) == (None, (), (), 0)
    assert [trouble.check for trouble in page.troubles if "No runner is alive" in trouble.text] == ["runners"]
    assert "lilota worker" in page.troubles[0].text


def test_the_overview_says_what_waits_runs_and_fails(client):
    """By queue and by name, those first that have something to do."""
    keep_runner(client.store)
    for number in range(3):
        fail(client.store, "mail", f"no route {number}", queue="slow")
    start_task(client.store, "resize")
    oldest = add_task(client.store, "mail")
    add_task(client.store, "mail")

    page = overview.overview(client)

    assert (page.numbers.unstarted, page.numbers.running, page.numbers.failed, page.numbers.total) == (2, 1, 3, 6)
    assert [(group.queue, group.numbers.total) for group in page.queues] == [("default", 3), ("slow", 3)]
    assert [(group.name, group.queue) for group in page.names] == [
        ("mail", "default"),
        ("resize", "default"),
        ("mail", "slow"),
    ]
    assert page.failing[0].failed == 3
    assert page.failing[0].error == "ValueError: no route 2"
    assert (page.runners.alive, page.runners.places, page.runners.busy) == (1, 4, 1)
    assert page.oldest is None or page.oldest.id == oldest


def test_the_oldest_waiting_task_is_the_one_that_a_runner_could_take(client):
    """What nobody serves is a trouble of its own."""
    keep_runner(client.store, names=["mail"])
    add_task(client.store, "resize")
    waiting = add_task(client.store, "mail")

    page = overview.overview(client)

    assert page.oldest is not None
    assert (page.oldest.id, page.oldest.name) == (waiting, "mail")
    assert any("waits in vain" in trouble.text for trouble in page.troubles)
    assert {group.name: group.is_served for group in page.names} == {"mail": True, "resize": False}


def test_a_runner_that_was_lost_or_is_stuck_stands_first(client):
    """With its sentence; one that is well says nothing."""
    keep_runner(client.store, "well")
    keep_runner(client.store, "stuck", problem="Its executor can't start workers.")
    keep_runner(client.store, "lost", lease_seconds=0)

    page = runners.runners(client.store)
    said = [trouble for trouble in troubles.quick_troubles(client.store) if trouble.check == "runners"]

    assert [(row.id, row.state) for row in page.rows] == [("stuck", "stuck"), ("lost", "lost"), ("well", "alive")]
    assert page.rows[0].troubles == ("Its executor can't start workers.",)
    assert [trouble.level for trouble in said] == ["problem", "warning"]
    assert (page.summary.alive, page.summary.lost, page.summary.places) == (2, 1, 8)


def test_a_runner_has_the_memory_that_it_tells(client):
    """One of an older lilota, and one that tells nonsense, have none."""
    keep_runner(client.store, "large", memory_mb=2140.5)
    keep_runner(client.store, "older")
    keep_runner(client.store, "odd", memory_mb=1e308)

    page = runners.runners(client.store)

    assert {row.id: row.memory_bytes for row in page.rows} == {"large": 2_140_500_000, "older": None, "odd": None}


def test_a_hundred_runners_that_fail_alike_fill_no_page(client):
    """Twenty sentences, and how many more there are."""
    for number in range(40):
        keep_runner(client.store, f"runner-{number}", lease_seconds=0, failure="ImportError: no module")

    said = troubles.quick_troubles(client.store)

    assert len(said) == 21
    assert "more: examine the store" in said[-1].text


def test_history_counts_what_ended_in_this_minute_and_hour(client):
    """The last bar is not over yet."""
    fail(client.store)
    for _ in range(2):
        end_task(client.store, start_task(client.store))
    ended = client.store.find(TaskQuery())
    now = max(each.finished_at for each in ended)

    page = history.history(client.store, now)

    assert page.is_available
    for series, number, seconds in ((page.hour, 60, 60), (page.day, 24, 3600)):
        assert (len(series.bars), series.bars[0].seconds, series.is_cut) == (number, seconds, False)
        assert (series.succeeded, series.failed, series.cancelled) == (2, 1, 0)
        assert sum(bar.total for bar in series.bars[-2:]) == 3
    assert page.durations[0].failed == 1


class Finding:
    """A store that finds by the end of its tasks, and does not count."""

    def __init__(self, inner):
        self.find, self.ended_since, self.capabilities = inner.find, inner.ended_since, inner.capabilities


def test_history_is_read_where_a_store_does_not_count(client, monkeypatch):
    """What is not read is not known, rather than nothing."""
    monkeypatch.setattr(history, "TaskStore", Finding)
    for _ in range(3):
        fail(client.store)

    page = history.history(Finding(client.store))
    monkeypatch.setattr(history, "_READ", 3)
    cut = history.history(Finding(client.store))

    assert (page.hour.failed, page.day.failed, page.hour.is_cut) == (3, 3, False)
    assert cut.hour.is_cut
    assert not cut.hour.bars[0].is_known


def test_a_bar_says_that_it_is_cut(client, monkeypatch):
    """A store counts no further than it is asked to."""
    for _ in range(3):
        fail(client.store)
    monkeypatch.setattr(history, "_HOURS", history._HOURS._replace(counted=2))

    page = history.history(client.store)

    assert sum(bar.is_at_least for bar in page.day.bars) >= 1
    assert (page.day.is_cut, page.hour.is_cut) == (True, False)


class WithoutEnds:
    """A store that has no index of the ends of its tasks, as one of a stranger may have none."""

    def find(self, _query):
        raise AssertionError("nobody looks through all tasks for a chart")


def test_a_store_that_can_not_tell_what_ended_lately_has_no_history():
    """It is said, rather than drawn as a day without work."""
    page = history.history(WithoutEnds())

    assert (page.is_available, page.hour.bars, page.day.bars) == (False, (), ())


def test_all_about_a_task_that_failed_is_on_its_page(client):
    """Its input, error and attempts, and what can be done about it."""
    line = LogLine(at=5.0, text="Begun", level=30)
    task_id = fail(client.store, "mail", "no route", input_json='{"to": "ann"}', reported={"log_lines": (line,)})

    page = task.task_page(client, task_id)

    assert page.row.error == "ValueError: no route"
    assert (page.input.text, page.output, page.checkpoint) == ('{\n  "to": "ann"\n}', None, None)
    assert page.error is not None
    assert page.error.traceback == ("Traceback", "  no route")
    assert [attempt.outcome for attempt in page.attempts] == ["failed"]
    assert (page.retry_problem, page.cancel_problem) == ("", "It has ended: it is failed.")
    (logged,) = task.log_page(client, task_id).rows
    assert (logged.number, logged.text, logged.level, logged.at) == (
        1,
        "Begun",
        "warning",
        datetime.fromtimestamp(5, UTC),
    )


def test_a_task_that_waits_for_its_turn_says_how_many_are_before_it(client):
    """One that has ended says nothing of that."""
    ended = fail(client.store, "mail")
    keep_runner(client.store, names=["mail"])
    add_task(client.store, "mail")
    waits = add_task(client.store, "mail")

    assert task.task_page(client, waits).estimate.startswith("1 before it")
    assert task.task_page(client, ended).estimate == ""


def test_a_task_that_waits_says_why(client):
    """In the words of `lilota show`."""
    task_id = add_task(client.store, "mail", delay_seconds=3600)

    page = task.task_page(client, task_id)

    assert [reason.kind for reason in page.waits_for] == ["time", "runner"]
    assert (page.cancel_problem, page.retry_problem) == ("", "It has not ended.")


def test_a_log_is_read_page_by_page(client):
    """And goes on where it was, when more has come."""
    lines = tuple(LogLine(at=float(number), text=f"line {number}") for number in range(25))
    started = start_task(client.store, reported={"log_lines": lines})

    first = task.log_page(client, started.id, limit=10)
    last = task.log_page(client, started.id, after=20, limit=10)

    assert ([row.number for row in first.rows], first.has_more) == (list(range(1, 11)), True)
    assert ([row.text for row in last.rows], last.has_more, last.next_after) == (
        [f"line {number}" for number in range(20, 25)],
        False,
        25,
    )


@pytest.mark.parametrize(("after", "limit"), [(-1, 10), (0, 0), (0, 10**6), (10**10, 10), (0, -5)])
def test_a_page_of_a_log_that_can_not_be_is_refused(client, after, limit):
    """Before the store is asked."""
    with pytest.raises(ValueError, match="A page of a log has 1 to 1,000 lines"):
        task.log_page(client, 1, after, limit)


@pytest.mark.parametrize("task_id", [0, -1, 10**9, 2**63 - 1])
def test_a_task_that_is_not_there_is_not_found(client, task_id):
    """Whatever number somebody types into the URL."""
    for read in (task.task_page, task.log_page):
        with pytest.raises(TaskNotFoundError):
            read(client, task_id)


def test_a_stack_that_can_not_be_seen_says_why(client):
    """A page shows the sentence in its place."""
    waiting = add_task(client.store, "mail")

    with pytest.raises(LilotaError, match=f"Task {waiting} waits, so it has no stack"):
        stack.stack_page(client.store, waiting)


def test_names_are_those_of_the_store_of_the_installation_and_of_runners(client):
    """Each says where it is known."""
    keep_runner(client.store, names=["elsewhere", "family:*"])
    add_task(client.store, "stored")

    rows = {row.name: row for row in names.names(client).rows}

    assert (rows["stored"].is_known, rows["stored"].is_served, rows["stored"].numbers.pending) == (False, False, 1)
    assert (rows["elsewhere"].is_known, rows["elsewhere"].is_served) == (False, True)
    assert rows["resize"].is_known
    assert rows["generate_report"].distribution.startswith("lilota-example-tasks ")
    assert "family:*" not in rows


def test_a_name_tells_how_its_tasks_did(client):
    """Of those that ended last."""
    fail(client.store, "resize")
    end_task(client.store, start_task(client.store, "resize"))

    page = names.name_page(client, "resize")

    assert page.row.stats is not None
    assert (page.row.stats.failure_rate, page.row.stats.ended) == (0.5, 2)
    assert page.docstring[0] == "Make a photo smaller."
    assert page.returns == "str"
    assert [row.state for row in page.recent] == [TaskState.SUCCEEDED, TaskState.FAILED]


def test_a_name_that_is_nowhere_is_unknown(client):
    """And not an empty page."""
    with pytest.raises(UnknownTaskError, match="There is no task 'nowhere'"):
        names.name_page(client, "nowhere")


def test_plugins_are_those_of_the_installation(client):
    """As `lilota plugins` lists them."""
    page = plugins.plugins(client)

    found = {(row.kind, row.name) for row in page.rows}
    assert {("store", "sqlite"), ("task", "generate_report"), ("plugin", "dashboard")} <= found
    assert page.broken == 0


def test_a_store_says_what_it_promises_and_not_where_its_password_is(client):
    """The client of the test was given a store: the URL of the settings is another one."""
    page = store.store_page(client)

    assert page.description == client.store.capabilities().description
    assert page.url == ""
    assert {name for name, _, _ in page.promises} == {"durable", "kept", "processes", "hosts", "transactions"}


def test_a_store_does_not_word_as_a_promise_what_it_does_not_promise(client):
    """The mark beside a sentence is not all that tells the two apart."""
    denials = ("Only one", "can't", "are gone", "may be lost")

    for _, holds, text in store.store_page(client).promises:
        assert any(words in text for words in denials) != holds, text


def test_busy_queues_stand_before_idle_ones(client):
    """And those with failures before the others: there may be many."""
    end_task(client.store, start_task(client.store, "resize", queue="ended"))
    fail(client.store, "resize", queue="failed")
    add_task(client.store, "resize", queue="waiting")

    assert [group.queue for group in overview.overview(client).queues] == ["waiting", "failed", "ended"]


def test_the_doctor_looks_at_the_store_of_the_settings_and_says_if_that_is_another(
    sqlite_client, monkeypatch, tmp_path
):
    """A page about the wrong store would calm the wrong people."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    found = store.doctor(sqlite_client)

    assert any("the dashboard shows another one" in trouble.text for trouble in found)
    assert [trouble.level for trouble in found] == sorted(
        (trouble.level for trouble in found), key=("problem", "warning", "ok").index
    )


def test_pages_read_little_however_much_is_stored(sqlite_client):
    """No page asks for more than a thousand tasks."""

    class Counting(ForwardingStore):
        read = 0

        def find(self, query):
            found = super().find(query)
            self.read = self.read + len(found)
            return found

    counting = Counting(sqlite_client.store)
    sqlite_client.store.add([NewTask(name="x")] * 5000)
    sqlite_client.store = counting

    overview.overview(sqlite_client)
    names.names(sqlite_client)
    history.history(counting, datetime.now(UTC) + timedelta(seconds=1))

    assert counting.read <= 2000
