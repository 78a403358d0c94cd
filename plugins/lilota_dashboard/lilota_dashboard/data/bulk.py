"""Cancel or retry one task, or all that match a filter: how many that would be, and what became of them, step by step.

A step ends soon, so that a request does; who asks for the next one hands on where the last one ended. What is added
after the preview has a higher id, and is never touched. Nothing of it is kept between two steps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from lilota.bulk import CANCEL, RETRY, Action, act_on, meant
from lilota.client import TaskClient
from lilota.contract import TaskCount, TaskQuery, TaskStore
from lilota.finding import TaskFilter, count_tasks, find_page
from lilota_dashboard.data.listing import filter_of
from lilota_dashboard.data.records.tasks import ActionName, Asked, BulkPreview, BulkStep
from lilota_dashboard.data.rows import task_row
from lilota_dashboard.data.texts import line

_ACTIONS: Final[dict[ActionName, Action]] = {"cancel": CANCEL, "retry": RETRY}
_SHOWN: Final = 10
#: So many are acted on in a step, each in a transaction of its own, and so many are looked at to find them.
_STEP: Final = 100
_LOOKED_AT: Final = 1000
_REASONS: Final = 10
#: What the counters of a store answer; anything else is found by looking at tasks.
_COUNTED: Final = frozenset({"states", "names", "queues", "owner"})


def possible(wanted: Asked) -> list[ActionName]:
    """Return what can be done to tasks in the states that a filter names; where it names none, all."""
    return [name for name, action in _ACTIONS.items() if set(wanted.states) <= set(action.states)]


def preview(client: TaskClient, action: ActionName, wanted: Asked) -> BulkPreview:
    """Return how many tasks an action would be done to, and the newest of them; nothing is done.

    Raises:
        ConfigurationError: the filter means all tasks, or states in which nothing can be done, or can't be used.
    """
    store = client.store
    filtered = meant(_ACTIONS[action], filter_of(wanted))
    newest = store.find(TaskQuery(limit=1))
    counted = _counted(store, filtered)
    page = find_page(store, limit=_LOOKED_AT if counted is None else _SHOWN, most=_LOOKED_AT, **filtered)
    return BulkPreview(
        action=action,
        asked=wanted,
        count=len(page.tasks) if counted is None else counted,
        is_at_least=counted is None and page.next_after_id is not None,
        below_id=newest[0].id + 1 if newest else 1,
        first=tuple(map(task_row, page.tasks[:_SHOWN])),
    )


def act(client: TaskClient, action: ActionName, wanted: Asked, below_id: int) -> BulkStep:
    """Act on some of the tasks that match, the newest first; one that has changed meanwhile stops nothing.

    Args:
        below_id: only tasks with lower ids: that of the preview, and then `next_below_id` of each step.

    Raises:
        ConfigurationError: as for `preview`; nothing was done.
        StoreUnavailableError: the store went away. The same step can be asked for again: what was done is left alone.
    """
    filtered = meant(_ACTIONS[action], filter_of(wanted))
    page = find_page(client.store, limit=_STEP, after_id=below_id, most=_LOOKED_AT, **filtered)
    return _done(client.store, action, [task.id for task in page.tasks], page.next_after_id)


def act_on_one(client: TaskClient, action: ActionName, task_id: int) -> BulkStep:
    """Act on one task; where it can't be done, as somebody else was quicker, `reasons` says why."""
    return _done(client.store, action, [task_id], None)


def _done(store: TaskStore, action: ActionName, ids: Iterable[int], next_below_id: int | None) -> BulkStep:
    acted = list(act_on(store, _ACTIONS[action], ids))
    reasons = dict.fromkeys(line(each.why) for each in acted if each.why)
    return BulkStep(
        action=action,
        **Counter(each.fate.value for each in acted),
        ids=tuple(each.task_id for each in acted if not each.why),
        reasons=tuple(reasons)[:_REASONS],
        next_below_id=next_below_id,
    )


def _counted(store: TaskStore, filtered: TaskFilter) -> int | None:
    """Return how many match, as the counters of the store say; None if they can't."""
    if not filtered.keys() <= _COUNTED:
        return None
    rows = count_tasks(store, filtered.get("owner"))
    return sum(row.count for row in rows if _is_in(row, filtered))


def _is_in(row: TaskCount, filtered: TaskFilter) -> bool:
    wanted = (
        (row.state, filtered.get("states")),
        (row.name, filtered.get("names")),
        (row.queue, filtered.get("queues")),
    )
    return all(values is None or value in values for value, values in wanted)
