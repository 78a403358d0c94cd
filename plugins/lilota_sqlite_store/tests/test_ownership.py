"""What root makes beside somebody's file is given to the owner of that file, and nothing else."""

from __future__ import annotations

import os

import pytest
from lilota_sqlite_store.ownership import give_to_owner_of

OWNER = 12_345


@pytest.fixture
def given(monkeypatch):
    """What would be given away: the tests need not be root."""
    calls = []
    monkeypatch.setattr(os, "fchown", lambda _descriptor, user, _group: calls.append(user))
    return calls


@pytest.fixture
def made(tmp_path):
    path = tmp_path / "lock"
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR)
    yield path, descriptor
    os.close(descriptor)


@pytest.fixture
def be(monkeypatch):
    """Be a user, on a system where all files but those that are open are of an owner."""
    found = os.stat

    def stat(path):
        values = list(found(path))
        values[4] = OWNER
        return os.stat_result(values)

    def become(user):
        monkeypatch.setattr(os, "geteuid", lambda: user)
        monkeypatch.setattr("lilota_sqlite_store.ownership.os.stat", stat)

    return become


@pytest.mark.parametrize(
    "case",
    [(0, False, [OWNER]), (1000, False, []), (0, True, [])],
    ids=["root", "somebody", "another-name-of-a-file"],
)
def test_only_root_gives_and_only_what_has_no_other_name(made, given, be, case):
    """A link could be another name of somebody else's file."""
    user, is_linked, expected = case
    path, descriptor = made
    if is_linked:
        path.with_name("other").hardlink_to(path)
    path.with_name("tasks.db").touch()
    be(user)

    give_to_owner_of(str(path.with_name("tasks.db")), descriptor)

    assert given == expected


def test_a_file_that_was_deleted_has_no_owner(tmp_path, made, given, be):
    """Whoever uses it is told; a lock for it is no reason to fail."""
    be(0)

    give_to_owner_of(str(tmp_path / "tasks.db"), made[1])

    assert given == []
