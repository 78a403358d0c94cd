"""Find tasks by what became of them: page after page of a store, and of each page what matches.

A store finds by id, state, name, queue and owner, which its indexes serve, and may know what ended lately. Instants
and errors are compared here, in the same way for every store (docs/decisions/filters-in-the-client.md).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Final, NamedTuple, TypedDict, TypeVar, Unpack

from msgspec.structs import replace

from lilota.contract import CanFindEnded, TaskCount, TaskQuery, TaskStore
from lilota.contract.rules import check_owner
from lilota.errors import ConfigurationError
from lilota.models import TaskInfo, TaskState

#: How many tasks are read at a time where not every one of them may match.
_PAGE: Final = 1000
#: Up to so many that ended lately are looked for by their end; more are soon met on the way along the ids.
_MOST_LISTED: Final = 10_000

Value = TypeVar("Value")


class TaskFilter(TypedDict, total=False):
    """Which tasks are meant; every condition that is given must hold, and None is the same as not to give it.

    Attributes:
        states, names, queues: any of these.
        since, before: the task came to where it is from this instant on, and before that one; instants have a time
            zone. A task that has ended came there when it ended, any other one when it was added.
        error: a text that is in the type or in the message of the error of its newest attempt, in capitals or not.
        owner: only tasks of this owner.
        text: a text that is in the name or in the description, in capitals or not, or that is the id.
    """

    states: Iterable[TaskState | str] | None
    names: Iterable[str] | None
    queues: Iterable[str] | None
    since: datetime | None
    before: datetime | None
    error: str | None
    owner: str | None
    text: str | None


class FoundPage(NamedTuple):
    """Some of the tasks that match, by falling id.

    Attributes:
        tasks: perhaps without input, output and checkpoint, as of a brief query.
        looked_at: how many tasks were read for it.
        next_after_id: where the next page begins; None where there is none.
    """

    tasks: list[TaskInfo]
    looked_at: int
    next_after_id: int | None


def find_tasks(
    store: TaskStore,
    *,
    limit: int | None = None,
    after_id: int | None = None,
    brief: bool = False,
    **wanted: Unpack[TaskFilter],
) -> Iterator[TaskInfo]:
    """Give the tasks that match by falling id, each as of the moment at which its page was read.

    What is added meanwhile is not among them.

    Args:
        limit: how many at most; None gives all.
        after_id: only tasks older than this one.
        brief: without input, output and checkpoint, as far as the store can leave them out; see `TaskQuery`.

    Raises:
        ConfigurationError: a condition can't be used, or the store keeps no owners; nothing was read.
    """
    _check_instants(wanted)
    if limit is not None and limit < 1:
        raise ConfigurationError(f"'limit' must be at least 1, not {limit!r}; None means all.")
    query, conditions = replace(_query(store, after_id, wanted), brief=brief), _further_conditions(wanted)
    if limit is not None and not conditions:  # then every task of a page is given: no more is read than that
        query = replace(query, limit=min(limit, _PAGE))
    tasks = _candidates(store, query, wanted.get("since"))
    return islice((task for task in tasks if all(holds(task) for holds in conditions)), limit)


def find_page(
    store: TaskStore,
    *,
    limit: int,
    after_id: int | None = None,
    most: int = 2000,
    **wanted: Unpack[TaskFilter],
) -> FoundPage:
    """Return a page of the tasks that match, after a bounded look: for who waits for it.

    Where no index answers the filter, as for a text, a page may be short, or empty, and have a next one all the same.

    Args:
        limit: how many tasks at most.
        after_id: only tasks older than this one.
        most: how many tasks are looked at, at most, to find them.

    Raises:
        ConfigurationError: as for `find_tasks`.
    """
    _check_instants(wanted)
    query, conditions = _query(store, after_id, wanted), _further_conditions(wanted)
    query = replace(query, limit=min(most, 4 * limit if conditions else limit + 1), brief=True)
    found: list[TaskInfo] = []
    looked_at, last_id = 0, after_id
    # Where matches are rare, the rest is read at once: a store looks for each of its names again to begin a page.
    for task in _candidates(store, query, wanted.get("since"), further=max(1, most - query.limit)):
        if len(found) == limit:
            return FoundPage(found, looked_at, last_id)
        last_id, looked_at = task.id, looked_at + 1
        if all(holds(task) for holds in conditions):
            found.append(task)
        if looked_at == most:  # whether there are more, the next page tells: to read one is to read a page of the store
            return FoundPage(found, looked_at, last_id)
    return FoundPage(found, looked_at, None)


def count_tasks(store: TaskStore, owner: str | None = None) -> list[TaskCount]:
    """Return how many tasks there are per queue, name and state, without those that are 0.

    Args:
        owner: count the tasks of this owner only.

    Raises:
        ConfigurationError: it can't be an owner, or the store keeps none.
    """
    owner = _owner(store, owner)
    # A store that was written before there were owners takes no argument.
    return store.counts() if owner is None else store.counts(owner)


def came_at(task: TaskInfo) -> datetime:
    """Return when a task came to where it is: when it ended, or when it was added if it has not."""
    return task.finished_at or task.created_at


def chosen_states(wanted: TaskFilter) -> tuple[TaskState, ...] | None:
    """Return the states that a filter names, or None for all; refuse what is none, with ConfigurationError."""
    given = _values("states", wanted.get("states"))
    try:
        return None if given is None else tuple(map(TaskState, given))
    except ValueError as error:
        known = ", ".join(state.value for state in TaskState)
        raise ConfigurationError(f"'states' must be states of tasks: {error}. There are: {known}.") from None


def _check_instants(wanted: TaskFilter) -> None:
    for name in ("since", "before"):
        instant = wanted.get(name)
        if instant is not None and (not isinstance(instant, datetime) or instant.utcoffset() is None):
            raise ConfigurationError(
                f"{name!r} must be a datetime with a time zone, not {instant!r}. Add tzinfo, as datetime.UTC."
            )
    since, before = wanted.get("since"), wanted.get("before")
    if since is not None and before is not None and since >= before:
        raise ConfigurationError(
            f"Nothing can match: 'since' ({since.isoformat()}) is not earlier than 'before' ({before.isoformat()})."
        )


def _query(store: TaskStore, after_id: int | None, wanted: TaskFilter) -> TaskQuery:
    """Return what a store can be asked of a filter."""
    return TaskQuery(
        states=chosen_states(wanted),
        names=_values("names", wanted.get("names")),
        queues=_values("queues", wanted.get("queues")),
        after_id=after_id,
        limit=_PAGE,
        owner=_owner(store, wanted.get("owner")),
    )


def _candidates(store: TaskStore, query: TaskQuery, since: datetime | None, further: int = _PAGE) -> Iterator[TaskInfo]:
    """Give the tasks of a query; where the store can tell quickly, without those that ended before `since`.

    Args:
        further: how many tasks are read at a time after the first page.
    """
    states = tuple(TaskState) if query.states is None else query.states
    ended = tuple(state for state in states if state.is_terminal)
    if since is not None and ended and isinstance(store, CanFindEnded):
        ids = store.ended_since(since, ended, _MOST_LISTED)
        if len(ids) < _MOST_LISTED:
            others = tuple(state for state in states if not state.is_terminal)
            found = (
                _listed(store, replace(query, states=ended), ids),
                _pages(store, replace(query, states=others), further) if others else (),
            )
            yield from _each_once(heapq.merge(*found, key=lambda task: task.id, reverse=True))
            return
    yield from _pages(store, query, further)


def _pages(store: TaskStore, query: TaskQuery, further: int) -> Iterator[TaskInfo]:
    while page := store.find(query):
        yield from page
        if len(page) < query.limit:
            return
        query = replace(query, after_id=page[-1].id, limit=further)


def _listed(store: TaskStore, query: TaskQuery, ids: Sequence[int]) -> Iterator[TaskInfo]:
    behind = sorted((i for i in ids if query.after_id is None or i < query.after_id), reverse=True)
    for first in range(0, len(behind), query.limit):
        yield from store.find(replace(query, ids=tuple(behind[first : first + query.limit])))


def _each_once(tasks: Iterable[TaskInfo]) -> Iterator[TaskInfo]:
    """Give tasks by falling id without repetition: between two pages, somebody may have retried one."""
    last_id = None
    for task in tasks:
        if task.id != last_id:
            yield task
        last_id = task.id


def _further_conditions(wanted: TaskFilter) -> list[Callable[[TaskInfo], bool]]:
    """Return the conditions that no store knows."""
    conditions: list[Callable[[TaskInfo], bool]] = []
    since, before = wanted.get("since"), wanted.get("before")
    if since is not None:
        conditions.append(lambda task: came_at(task) >= since)
    if before is not None:
        conditions.append(lambda task: came_at(task) < before)
    if (error := wanted.get("error")) is not None:
        conditions.append(partial(_has_in_error, text=error.casefold()))
    if (text := wanted.get("text")) is not None:
        conditions.append(partial(_has_text, text=text.casefold()))
    return conditions


def _has_in_error(task: TaskInfo, text: str) -> bool:
    error = task.error
    return error is not None and (text in error.type.casefold() or text in error.message.casefold())


def _has_text(task: TaskInfo, text: str) -> bool:
    return text in task.name.casefold() or text in task.description.casefold() or text == str(task.id)


def _owner(store: TaskStore, owner: str | None) -> str | None:
    """Return the owner that was asked for. A store that knows none would answer with the tasks of everybody."""
    if owner is None:
        return None
    check_owner(owner, ConfigurationError)
    promises = store.capabilities()
    if "owners" not in promises.supports:
        raise ConfigurationError(
            f"The store ({promises.description}) does not support owners: no task has one there. "
            "Upgrade its package, or leave out owner=."
        )
    return owner


def _values(what: str, values: Iterable[Value] | None) -> tuple[Value, ...] | None:
    if isinstance(values, str):
        raise ConfigurationError(f"{what!r} must be a list: write {what}=[{str(values)!r}].")
    return None if values is None else tuple(values)
