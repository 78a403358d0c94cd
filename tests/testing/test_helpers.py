"""The small helpers: the clock, and looking for what was added."""

from __future__ import annotations

import pytest
from lilota_memory_store import MemoryTaskStore

import lilota.testing
from lilota.contract import ClaimRequest, RunnerInfo
from lilota.models import NewTask
from lilota.testing import FakeClock, assert_added


def test_every_public_name_can_be_imported():
    """What `__all__` promises is there, and nothing else is."""
    assert all(getattr(lilota.testing, name) for name in lilota.testing.__all__)
    with pytest.raises(AttributeError, match="no_such_name"):
        lilota.testing.no_such_name  # noqa: B018 - the access is the test


def test_a_fake_clock_moves_only_when_told():
    """It can stand in for the clock of a store, and for sleep."""
    clock = FakeClock(1000)
    store = MemoryTaskStore(clock)
    store.heartbeat(RunnerInfo(id="r", lease_seconds=10_000))
    store.add([NewTask(name="task", delay_seconds=60)])
    request = ClaimRequest(runner_id="r", names=("task",))

    early = store.claim(request).claims
    clock.sleep(61)

    assert early == ()
    assert len(store.claim(request).claims) == 1
    assert clock() == 1061


def test_a_fake_clock_does_not_go_back():
    """A test that tries is told."""
    with pytest.raises(ValueError, match="-1"):
        FakeClock().advance(-1)


def test_assert_added_returns_the_one_task_that_matches():
    """Name, input and other fields select it."""
    store = MemoryTaskStore()
    store.add([NewTask(name="mail", input_json='{"to":"a"}'), NewTask(name="mail", input_json='{"to":"b"}', queue="q")])

    assert assert_added(store, "mail", {"to": "b"}).id == assert_added(store, "mail", queue="q").id


def test_assert_added_says_what_is_there_instead():
    """The message shows what was wanted and what is stored."""
    store = MemoryTaskStore()
    store.add([NewTask(name="mail", input_json='{"to":"a"}')])

    with pytest.raises(AssertionError, match=r"0 tasks match 'mail', input=\{'to': 'b'\}.*\n.*\{'to': 'a'\}"):
        assert_added(store, "mail", {"to": "b"})
