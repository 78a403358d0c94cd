"""The contract for tasks that nobody would write by hand: Hypothesis fills every field of a task."""

from __future__ import annotations

import json
import os
import string
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from lilota.contract import StoredTask, TaskQuery, TaskStore
from lilota.errors import LONGEST_SECONDS
from lilota.models import NewTask
from lilota.testing.contract.harness import ContractFixtures, keeps_headers

_TEXTS: Final = some.text(some.characters(exclude_categories=["Cs"]), max_size=60)
_NAMES: Final = _TEXTS.filter(bool)
_OBJECTS: Final = some.dictionaries(_TEXTS, some.none() | some.booleans() | some.integers() | _TEXTS, max_size=4)
_JSON: Final = _OBJECTS.map(json.dumps) | _OBJECTS.map(lambda value: json.dumps(value, ensure_ascii=False))
_INTEGERS: Final = some.integers(-(2**31), 2**31 - 1)
_DAY: Final = timedelta(days=1)
_INSTANTS: Final = some.one_of(
    some.datetimes(timezones=some.just(UTC)),
    some.datetimes(
        datetime.min + _DAY,  # noqa: DTZ901 - the zone is added
        datetime.max - _DAY,  # noqa: DTZ901 - as above
        timezones=some.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes))),
    ),
)

#: All that `add` may give a store.
new_tasks: Final[some.SearchStrategy[NewTask]] = some.builds(
    NewTask,
    name=_NAMES,
    description=_TEXTS,
    input_json=_JSON,
    queue=_NAMES,
    priority=_INTEGERS,
    run_at=some.none() | _INSTANTS,
    delay_seconds=some.floats(0, LONGEST_SECONDS),
    max_lost_attempts=some.integers(1, 2**31 - 1),
    headers_json=some.none() | some.just(json.dumps(dict.fromkeys(string.printable, string.printable))),
    owner=some.none() | some.text(some.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=200),
)


class AnyTaskContract(ContractFixtures):
    """What holds for whatever is in a task."""

    @settings(
        max_examples=40,
        deadline=None,
        # A run in CI says the same for the same code; elsewhere each run looks for something new.
        derandomize="CI" in os.environ,
        database=None,
        # The store may have tasks of examples before: nothing here depends on what else is stored.
        suppress_health_check=list(HealthCheck),
    )
    @given(task=new_tasks)
    def test_any_task_comes_back_as_it_was_added(self, store: TaskStore, task: NewTask) -> None:
        """Every field is kept, whoever reads it, and nothing that `add` took breaks a reader or a copy."""
        (task_id,) = store.add([task])

        info = store.get(task_id)

        kept = {field: getattr(info, field) for field in _KEPT}
        assert kept == {field: getattr(task, field) for field in _KEPT}
        assert info.headers_json == (task.headers_json if keeps_headers(store) else None)
        assert info.owner == (task.owner if "owners" in store.capabilities().supports else None)
        assert info.run_at == task.run_at or task.run_at is None
        assert info in store.get_all_tasks()
        assert info in store.find(TaskQuery(names=(task.name,), queues=(task.queue,)))
        assert store.restore([StoredTask(info=info)]) == 0


_KEPT: Final = ("name", "description", "input_json", "queue", "priority", "max_lost_attempts")
