"""Connections are ended by the server, vanish without a word, are reset, or pass in one direction only."""

from __future__ import annotations

import re
import time

import pytest
from sites.thief import Theft, Thief

pytestmark = pytest.mark.slow

CUTS = 10
#: Longer than the trouble: who holds a task still holds it afterwards.
LONG_LEASE_SECONDS = 60.0
#: Short, because a test waits for its end; long enough to be kept before, on a busy machine.
LEASE_SECONDS = 8.0
#: What is in a request that adds tasks, in one that brings their outcomes, and in a reply that grants them.
ADD = re.compile(b"mark")
OUTCOME = re.compile(b"sha256")
GRANT = re.compile(b"mark")


def test_connections_that_the_server_ends_are_opened_again(site, field):
    """An administrator ends them, again and again, while tasks are added and run."""
    field.start_runner()
    adder = field.start_adder(count=300)
    cut = []
    while len(cut) < CUTS or sum(cut) <= CUTS:  # on a busy machine, not all of them are back each time
        time.sleep(0.2)  # the moment of a cut, not a wait for something
        cut.append(site.cut_clients())
    field.until(lambda: not adder.is_running())

    assert field.settle() == []


def test_connections_that_are_reset_are_opened_again(site, field, proxy):
    """The network resets them, again and again, while tasks are added and run."""
    url = site.via(field.url, proxy.port)
    field.start_runner(url)
    adder = field.start_adder(url, count=300)
    for _ in range(CUTS):
        time.sleep(0.2)  # the moment of a cut, not a wait for something
        proxy.reset()
    field.until(lambda: not adder.is_running())

    assert field.settle() == []


def test_a_runner_in_a_black_hole_loses_its_tasks_to_another_one(site, field, proxy, tmp_path):
    """No packet passes, and no end of a connection either: it stops its tasks before another runner gets them."""
    gate = tmp_path / "gate"
    lost = field.start_runner(site.via(field.url, proxy.port), lease_seconds=LEASE_SECONDS)
    ids = field.add(2, gate=gate)
    field.await_starts(ids)
    proxy.black_hole()
    field.start_runner(lease_seconds=LONG_LEASE_SECONDS)
    field.await_starts(ids, at_least=2)
    gate.touch()
    field.await_end(ids)
    proxy.pass_all()

    found = field.settle()

    assert found == []
    assert "is lost" in lost.output
    assert [field.starts(task_id) for task_id in ids] == [2, 2]


def test_a_runner_that_comes_out_of_a_black_hole_works_again(site, field, proxy):
    """Nobody restarts it; it finds new connections as soon as there are some."""
    runner = field.start_runner(site.via(field.url, proxy.port))
    field.await_end(field.add(2))
    proxy.black_hole()
    ids = field.add(5)
    field.until(lambda: "is lost" in runner.output)
    proxy.pass_all()
    field.await_end(ids)

    assert field.settle() == []


def test_an_outcome_whose_reply_got_lost_is_known_again(site, field, tmp_path):
    """The store has written it, the runner has not heard of it: the task does not run a second time."""
    gate = tmp_path / "gate"
    with Thief(site.address) as thief:
        field.start_runner(site.via(field.url, thief.port), lease_seconds=LONG_LEASE_SECONDS)
        ids = field.add(2, gate=gate)
        field.await_starts(ids)
        thief.steal(OUTCOME)
        gate.touch()
        field.await_end(ids)
        thief.stop_stealing()

        found = field.settle()

    assert found == []
    assert thief.stolen > 0
    assert [field.starts(task_id) for task_id in ids] == [1, 1]


def test_claims_whose_reply_got_lost_are_given_back(site, field):
    """The store has granted them, the runner has not heard of it: they run without waiting for the end of a lease."""
    with Thief(site.address) as thief:
        field.start_runner(site.via(field.url, thief.port), lease_seconds=LONG_LEASE_SECONDS)
        field.await_end(field.add(2))
        thief.steal(GRANT, Theft.REPLY)
        ids = field.add(2)
        # Not until they run: the store says so before the reply has come as far as the thief.
        field.until(lambda: thief.stolen > 0)
        thief.stop_stealing()
        field.await_end(ids)

        found = field.settle()

    assert found == []


def test_an_add_whose_reply_got_lost_is_there_as_a_whole_or_not_at_all(site, field):
    """Whoever adds learns that it can't know; the checker finds no half of a write, and nothing twice."""
    field.start_runner()
    with Thief(site.address) as thief:
        thief.steal(ADD)
        adder = field.start_adder(site.via(field.url, thief.port), count=100, batch=20)
        field.until(lambda: thief.stolen >= CUTS)
        thief.stop_stealing()
        field.until(lambda: not adder.is_running())

        found = field.settle()

    assert "Not acknowledged" in adder.output
    assert found == []
