"""A store of before: what its author has not written yet."""

from __future__ import annotations

from lilota.contract import TaskStore


class OlderStore:
    """Has the verbs of `TaskStore`, as another store does them, and no others."""

    def __init__(self, store):
        for verb in (name for name in vars(TaskStore) if not name.startswith("_")):
            setattr(self, verb, getattr(store, verb))
