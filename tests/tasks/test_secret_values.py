"""A Secret shows nothing of what it holds."""

from __future__ import annotations

import copy
import pickle

from lilota.tasks.secret_values import Secret


def test_nothing_that_prints_a_secret_shows_it():
    """`repr` and `str`, in texts, lists and formats."""
    secret = Secret("hunter2")

    for shown in (repr(secret), str(secret), f"{secret:>20}", f"{secret!r}", f"{[secret]}", "%s" % secret):  # noqa: UP031 - that is the test
        assert "hunter2" not in shown
        assert "***" in shown


def test_a_secret_is_revealed_where_it_is_asked_for():
    """That is the one place to look for in a review."""
    assert Secret({"a": 1}).reveal() == {"a": 1}


def test_secrets_are_compared_by_what_they_hold():
    """And never equal to the bare value, which would be a way to guess it."""
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


def test_a_secret_survives_copying_and_pickling():
    """A fork server and a process pool pickle what they are given."""
    secret = Secret(["a"])

    assert pickle.loads(pickle.dumps(secret)) == secret
    assert copy.deepcopy(secret) == secret
