"""Tasks by a filter, page by page: what somebody asked for in the query of a URL, checked, and what matches."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final, cast

from lilota.client import TaskClient
from lilota.contract import TaskCount, TaskQuery
from lilota.errors import ConfigurationError
from lilota.finding import FoundPage, TaskFilter, find_page
from lilota.models import TaskState
from lilota.serving import Serving
from lilota.texts.moments import read_moment
from lilota_dashboard.data.records.tasks import Asked, TasksPage
from lilota_dashboard.data.rows import numbers_of, task_row
from lilota_dashboard.data.texts import line

LONGEST_PAGE: Final = 200
#: How many tasks are read for one page, at most; as many take five to fifteen milliseconds.
LOOKED_AT: Final = 1000
_LARGEST_ID: Final = 2**63 - 1
_VALUE_LENGTH: Final = 200
_VALUES: Final = 50
_CHOICES: Final = 500
_KEYS: Final = ("state", "name", "queue", "owner", "since", "before", "error", "q", "after", "limit")


def asked(parameters: Iterable[tuple[str, str]], now: datetime | None = None) -> Asked:
    """Return the filter that the query of a URL means, checked.

    The keys: state, name, queue, owner, since, before, error, q, after, limit. The first three may come several times.
    A field that is empty, as a form sends it, means nothing.

    Args:
        parameters: keys and values, as `request.query_params.multi_items()` gives them.
        now: as of when "2h" is read.

    Raises:
        ConfigurationError: one of them can't be used; the message says which, and what to write instead.
    """
    given: dict[str, list[str]] = {}
    for key, value in parameters:
        if key in _KEYS and value.strip():
            given.setdefault(key, []).append(_checked(key, value))
    for key, values in given.items():
        _check_number_of(key, values)
    one = {key: values[0] for key, values in given.items()}
    since, before = _moment(one, "since", now), _moment(one, "before", now)
    if since and before and since >= before:
        raise ConfigurationError(
            f"Nothing can match: 'since' ({one['since']}) is not before 'before' ({one['before']})."
        )
    return Asked(
        states=tuple(dict.fromkeys(map(_state, given.get("state", ())))),
        names=tuple(dict.fromkeys(given.get("name", ()))),
        queues=tuple(dict.fromkeys(given.get("queue", ()))),
        owner=one.get("owner", ""),
        since=one.get("since", ""),
        before=one.get("before", ""),
        since_at=since,
        before_at=before,
        error=one.get("error", ""),
        text=one.get("q", "").strip(),
        after_id=_number(one, "after", _LARGEST_ID),
        limit=_number(one, "limit", LONGEST_PAGE) or 50,
    )


def filter_of(wanted: Asked) -> TaskFilter:
    """Return the same filter for `lilota.finding`, without what means all."""
    chosen = {
        "states": wanted.states,
        "names": wanted.names,
        "queues": wanted.queues,
        "owner": wanted.owner,
        "since": wanted.since_at,
        "before": wanted.before_at,
        "error": wanted.error,
        "text": wanted.text,
    }
    return cast("TaskFilter", {condition: value for condition, value in chosen.items() if value})


def page_of_tasks(client: TaskClient, wanted: Asked) -> TasksPage:
    """Return a page of the tasks that match, the newest first.

    Raises:
        ConfigurationError: the store can't be asked so, as one that keeps no owners.
    """
    store = client.store
    found = find_page(store, limit=wanted.limit, after_id=wanted.after_id, most=LOOKED_AT, **filter_of(wanted))
    found = _with_named_id(client, wanted, found)
    counts, serving = store.counts(), Serving(store.runners())
    return TasksPage(
        asked=wanted,
        rows=tuple(task_row(task, serving) for task in found.tasks),
        next_after_id=found.next_after_id,
        looked_at=found.looked_at,
        is_short=found.next_after_id is not None and len(found.tasks) < wanted.limit,
        numbers=numbers_of(counts),
        known_names=_choices(counts, lambda row: row.name),
        known_queues=_choices(counts, lambda row: row.queue),
    )


def _with_named_id(client: TaskClient, wanted: Asked, found: FoundPage) -> FoundPage:
    """Put the task in front whose id was typed: its page along the ids may be far away."""
    if wanted.after_id is not None or not wanted.text.isascii() or not wanted.text.isdigit() or len(wanted.text) > 18:
        return found
    query = TaskQuery(ids=(int(wanted.text),), states=wanted.states or None, limit=1)
    first = [task for task in client.store.find(query) if all(task.id != other.id for other in found.tasks)]
    return found._replace(tasks=[*first, *found.tasks])


def _checked(key: str, value: str) -> str:
    if len(value) > _VALUE_LENGTH:
        raise ConfigurationError(f"{key!r} is too long: {len(value):,} characters, of which {_VALUE_LENGTH} may be.")
    if not value.isprintable():
        raise ConfigurationError(f"{key!r} has a character that can't be printed: {line(value, 60)!r}. Leave it out.")
    return value


def _check_number_of(key: str, values: list[str]) -> None:
    if len(values) > (_VALUES if key in {"state", "name", "queue"} else 1):
        raise ConfigurationError(f"{key!r} is given {len(values)} times. Choose fewer.")


def _state(value: str) -> TaskState:
    try:
        return TaskState(value)
    except ValueError:
        known = ", ".join(state.value for state in TaskState)
        raise ConfigurationError(f"{line(value, 60)!r} is no state of a task. There are: {known}.") from None


def _moment(given: dict[str, str], key: str, now: datetime | None) -> datetime | None:
    if key not in given:
        return None
    try:
        moment = read_moment(given[key], now)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ConfigurationError(f"{key!r}: {line(str(error))}.") from None


def _number(given: dict[str, str], key: str, largest: int) -> int | None:
    text = given.get(key)
    if text is None:
        return None
    # The length first: Python refuses to read numbers of thousands of digits.
    if text.isascii() and text.isdigit() and len(text) < 20 and 1 <= int(text) <= largest:
        return int(text)
    raise ConfigurationError(f"{key!r} must be a whole number from 1 to {largest:,}, not {line(text, 60)!r}.")


def _choices(counts: Iterable[TaskCount], of: Callable[[TaskCount], str]) -> tuple[str, ...]:
    return tuple(sorted({line(of(row)) for row in counts})[:_CHOICES])
