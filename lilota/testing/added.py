"""Look whether the code under test has added the task that it should."""

from __future__ import annotations

from lilota.contract import TaskQuery, TaskStore
from lilota.models import JSONObject, TaskInfo


def assert_added(store: TaskStore, name: str, input: JSONObject | None = None, **fields: object) -> TaskInfo:
    """Return the one stored task of that name, or fail and say what is stored instead.

    Args:
        input: what its input must be; None means any.
        fields: what other fields of its `TaskInfo` must be: `queue="slow"`, `priority=3`.

    Raises:
        AssertionError: no such task is stored, or several are.
    """
    candidates = store.find(TaskQuery(names=(name,), limit=1000, newest_first=False))
    matching = [info for info in candidates if _matches(info, input, fields)]
    if len(matching) == 1:
        return matching[0]
    wanted = ", ".join([repr(name), *([] if input is None else [f"input={input!r}"]), *map(_field, fields.items())])
    stored = "\n".join(f"  {info.name!r}, input={info.input!r}" for info in store.find(TaskQuery(limit=10)))
    raise AssertionError(f"{len(matching)} tasks match {wanted}; the newest stored tasks are:\n{stored or '  none'}")


def _matches(info: TaskInfo, input: JSONObject | None, fields: dict[str, object]) -> bool:
    return (input is None or info.input == input) and all(getattr(info, key) == value for key, value in fields.items())


def _field(item: tuple[str, object]) -> str:
    return f"{item[0]}={item[1]!r}"
