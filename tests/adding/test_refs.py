"""References name tasks to people outside: they are signed, can't be guessed, and do not tell the id."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lilota.adding.refs import References
from lilota.client import TaskClient
from lilota.config import Settings
from lilota.contract.ids import LARGEST_ID
from lilota.errors import ConfigurationError, TaskNotFoundError, UnknownReferenceError
from lilota.runner import TaskRunner
from lilota.running.executors import make_executor
from lilota.stores import MemoryTaskStore

KEY = "a key of the application, 1"
NEW_KEY = "a key of the application, 2"


@pytest.fixture
def client():
    """A client with a key."""
    return TaskClient(MemoryTaskStore(), ref_keys=[KEY], accept_unknown_names=True)


def test_a_reference_leads_to_its_task(client):
    """From handle to text and back."""
    handle = client.add("report")

    assert client.by_ref(handle.ref) == handle
    assert client.by_ref(handle.ref, max_age_seconds=60).info().name == "report"


@given(st.integers(1, LARGEST_ID))
def test_every_id_can_be_named(task_id):
    """The smallest and the largest included."""
    references = References([KEY])

    assert references.id_in(references.of(task_id)) == task_id


def test_a_reference_does_not_tell_the_id_nor_that_two_are_of_one_task():
    """What can be seen of it is as random as a nonce."""
    references = References([KEY])

    payloads = {references.of(task_id).partition(".")[0] for task_id in (1, 1, 2, 3)}

    assert len(payloads) == 4
    assert len({payload[:8] for payload in payloads}) == 4
    assert len({payload[-8:] for payload in payloads}) == 4


@given(st.integers(1, LARGEST_ID), st.integers(1, LARGEST_ID))
def test_what_says_that_two_references_are_of_one_task_says_nothing_else(one, other):
    """It is the same in each process that has the key, and needs the key; a reference has nothing of it."""
    identity = References([KEY]).identity_of(one)

    assert (identity == References([KEY, NEW_KEY]).identity_of(other)) == (one == other)
    assert identity != References([NEW_KEY]).identity_of(one)
    assert len(identity) == 16
    assert identity not in References([KEY]).of(one)
    with pytest.raises(UnknownReferenceError):
        References([KEY]).id_in(identity)


@given(st.data())
def test_no_changed_character_is_taken(data):
    """Wherever it is, and whatever stands there then."""
    references = References([KEY])
    ref = references.of(7)
    place = data.draw(st.integers(0, len(ref) - 1))
    other = data.draw(st.characters().filter(lambda character: character != ref[place]))

    with pytest.raises(UnknownReferenceError):
        references.id_in(ref[:place] + other + ref[place + 1 :])


@pytest.mark.parametrize("rest", ["\0", "=", "\n", " ", "%", "A", "\0\0\0\0"])
def test_nothing_may_be_added_to_a_reference(rest):
    """Though base64 passes over much of it, by Python's version."""
    references = References([KEY])

    with pytest.raises(UnknownReferenceError):
        references.id_in(references.of(7) + rest)


@pytest.mark.parametrize("ref", ["", "7", ".", "..", "a.b.c", "\ud800", "ä" * 73, "x" * 1_000_000, "../../etc/passwd"])
def test_what_is_no_reference_is_unknown(client, ref):
    """It is the same error that a changed one gets, and the one of a task that is gone is a base of it."""
    with pytest.raises(UnknownReferenceError):
        client.by_ref(ref)
    assert issubclass(UnknownReferenceError, TaskNotFoundError)


def test_a_reference_of_another_application_is_unknown(client):
    """It has another key."""
    with pytest.raises(UnknownReferenceError):
        client.by_ref(References([NEW_KEY]).of(1))


def test_what_was_signed_for_another_purpose_is_no_reference():
    """An application may use one key for several things."""
    from itsdangerous import TimestampSigner

    with pytest.raises(UnknownReferenceError):
        References([KEY]).id_in(TimestampSigner(KEY).sign(b"A" * 22).decode())


def test_keys_can_be_changed_without_breaking_pages_that_are_open():
    """The new key signs, and the old one can read."""
    old, both, new = References([KEY]), References([NEW_KEY, KEY]), References([NEW_KEY])

    assert both.id_in(old.of(5)) == 5
    assert new.id_in(both.of(5)) == 5
    with pytest.raises(UnknownReferenceError):
        new.id_in(old.of(5))


def test_an_old_reference_is_unknown_where_age_counts(monkeypatch):
    """The age is that of the reference, not of the task."""
    references = References([KEY])
    ref = _signed(references, timedelta(seconds=-100), monkeypatch)

    assert references.id_in(ref) == 3
    assert references.id_in(ref, max_age_seconds=1000) == 3
    with pytest.raises(UnknownReferenceError):
        references.id_in(ref, max_age_seconds=50)


def test_a_reference_of_a_host_whose_clock_is_ahead_is_taken(monkeypatch):
    """It comes from the future, by a little."""
    references = References([KEY])
    ref = _signed(references, timedelta(seconds=40), monkeypatch)

    assert references.id_in(ref, max_age_seconds=1000) == 3


def _signed(references, later, monkeypatch):
    """Return a reference of the task 3 that was signed by another clock."""
    instant = int((datetime.now(UTC) + later).timestamp())
    with monkeypatch.context() as patch:
        patch.setattr("itsdangerous.timed.TimestampSigner.get_timestamp", lambda _self: instant)
        return references.of(3)


def test_without_a_key_the_error_says_what_to_set(monkeypatch):
    """Nothing is signed with a key that somebody could know."""
    monkeypatch.delenv("LILOTA_REF_KEYS", raising=False)
    client = TaskClient(MemoryTaskStore(), accept_unknown_names=True)
    handle = client.add("report")

    with pytest.raises(ConfigurationError, match="set LILOTA_REF_KEYS"):
        _ = handle.ref
    with pytest.raises(ConfigurationError, match="set LILOTA_REF_KEYS"):
        client.by_ref("x")


def test_the_environment_can_hold_the_keys(monkeypatch):
    """Separated by commas; the first one signs."""
    monkeypatch.setenv("LILOTA_REF_KEYS", f"{NEW_KEY.replace(',', '')}, {KEY.replace(',', '')}")
    client = TaskClient(MemoryTaskStore(), accept_unknown_names=True)

    ref = client.add("report").ref

    assert References([NEW_KEY.replace(",", "")]).id_in(ref) == 1


def test_a_short_key_is_refused_and_not_shown():
    """Whoever has a reference could try all of them."""
    with pytest.raises(ConfigurationError, match=r"'ref_keys'.* 6 characters, number 2") as caught:
        TaskClient(MemoryTaskStore(), ref_keys=[KEY, "hunter"])

    assert "hunter" not in str(caught.value)


def test_a_text_instead_of_a_list_is_refused():
    """It would be taken for a list of characters."""
    with pytest.raises(ConfigurationError, match="'ref_keys' in an argument") as caught:
        TaskClient(MemoryTaskStore(), ref_keys=KEY)

    assert KEY not in str(caught.value)


def test_without_itsdangerous_the_error_says_what_to_install(monkeypatch):
    """It is no dependency of the core."""
    import sys

    monkeypatch.setitem(sys.modules, "itsdangerous", None)

    with pytest.raises(ConfigurationError, match=r"pip install 'lilota\[refs\]'"):
        References([KEY])


def test_keys_are_not_printed():
    """Settings stand in logs and tracebacks."""
    settings = Settings(ref_keys=(KEY,))

    assert KEY not in repr(settings)
    assert KEY not in repr(settings.__rich_repr__())
    assert settings.ref_keys == (KEY,)


def test_a_worker_is_not_told_the_keys(monkeypatch):
    """A task is code of somebody, and the setup of a worker travels."""
    runner = TaskRunner(MemoryTaskStore(), 1, ref_keys=[KEY])
    told = []

    def executor(options):
        told.append(options.worker_setup)
        raise OSError("enough is known")

    import msgspec

    options = msgspec.structs.replace(runner._options, executor=executor, executor_url="")
    with pytest.raises(OSError, match="enough"):
        make_executor(options, runner.registry, "r1", runner.store)

    assert KEY.encode() not in told[0]


def test_the_error_survives_pickling():
    """As all errors do."""
    error = pickle.loads(pickle.dumps(UnknownReferenceError()))

    assert str(error).startswith("The reference names no task")
