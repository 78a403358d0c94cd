"""What the author of an executor imports from one place is what the engine and the workers speak."""

from __future__ import annotations

from lilota import executors
from lilota.engine import events, executor, messages
from lilota.workers import processes, setup


def test_the_names_for_authors_are_those_of_the_rooms():
    """Whoever writes an executor needs no other module of lilota's."""
    rooms = {**vars(events), **vars(executor), **vars(messages), **vars(processes), **vars(setup)}

    assert {name: getattr(executors, name) for name in executors.__all__} == {
        name: rooms[name] for name in executors.__all__
    }
