"""The terms on which a task is added: what is refused, what counts, and how they travel."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction

import pytest
from msgspec.structs import replace
from terms_tasks import Plain, Strict, of_function

from lilota.client import TaskClient
from lilota.config import Settings
from lilota.contract import ClaimRequest, RunnerInfo
from lilota.errors import ConfigurationError, InvalidInputError, InvalidTaskError, TaskStateError
from lilota.models import AttemptUpdate, Outcome, TaskError, TaskState
from lilota.plugins import Plugins
from lilota.registry import Registry
from lilota.stores import open_store
from lilota.tasks.numbers import is_version
from lilota.tasks.options import check_options
from lilota.tasks.terms import is_older, terms_of

SOON = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
def client():
    client = TaskClient(open_store("memory"), registry=Registry(Plugins(Settings())))
    client.register("plain", Plain)
    client.register("strict", Strict)
    client.register(of_function)
    return client


def headers_of(handle):
    return handle.info().headers


# --- How they travel ---


def test_terms_travel_as_headers_beside_those_of_the_application(client):
    handle = client.add(
        "plain", expires_at=SOON, deadline_seconds=90, keep_input=False, version="1.0", headers={"trace": "abc"}
    )

    assert headers_of(handle) == {
        "trace": "abc",
        "lilota.expires_at": SOON.isoformat().replace("+00:00", "Z"),
        "lilota.deadline_seconds": 90,
        "lilota.keep_input": False,
        "lilota.version": "1.0",
    }


def test_a_task_without_terms_has_no_headers(client):
    """What is None was not given, and the defaults go without saying."""
    nothing = dict.fromkeys(("expires_at", "expires_after_seconds", "deadline_seconds", "keep_input", "version"))

    assert client.add("plain", **nothing).info().headers_json is None
    assert client.add("plain", keep_input=True, run_at=SOON).info().headers_json is None


def test_what_its_class_says_counts_unless_add_says_otherwise(client):
    """Also for a function, and for calls of it; an instant takes the place of a number of seconds."""
    strict = {"lilota.expires_after_seconds": 60, "lilota.deadline_seconds": 600, "lilota.keep_input": False}

    assert headers_of(client.add("strict")) == {**strict, "lilota.version": "2.1"}
    changed = headers_of(client.add("strict", expires_at=SOON, keep_input=True, deadline_seconds=5, version=7))
    assert changed.keys() == {"lilota.expires_at", "lilota.deadline_seconds", "lilota.version"}
    assert (changed["lilota.deadline_seconds"], changed["lilota.version"]) == (5, 7)
    assert headers_of(client.add(of_function.bind(1))) == {"lilota.expires_after_seconds": 30, "lilota.version": 3}
    [of_many] = client.add_many([{"name": of_function.bind(1), "version": 4}])
    assert headers_of(of_many) == {"lilota.expires_after_seconds": 30, "lilota.version": 4}


def test_when_it_is_due_travels_where_time_counts_from_there(client):
    """A store forgets it with the first retry."""
    later = client.add("plain", delay_seconds=20, expires_after_seconds=60)
    at = client.add("plain", run_at=SOON, deadline_seconds=60)

    assert headers_of(later)["lilota.due_after_seconds"] == 20
    assert headers_of(at)["lilota.due_at"] == SOON.isoformat().replace("+00:00", "Z")
    added_at = later.info().created_at.timestamp()
    assert terms_of(later.info()).expiry(added_at) == added_at + 80
    assert terms_of(at.info()).deadline(added_at) == pytest.approx(SOON.timestamp() + 60)


def test_an_instant_of_another_zone_is_the_same_instant(client):
    zone = timezone(timedelta(hours=5))

    handle = client.add("plain", expires_at=SOON.astimezone(zone))

    assert terms_of(handle.info()).expiry(0.0) == SOON.timestamp()


def test_an_input_is_only_promised_to_be_forgotten_where_the_store_can_do_that(client, monkeypatch):
    """Else it would stay without a word."""
    able = client.store.capabilities()
    before = replace(able, supports=able.supports - {"forgetting"})
    monkeypatch.setitem(client.__dict__, "_capabilities", before)

    with pytest.raises(ConfigurationError, match="does not support forgetting; nothing was added"):
        client.add_many([{"name": "plain", "deadline_seconds": 5}, {"name": "plain", "keep_input": False}])

    assert list(client.find()) == []


# --- What is refused ---


@pytest.mark.parametrize("option", ["expires_after_seconds", "deadline_seconds"])
@pytest.mark.parametrize(
    "value", [0, -1, -0.5, math.nan, math.inf, True, "60", timedelta(seconds=60), 1e12, Fraction(1)]
)
def test_a_time_that_makes_no_sense_is_refused(client, option, value):
    with pytest.raises(InvalidInputError, match=f"{option} must be a number of seconds"):
        client.add("plain", **{option: value})

    assert list(client.find()) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"expires_at": SOON.replace(tzinfo=None)}, "expires_at must be a datetime with a time zone"),
        ({"expires_at": "tomorrow"}, "expires_at must be a datetime with a time zone"),
        ({"expires_at": 1_900_000_000}, "expires_at must be a datetime with a time zone"),
        ({"expires_at": datetime(2001, 1, 1, tzinfo=UTC)}, "expires_at is over"),
        ({"expires_at": SOON, "expires_after_seconds": 60}, "Give expires_at or expires_after_seconds, not both"),
        ({"expires_at": SOON, "run_at": SOON}, "must be after run_at"),
        ({"expires_at": SOON, "delay_seconds": 90_000}, "must be after delay_seconds"),
        ({"keep_input": "no"}, "keep_input must be True or False"),
        ({"keep_input": 0}, "keep_input must be True or False"),
    ],
)
def test_what_can_not_be_meant_is_refused(client, options, said):
    with pytest.raises(InvalidInputError, match=said):
        client.add("plain", **options)

    assert list(client.find()) == []


NO_VERSIONS = [-1, True, 1.5, "", "v2", "1.", ".1", "1..2", "1.0rc1", "1 ", "\u0661", (1, 2), "1" * 101, 2**70]


@pytest.mark.parametrize("version", NO_VERSIONS)
def test_a_version_is_a_number_or_numbers_with_dots(client, version):
    with pytest.raises(InvalidInputError, match="version must be a whole number from 0 on"):
        client.add("plain", version=version)


@pytest.mark.parametrize(
    "attributes",
    [{"version": "v2"}, {"keep_input": None}, {"expires_after_seconds": 0}, {"deadline_seconds": math.nan}],
)
def test_a_class_can_not_say_it_either(attributes):
    with pytest.raises(InvalidTaskError, match=next(iter(attributes))):
        check_options(type("Bad", (Plain,), attributes), "The task 'bad'")


def test_a_word_of_other_queues_is_told_what_it_is_called_here(client):
    with pytest.raises(TypeError, match="Did you mean 'expires_after_seconds'"):
        client.add("plain", expires=60)


# --- Versions ---


@pytest.mark.parametrize(
    ("of_class", "of_task", "older"),
    [
        (1, 2, True),
        (2, 2, False),
        ("1.9", "1.10", True),
        ("1.10", "1.9", False),
        (2, "2.0.0", False),
        ("2.0.0", "2.0.1", True),
        (None, 1, True),
        (None, 0, False),
        (None, None, False),
        (3, None, False),
        (9, "10", True),
    ],
)
def test_versions_are_compared_number_by_number(of_class, of_task, older):
    assert is_older(of_class, of_task) is older


@pytest.mark.parametrize("version", NO_VERSIONS)
def test_what_is_no_version_is_none(version):
    assert not is_version(version)


# --- Retry ---


def ended(client, handle, state):
    """Claim a task, have it begin, and end it so."""
    client.store.heartbeat(RunnerInfo(id="r"))
    [claim] = client.store.claim(ClaimRequest(runner_id="r", names=("plain",))).claims
    error = TaskError(type="ValueError", message="no")
    outcome = Outcome(state=state, error=error)
    client.store.commit([AttemptUpdate(id=claim.id, token=claim.token, started_at=1.0, pid=7, outcome=outcome)])
    return handle


def test_a_task_whose_deadline_is_over_can_not_be_retried(client):
    """There is no time left for another attempt."""
    handle = ended(client, client.add("plain", deadline_seconds=1e-6), TaskState.FAILED)

    with pytest.raises(TaskStateError, match=r"can't run again. The task had 1e-06 s .* ago. Add it anew"):
        handle.retry()

    assert client.retry(handle.id).unchanged == 1
    assert handle.info().state is TaskState.FAILED


def test_a_task_whose_deadline_is_to_come_can_be_retried(client):
    handle = ended(client, client.add("plain", deadline_seconds=3600), TaskState.FAILED)

    handle.retry()

    assert handle.info().state is TaskState.PENDING


def test_a_task_that_waits_is_refused_by_its_state(client):
    """Its terms are not asked before."""
    handle = client.add("plain", deadline_seconds=1e-6, keep_input=False)

    with pytest.raises(TaskStateError) as caught:
        handle.retry()

    assert "Add it anew" not in str(caught.value)


def cancelled(_client, handle):
    """Cancel a task that waits."""
    handle.cancel()
    return handle


def failed(client, handle):
    """Let a task fail."""
    return ended(client, handle, TaskState.FAILED)


@pytest.mark.parametrize("end", [cancelled, failed])
def test_a_task_whose_input_is_forgotten_can_not_be_retried(client, end):
    """It would run on nothing, whether or not it has run."""
    handle = end(client, client.add("plain", input={"a": 1}, keep_input=False))

    with pytest.raises(TaskStateError, match=r"with keep_input=False, and its input is forgotten\. Add it anew"):
        handle.retry()

    assert handle.info().input == {}
    assert client.retry(handle.id).unchanged == 1
