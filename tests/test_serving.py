"""What a program learns of a task that waits: which runners serve it, or why none does, and what to type."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from cli_calls import add_task, start_task
from msgspec.structs import replace
from running import running, started, store_url, until

from lilota.contract import ClaimRequest, Commands, RegisteredRunner, RunnerInfo
from lilota.models import AttemptUpdate, Outcome, TaskError, TaskInfo, TaskState
from lilota.running.about import with_service
from lilota.serving import Service, Serving, commands_of, is_due, why_it_waits, why_unserved
from lilota.stores import open_store

#: What is typed where a program has commands of its own.
IN_DJANGO = Commands("manage.py lilota_worker", "manage.py lilota")
HOSTILE = "\x1b[2J\u202evil"


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    store = open_store(store_url(request.param, tmp_path))
    store.open()
    yield store
    store.close()


def beat(store, runner_id="r", names=("resize",), queues=None, *, places=2, **about):
    """Let a runner tell with a heartbeat what it serves."""
    serves = ClaimRequest(runner_id=runner_id, names=names, queues=queues)
    store.heartbeat(with_service(RunnerInfo(id=runner_id), about.pop("serves", serves), serves, places=places, **about))


def registered(about_json, runner_id="r", *, has_expired=False):
    now = datetime.now(UTC)
    return RegisteredRunner(
        id=runner_id,
        host="h",
        pid=1,
        lease_seconds=30,
        started_at=now,
        heartbeat_at=now,
        has_expired=has_expired,
        about_json=about_json,
    )


def kinds(store, task_id):
    return [reason.kind for reason in why_it_waits(store.get(task_id), store)]


def only_text(store, task_id):
    (reason,) = why_it_waits(store.get(task_id), store)
    return reason.text


# --- nobody serves it


def test_without_a_runner_the_remedy_is_to_start_one(store):
    """The command is the one of the project, where it has one of its own."""
    task_id = add_task(store)

    assert only_text(store, task_id) == "No runner is alive on this store; start one with: lilota worker"
    assert why_unserved(store.get(task_id), store, IN_DJANGO).endswith(": manage.py lilota_worker")


def test_other_commands_are_those_of_the_project_too(store):
    """What somebody is to type next is what works there."""
    for name in ("a", "b", "c", "d", "e", "f"):
        add_task(store, name)
    start_task(store)
    beat(store, "runner", places=1)
    task_id = add_task(store)

    (busy,) = why_it_waits(store.get(task_id), store, IN_DJANGO)
    *_, rest = Serving(store.runners(), IN_DJANGO).complaints(store.counts())

    assert busy.text.endswith("See what they are busy with: manage.py lilota list --state running")
    assert rest == "1 task waits of other names or queues that no runner serves: see manage.py lilota counts."
    alone = Serving(store.runners(), None)
    assert alone.complaints(store.counts())[-1].endswith("that no runner serves.")


def test_a_store_says_what_is_typed_for_its_tasks(store):
    """Nothing, where no other process could use it."""
    assert commands_of(store) == (Commands() if store.capabilities().multi_process else None)


def test_a_failed_runner_says_why_nobody_is_there(store):
    """Its error is what an operator looks for."""
    store.heartbeat(RunnerInfo(id="r", lease_seconds=0, about_json='{"failure": "OSError: disk is full"}'))

    assert "the runner r failed: OSError: disk is full" in only_text(store, add_task(store))


def test_a_queue_that_nobody_serves_is_named_with_the_command_and_the_nearest_one(store):
    """A mistyped queue is seen at once."""
    beat(store, queues=("mails", "default"))

    assert only_text(store, add_task(store, queue="mail")) == (
        "No living runner serves the queue 'mail', only 'default', 'mails'. Did you mean 'mails'? "
        "Start one with: lilota worker --queue mail"
    )
    assert why_it_waits(store.get(add_task(store)), store)[0].kind == "turn"


def test_a_name_that_nobody_has_is_named_with_the_command_and_the_nearest_one(store):
    """So is a task that no living runner knows."""
    beat(store, names=("resize", "send"))

    (reason,) = why_it_waits(store.get(add_task(store, "resise")), store)

    assert reason.kind == "name"
    assert reason.text == (
        "No living runner has the task 'resise'. Did you mean 'resize'? Start one where it is installed, or with: "
        "lilota worker --task resise=module:Class"
    )


def test_a_project_that_has_a_command_of_its_own_is_not_told_of_options_that_it_lacks(store):
    """The tasks of a project come from its settings."""
    beat(store)
    task = store.get(add_task(store, "other"))

    assert "--task" not in why_unserved(task, store, IN_DJANGO)


def test_a_name_whose_runners_serve_other_queues_lacks_a_queue(store):
    """Another runner that serves the queue is of no use, having other tasks."""
    beat(store, "a", names=("resize",), queues=("images",))
    beat(store, "b", names=("send",), queues=("mail",))

    (reason,) = why_it_waits(store.get(add_task(store, "send", queue="images")), store)

    assert reason.kind == "queue"
    assert reason.text.startswith("No living runner that has the task 'send' serves the queue 'images', only 'mail'.")


def test_a_name_that_a_runner_has_given_up_is_told_with_its_reason(store):
    """The runner goes on; only its restart brings the name back."""
    trouble = "Tasks named 'resize' are not taken any more, until the runner is started again: no plugin"
    serves = ClaimRequest(runner_id="r", names=("resize", "send"))
    beat(store, names=("send",), serves=serves, troubles=("Something else.", trouble))

    assert only_text(store, add_task(store)) == f"No living runner has the task 'resize'. The runner r: {trouble}"


def test_a_family_of_names_serves_all_names_that_begin_like_it(store):
    """As Django's tasks do, whose names are paths."""
    beat(store, names=("django.tasks:*",))

    assert kinds(store, add_task(store, "django.tasks:app.tasks.send")) == ["turn"]
    assert kinds(store, add_task(store, "django.tasks")) == ["name"]


def test_a_runner_that_stops_serves_nothing_any_more(store):
    """It may wait for hours for what runs."""
    beat(store, is_stopping=True)

    assert only_text(store, add_task(store)).startswith("The runners of this store are stopping")


def test_what_is_not_due_yet_waits_in_vain_too(store):
    """Both reasons are given, and who waits for the result is not warned before it is due."""
    task_id = add_task(store, delay_seconds=3600)

    assert kinds(store, task_id) == ["time", "runner"]
    assert why_unserved(store.get(task_id), store) is None


def test_a_clock_that_is_behind_makes_no_due_task_wait_for_its_time():
    """Instants are by the clock of the store: what was due when it was added is due."""
    ahead = datetime.now(UTC) + timedelta(hours=1)
    added = TaskInfo(id=1, name="resize", created_at=ahead, run_at=ahead)

    assert is_due(added)
    assert not is_due(replace(added, run_at=ahead + timedelta(seconds=1)))
    assert not is_due(replace(added, state=TaskState.RUNNING))


# --- nobody knows


@pytest.mark.parametrize(
    "about_json",
    [
        None,
        "{}",
        "[]",
        "null",
        "7",
        "not JSON",
        '{"names": ',
        '{"names": 7, "queues": 7, "places": "many", "troubles": 3, "failure": [], "given_up": {}, "stopping": 1}',
        '{"names": [1, null], "queues": {"a": 1}, "places": 1e99, "more_names": "x"}',
        '{"names": null, "queues": null, "places": -1}',
        '{"names": {"a": {"b": []}}}',
        '{"names": ' + "[" * 100_000,
        '{"x": ' + "[" * 500 + "]" * 500 + "}",
        '{"names": ["\\ud800"]}',
        "\ud800",
    ],
    ids=range(15),
)
def test_a_runner_that_tells_nothing_or_nonsense_is_no_alarm(store, about_json):
    """As those of an older lilota, and whatever a stranger wrote."""
    runner = registered(about_json)

    assert isinstance(runner.about, dict)
    assert json.dumps(runner.about)
    assert Service.told_by(runner).places >= 0
    assert Serving([runner]).gap("resize", "default") is None
    assert Serving([runner]).answer("resize", "default") is None


@pytest.mark.parametrize("told", ["-1", "0", "1e308", "1e999", "9" * 400, "true", '"much"', "[80]", "null"])
def test_memory_that_no_runner_can_have_counts_as_not_told(told):
    """The rest of what it tells stands."""
    service = Service.told_by(registered(f'{{"places": 3, "memory_mb": {told}}}'))

    assert (service.memory_bytes, service.places) == (None, 3)


def test_memory_is_told_in_whole_numbers_too():
    """As another writer of JSON may do."""
    assert Service.told_by(registered('{"memory_mb": 80}')).memory_bytes == 80_000_000


def test_who_tells_nothing_is_named_to_those_who_ask(store):
    """It is not said that a runner serves it, nor that none does."""
    store.heartbeat(RunnerInfo(id="old"))

    assert only_text(store, add_task(store)) == (
        "It is due. Whether these runners serve it is not known, as they do not tell: 'old'."
    )


def test_an_older_runner_that_told_the_first_names_only_may_have_others(store):
    """It told 200, and not that there were more."""
    names = [f"task{number}" for number in range(200)]

    assert Serving([registered(json.dumps({"names": names, "queues": None}))]).answer("resize", "default") is None
    assert Serving([registered(json.dumps({"names": names[1:], "queues": None}))]).answer("resize", "default") is False


def test_a_runner_with_ten_thousand_names_tells_few_and_that_there_are_more(store):
    """Each heartbeat carries them; what it does not tell, it may serve."""
    names = tuple(f"a_rather_long_name_of_a_task_{number}" for number in range(10_000))
    beat(store, names=names, queues=tuple(f"a_rather_long_name_of_a_queue_{number}" for number in range(10_000)))

    (runner,) = store.runners()
    serving = Serving([runner])

    assert len(runner.about_json) < 30_000
    assert serving.answer(names[0], "a_rather_long_name_of_a_queue_0") is True
    assert serving.answer(names[-1], "a_rather_long_name_of_a_queue_9999") is None
    assert Service.told_by(runner).more_names > 9_000


def test_a_thousand_runners_and_names_are_judged_in_one_look():
    """Those that serve the same are read once, though each has a control socket of its own, and its own memory."""
    about = {"names": [f"task{number}" for number in range(500)], "more_names": 0, "queues": ["q"]}
    told = [json.dumps({**about, "control": f"@lilota-{number}", "memory_mb": 80 + number}) for number in range(1000)]
    serving = Serving([registered(each, f"r{number}") for number, each in enumerate(told)])

    began = time.process_time()
    answers = {serving.answer(f"task{number}", "q") for number in range(10_000)}

    assert answers == {True, False}
    assert len(serving._living) == 1
    assert time.process_time() - began < 30


def test_what_strangers_write_can_not_touch_a_terminal(store):
    """Texts are harmless as soon as they are printed like all others; a command is never made of such a name."""
    beat(store, names=(HOSTILE,))
    info = TaskInfo(id=1, name=HOSTILE + "x", created_at=datetime.now(UTC), run_at=datetime.now(UTC))

    assert "--task NAME=" in why_unserved(info, store)
    assert "\x1b" not in why_unserved(info, store)


# --- somebody serves it


def test_a_task_that_waits_for_its_retry_tells_when_and_of_which_attempt(store):
    """Beside the error of the attempt before, which `show` prints."""
    update = start_task(store)
    outcome = Outcome(state=TaskState.PENDING, error=TaskError(type="ValueError", message="bad"), delay_seconds=600)
    store.commit([AttemptUpdate(id=update.id, token=update.token, outcome=outcome)])

    (reason,) = why_it_waits(store.get(update.id), store)

    assert reason.kind == "retry"
    assert reason.text.startswith("The next attempt, number 2, is due at ")
    assert reason.text.endswith("; attempt 1 ended with ValueError.")


def test_a_task_that_asked_to_come_back_has_no_failed_attempt(store):
    """`Retry` is a request, and no error."""
    update = start_task(store)
    outcome = Outcome(
        state=TaskState.PENDING,
        error=TaskError(type="Retry", message="later"),
        delay_seconds=600,
        spends_attempt=False,
    )
    store.commit([AttemptUpdate(id=update.id, token=update.token, outcome=outcome)])

    assert only_text(store, update.id).startswith("It asked to run again, and is due at ")


def test_tasks_behind_full_places_wait_for_a_place(store):
    """What a runner has taken beyond its places counts as waiting in it, not as more places."""
    beat(store, places=1)
    for _ in range(3):
        add_task(store)
    store.claim(ClaimRequest(runner_id="r", names=("resize",), limit=2))
    add_task(store)
    add_task(store, "other")

    assert only_text(store, 3) == (
        "All places that serve it are busy: 1 of 1 runner; tasks that wait for one: 2. "
        "See what they are busy with: lilota list --state running"
    )


def test_a_task_waits_where_runners_have_no_place_at_all(store):
    """As the runner of a cluster to which no node belongs yet."""
    beat(store, places=0)

    assert only_text(store, add_task(store)) == (
        "It is due, and no place serves it just now, of 1 runner: their executors wait for one."
    )


def test_a_due_task_with_a_free_place_runs_soon(store):
    """Nothing is wrong, and this is said."""
    beat(store, "a", places=2)
    beat(store, "b", places=2)

    assert only_text(store, add_task(store)) == ("It is due, and 4 of 4 places that serve it are free, of 2 runners.")


def test_a_task_that_was_taken_and_has_not_started_waits_for_its_worker(store):
    """And one that has started waits for nothing, as one that has ended."""
    beat(store)
    task_id = add_task(store)
    (claim,) = store.claim(ClaimRequest(runner_id="r", names=("resize",))).claims
    taken = kinds(store, task_id)
    store.commit([AttemptUpdate(id=claim.id, token=claim.token, started_at=time.time())])
    runs = kinds(store, task_id)
    store.commit([AttemptUpdate(id=claim.id, token=claim.token, outcome=Outcome(state=TaskState.SUCCEEDED))])

    assert (taken, runs, kinds(store, task_id)) == (["start"], [], [])


def test_a_task_of_a_lost_runner_waits_for_another_one(store):
    """Which takes it back; without any other, one has to be started."""
    update = start_task(store)
    store.heartbeat(RunnerInfo(id="runner", lease_seconds=0))
    alone = only_text(store, update.id)
    beat(store, "other")

    assert alone.startswith("Its runner runner was lost: its lease has expired.")
    assert alone.endswith("No runner is alive on this store; start one with: lilota worker")
    assert only_text(store, update.id).endswith("Another runner takes the task back within seconds.")


# --- a real runner


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_a_runner_tells_what_it_serves_and_that_its_place_is_busy(kind, tmp_path):
    """From its start on, in the store, for everybody."""
    with running(store_url(kind, tmp_path), queues=["images"]) as runner:
        store = runner.store
        (told,) = map(Service.told_by, store.runners())
        started(runner.add("Cooperative", queue="images"))
        waits = runner.add("Cooperative", queue="images")
        other = runner.add("Cooperative", queue="mail")

        assert "Cooperative" in told.names
        assert (told.queues, told.places, told.more_names) == (("images",), 1, 0)
        (reason,) = until(lambda: why_it_waits(waits.info(), store), lambda reasons: reasons[0].kind != "turn")
        assert reason.kind in {"place", "start"}
        assert kinds(store, other.id) == ["queue"]


def test_a_runner_tells_that_it_is_stopping(tmp_path):
    """As long as it waits for what runs, it is there and serves nothing; what is added meanwhile waits for another."""
    with running(store_url("sqlite", tmp_path), lease_seconds=3) as runner, ThreadPoolExecutor(1) as others:
        client = runner.client
        store, runs = client.store, runner.add("Cooperative")
        started(runs)

        stopping = others.submit(runner.stop, 60)
        try:
            until(store.runners, lambda found: Service.told_by(found[0]).is_stopping)
            late = client.add("Cooperative")
            assert only_text(store, late.id).startswith("The runners of this store are stopping")
        finally:
            runs.cancel()
            stopping.result(60)
