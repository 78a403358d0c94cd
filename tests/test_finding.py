"""Find tasks by what became of them, and act on many of them, through a client."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cli_calls import end_task, start_task
from lilota_memory_store import MemoryTaskStore

from lilota.bulk import Fates
from lilota.client import TaskClient
from lilota.config import Settings
from lilota.contract.forwarding import ForwardingStore
from lilota.errors import ConfigurationError, StoreUnavailableError, TaskStateError
from lilota.finding import came_at, find_page
from lilota.models import AttemptUpdate, NewTask, TaskError, TaskState
from lilota.plugins import Plugins
from lilota.registry import Registry

FAILED, PENDING = TaskState.FAILED, TaskState.PENDING


class Clock:
    """A clock of a store that a test sets."""

    def __init__(self):
        self.now = datetime(2030, 1, 1, tzinfo=UTC)

    def __call__(self):
        return self.now.timestamp()

    def pass_by(self, **time):
        self.now += timedelta(**time)
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(clock):
    return MemoryTaskStore(clock)


@pytest.fixture
def client(store):
    settings = Settings()
    return TaskClient(store, registry=Registry(Plugins(settings), settings), accept_unknown_names=True)


class Log(ForwardingStore):
    """Remembers what was asked of a store, and can go away in the middle."""

    def __init__(self, inner, calls_until_away=None):
        super().__init__(inner)
        self.queries = []
        self.left = calls_until_away

    def find(self, query):
        self.queries.append(query)
        return super().find(query)

    def retry(self, task_id):
        if self.left == 0:
            raise StoreUnavailableError("The store is away.")
        if self.left is not None:
            self.left -= 1
        super().retry(task_id)


def client_of(store):
    settings = Settings()
    return TaskClient(store, registry=Registry(Plugins(settings), settings))


def fail(store, message="no", error_type="ValueError", **fields):
    """Let a task fail, and return its id."""
    return end_task(store, start_task(store, **fields), FAILED, error=TaskError(type=error_type, message=message))


def found(client, **wanted):
    return [task.id for task in client.find(**wanted)]


def test_find_without_a_condition_gives_every_task_the_newest_first(client, store):
    """As `lilota list` shows them, however many pages they fill."""
    ids = store.add([NewTask(name="x")] * 2500)

    assert found(client) == ids[::-1]
    assert found(client, limit=1200) == ids[:-1201:-1]


def test_find_takes_the_conditions_of_a_store(client, store):
    """States can be given as texts, too."""
    failed = fail(store, name="a", queue="q")
    pending = store.add([NewTask(name="a"), NewTask(name="b")])

    assert found(client, states=["failed"]) == found(client, queues={"q"}) == [failed]
    assert found(client, names=["a"], states=[PENDING]) == [pending[0]]
    assert found(client, names=[]) == []


def test_since_and_before_look_at_the_end_of_what_has_ended_and_at_the_addition_of_the_rest(client, store, clock):
    """ "What failed since yesterday" was added long before, perhaps; the first instant counts, the last does not."""
    old_failed = fail(store)
    started = start_task(store)
    old_pending = store.add([NewTask(name="x")])[0]
    noon = clock.pass_by(hours=12)
    failed_now = end_task(store, started, FAILED)
    new_pending = store.add([NewTask(name="x")])[0]

    assert found(client, since=noon) == [new_pending, failed_now]
    assert found(client, before=noon) == [old_pending, old_failed]
    assert found(client, since=noon, before=noon + timedelta(microseconds=1), states=["failed"]) == [failed_now]
    assert {came_at(task) for task in client.find(since=noon)} == {noon}


def test_error_is_looked_for_in_type_and_message_in_capitals_or_not(client, store):
    """Also in letters that only Unicode folds; what has no error does not match, not even the empty text."""
    by_type = fail(store, error_type="ReadTimeout")
    by_message = fail(store, "Die STRASSE ist zu; TIMEOUT")
    store.add([NewTask(name="timeout")])

    assert found(client, error="timeout") == [by_message, by_type]
    assert found(client, error="straße") == [by_message]
    assert found(client, error="") == [by_message, by_type]
    assert found(client, error="%") == []


def test_a_text_is_looked_for_in_name_and_description_and_is_an_id(client, store):
    """What somebody types into one field; of an id, a part is none."""
    ids = store.add([NewTask(name="resize", description="Straße am Meer"), *[NewTask(name="mail")] * 10])

    assert found(client, text="STRASSE") == found(client, text="Resi") == [ids[0]]
    assert found(client, text=str(ids[9])) == [ids[9]]
    assert found(client, text="%") == []


def test_a_limit_counts_what_matches_and_reads_no_further(client, store):
    """Whoever wants one task of a million does not read them all."""
    log = Log(store)
    ids = [fail(store, "odd" if n % 2 else "even") for n in range(6)]
    store.add([NewTask(name="x")] * 1500)

    assert found(client_of(log), error="odd", limit=2) == [ids[5], ids[3]]
    assert [query.limit for query in log.queries] == [1000, 1000]
    assert len(found(client_of(log), limit=2)) == log.queries[-1].limit == 2


class Lately(Log):
    """A store that can find what ended lately, and is slow at everything else."""

    def ended_since(self, since, states=None, limit=1000):
        return self.inner.ended_since(since, states, limit)


def test_what_ended_lately_is_found_among_many_by_its_end(store, clock):
    """Of all that ended before, nothing is read; what has not ended comes in its place among the others."""
    ended_before = [fail(store) for _ in range(1200)]
    pending = store.add([NewTask(name="x")])[0]
    noon = clock.pass_by(hours=12)
    ended = [fail(store) for _ in range(3)]
    late = Lately(store)

    assert found(client_of(late), since=noon) == ended[::-1]
    assert found(client_of(late), since=noon - timedelta(hours=12), states=["pending", "failed"], limit=5) == [
        *ended[::-1],
        pending,
        ended_before[-1],
    ]
    assert {query.ids is None for query in late.queries[:2]} == {True, False}
    assert found(client_of(late), since=noon, states=["failed"], error="no") == ended[::-1]
    assert late.queries[-1].ids == tuple(ended[::-1])


def test_very_many_that_ended_lately_are_found_along_the_ids(store, clock, monkeypatch):
    """A list of millions would be no shorter way."""
    monkeypatch.setattr("lilota.finding._MOST_LISTED", 3)
    fail(store)
    noon = clock.pass_by(hours=12)
    ended = [fail(store) for _ in range(3)]
    late = Lately(store)

    assert found(client_of(late), since=noon) == ended[::-1]
    assert {query.ids for query in late.queries} == {None}


def test_a_task_that_is_retried_between_two_pages_is_given_once(store, clock):
    """It was failed on one page, and waits on another one."""
    ids = [fail(store) for _ in range(2)]

    class Retries(Lately):
        def find(self, query):
            page = super().find(query)
            if query.ids is not None:
                self.inner.retry(ids[0])
            return page

    assert found(client_of(Retries(store)), since=clock.now) == ids[::-1]


def test_find_reads_a_page_when_it_is_needed(client, store):
    """Each task is as of the moment at which its page was read, and nothing is read ahead."""
    log = Log(store)
    store.add([NewTask(name="x")] * 2500)
    tasks = client_of(log).find()

    assert log.queries == []
    next(tasks)
    assert len(log.queries) == 1


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"states": ["dead"]}, "'dead' is not a valid TaskState. There are: waiting, pending, running"),
        ({"states": "failed"}, r"write states=\['failed'\]"),
        ({"names": "x"}, r"write names=\['x'\]"),
        ({"since": datetime(2030, 1, 1)}, "'since' must be a datetime with a time zone"),  # noqa: DTZ001 - the case
        ({"before": "yesterday"}, "'before' must be a datetime with a time zone, not 'yesterday'"),
        ({"since": datetime(2030, 1, 2, tzinfo=UTC), "before": datetime(2030, 1, 1, tzinfo=UTC)}, "Nothing can match"),
        ({"limit": 0}, "'limit' must be at least 1, not 0"),
    ],
)
def test_a_condition_that_can_not_be_used_is_refused_at_once(client, wanted, said):
    """Before anything is read: the error comes where the mistake is, and not at the first `next()`."""
    with pytest.raises(ConfigurationError, match=said):
        client.find(**wanted)


def test_counts_and_runners_are_those_of_the_store(client, store):
    """A program needs no store of its own beside the client."""
    start_task(store)

    assert client.counts() == store.counts()
    assert [runner.id for runner in client.runners()] == ["runner"]


def test_retry_runs_again_what_failed_and_matches(client, store, clock):
    """Not what was cancelled: nobody wanted that; and not what does not match."""
    fail(store, "timeout")
    midnight = clock.pass_by(hours=1)
    wanted = [fail(store, "timeout"), fail(store, "Timeout of 3 s")]
    fail(store, "other")
    cancelled = end_task(store, start_task(store), TaskState.CANCELLED, error=TaskError(type="X", message="timeout"))

    assert client.retry(since=midnight, error="timeout") == Fates(retried=2)
    assert found(client, states=["pending"]) == wanted[::-1]
    assert client.retry(states=["cancelled"]) == Fates(retried=1)
    assert store.get(cancelled).state is PENDING


def test_cancel_ends_what_waits_and_asks_what_runs(client, store):
    """Without states it means all that have not ended; the others stay as they are."""
    running = start_task(store, name="x").id
    store.add([NewTask(name="x"), NewTask(name="x"), NewTask(name="other")])
    end_task(store, start_task(store, name="y"))

    assert client.cancel(names=["x", "y"]) == Fates(cancelled=2, asked=1)
    assert store.get(running).cancel_requested
    assert [task.name for task in client.find(states=["pending"])] == ["other"]


def test_ids_are_dealt_with_once_each_and_what_can_not_be_done_stops_nothing(client, store):
    """One number or many; the handle of a task is what raises."""
    failed, pending = fail(store), store.add([NewTask(name="x")])[0]

    assert client.retry([99, pending, failed, failed]) == Fates(retried=1, unchanged=1, missing=1)
    assert client.cancel(failed) == Fates(cancelled=1)
    with pytest.raises(TaskStateError):
        client.get(pending).retry()


def test_what_changes_or_is_added_meanwhile_is_not_touched_twice(store):
    """A task that fails again as soon as it is retried, and new failures, do not keep the action going."""

    class FailsAgain(ForwardingStore):
        retried: list[int] = []  # noqa: RUF012 - of this test alone

        def retry(self, task_id):
            super().retry(task_id)
            self.retried.append(task_id)
            claim = start_task(self.inner, name="new")  # one more failure that was not there
            end_task(self.inner, claim, FAILED, error=TaskError(type="X", message="timeout"))
            self.inner.cancel(task_id)

    ids = [fail(store, "timeout") for _ in range(3)]
    again = FailsAgain(store)

    assert client_of(again).retry(error="timeout") == Fates(retried=3)
    assert again.retried == ids


def test_one_that_has_changed_in_between_is_counted_and_the_others_are_done(store):
    """Somebody else may be quicker, or prune."""

    class Quicker(ForwardingStore):
        def retry(self, task_id):
            if task_id == 1:
                self.inner.retry(2)
                self.inner.prune(-1.0, [FAILED], 1)
            super().retry(task_id)

    for _ in range(4):
        fail(store)

    assert client_of(Quicker(store)).retry(states=["failed"]) == Fates(retried=2, unchanged=1, missing=1)


def test_a_store_that_goes_away_in_between_leaves_a_number_behind(store):
    """And the same call goes on with the others when it is back."""
    ids = [fail(store) for _ in range(3)]

    with pytest.raises(StoreUnavailableError, match=r"away\. Before, 2 tasks had been retried\. Do the same again"):
        client_of(Log(store, calls_until_away=2)).retry(states=["failed"])
    assert client_of(store).retry(states=["failed"]) == Fates(retried=1)
    assert found(client_of(store), states=["pending"]) == ids[::-1]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda client: client.retry(), "Say which tasks to retry: ids, or a filter"),
        (lambda client: client.cancel(states=None, error=None), "Say which tasks to cancel"),
        (lambda client: client.retry(1, names=["x"]), "by their ids or by a filter, not by both"),
        (lambda client: client.retry(states=["running"]), "running can't be retried; only one that is failed or canc"),
        (lambda client: client.cancel(states=["failed"]), "failed can't be cancelled; only one that is waiting or pen"),
    ],
)
def test_what_does_not_say_which_tasks_does_nothing(client, store, call, said):
    """Forgetting the filter must not run a million tasks again."""
    failed = fail(store)

    with pytest.raises(ConfigurationError, match=said):
        call(client)

    assert store.get(failed).state is FAILED


def test_stats_tell_by_name_how_many_failed_and_how_long_they_took(client, store, clock):
    """Cancelled tasks say nothing about how long the work takes, nor how often it fails."""
    for seconds in [*range(1, 20), 60]:
        started = start_at(store, clock, "resize")
        clock.pass_by(seconds=seconds)
        end_task(store, started, FAILED if seconds == 60 else TaskState.SUCCEEDED)
    end_task(store, start_at(store, clock, "mail"), TaskState.CANCELLED)
    store.add([NewTask(name="mail"), NewTask(name="other")])

    mail, resize = client.stats()

    assert (mail.name, mail.ended, mail.cancelled, mail.failure_rate, mail.p50_seconds) == ("mail", 1, 1, None, None)
    assert (resize.name, resize.ended, resize.succeeded, resize.failed) == ("resize", 20, 19, 1)
    assert (resize.failure_rate, resize.p50_seconds, resize.p95_seconds, resize.max_seconds) == (0.05, 10, 19, 60)
    assert [stats.ended for stats in client.stats(names=["resize"], limit=5)] == [5]


def test_only_who_is_given_tasks_reads_what_went_in_and_came_out(store):
    """A thousand outputs may have many megabytes; to count and to retry takes none of them."""
    log = Log(store)
    fail(store)

    client_of(log).stats()
    client_of(log).retry(names=["resize"])
    counted, list_of_ids = log.queries[0], log.queries[1]
    list(client_of(log).find())

    assert (counted.brief, list_of_ids.brief, log.queries[-1].brief) == (True, True, False)


def start_at(store, clock, name):
    """Start a task at the instant of the clock."""
    started = start_task(store, name=name)
    store.commit([AttemptUpdate(id=started.id, token=started.token, started_at=clock())])
    return started


def pages(store, **wanted):
    """Give page after page, as somebody asks for them who looks through all."""
    page = find_page(store, **wanted)
    yield page
    while page.next_after_id is not None:
        page = find_page(store, **{**wanted, "after_id": page.next_after_id})
        yield page


def test_pages_of_a_store_are_full_and_have_every_task_once(store):
    """The last one says that it is the last, also when it is full."""
    ids = store.add([NewTask(name="x")] * 6)

    read = list(pages(store, limit=3))

    assert [[task.id for task in page.tasks] for page in read] == [ids[:2:-1], ids[2::-1]]
    assert [page.next_after_id for page in read] == [ids[3], None]


def test_a_page_ends_when_enough_was_looked_at_and_the_next_one_goes_on(store):
    """A text that few have is not looked for in a million tasks while somebody waits."""
    wanted = store.add([NewTask(name="needle")])[0]
    store.add([NewTask(name="hay")] * 25)

    read = list(pages(store, limit=3, most=10, text="needle"))

    assert [page.looked_at for page in read] == [10, 10, 6]
    assert [task.id for page in read for task in page.tasks] == [wanted]


def test_a_page_reads_no_more_than_it_may_look_at(store):
    """So that the cost of a page is known, whatever it asks for."""
    store.add([NewTask(name="hay")] * 100)
    log = Log(store)

    find_page(log, limit=5)
    find_page(log, limit=5, most=20, text="needle")

    assert [query.limit for query in log.queries] == [6, 20]


def test_a_page_of_what_is_rare_is_two_questions_to_the_store(store):
    """Each of them begins anew with every name: a thousand of these must not be looked at ten times for one page."""
    store.add([NewTask(name="hay")] * 100)
    log = Log(store)

    page = find_page(log, limit=5, most=80, text="needle")

    assert [query.limit for query in log.queries] == [20, 60]
    assert page.looked_at == 80


def test_a_page_of_what_ended_lately_is_looked_for_by_its_end(store, clock):
    """Who asks for the last hour does not look through all that was added since."""
    failed = fail(store)
    clock.pass_by(hours=2)
    newly_failed = fail(store)
    since = clock.pass_by(minutes=-1)

    page = find_page(store, limit=5, since=since, states=[FAILED])

    assert [task.id for task in page.tasks] == [newly_failed]
    assert (page.looked_at, page.next_after_id) == (1, None)
    assert failed < newly_failed
