"""The names of tasks: how many there are of each, how they did, what they take, and a form to add one."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from lilota.client import TaskClient
from lilota.contract import TaskCount, TaskQuery
from lilota.describing import TaskDetails, default_options, known_names
from lilota.errors import LilotaError, UnknownTaskError
from lilota.finding import find_page
from lilota.models import TERMINAL_STATES
from lilota.serving import Service, Serving
from lilota.statistics import NameStats
from lilota.texts.safe import safe_lines
from lilota_dashboard.data.adding import empty_form
from lilota_dashboard.data.descriptions import Describe, describe
from lilota_dashboard.data.records.names import NamePage, NameRow, NamesPage
from lilota_dashboard.data.rows import name_stats, numbers_of, task_row
from lilota_dashboard.data.texts import json_text, line

#: Of so many tasks that ended last the durations are told: of all names together, and of one.
_LOOKED_AT: Final = 500
_RECENT: Final = 20
_USUAL: Final = ("queue", "priority", "max_attempts", "timeout_seconds")
_DOCSTRING_LINES: Final = 500


def names(client: TaskClient) -> NamesPage:
    """Return all names: those in the store, those that can be added here, and those that living runners tell of.

    Raises:
        LilotaError: no process can be started to import the modules of the settings.
    """
    ended = find_page(client.store, limit=_LOOKED_AT, states=TERMINAL_STATES).tasks
    stats = name_stats(ended)
    return NamesPage(rows=tuple(_rows(client, stats)), looked_at=len(ended))


def name_page(client: TaskClient, name: str, describe: Describe = describe) -> NamePage:
    """Return all about one name; what can't be imported here has no form, and a sentence that says why.

    Args:
        describe: looks into the task, by a process of its own each time; `Descriptions` remembers.

    Raises:
        UnknownTaskError: there is no task of that name in the store, none can be added here, and no runner has it.
    """
    ended = find_page(client.store, limit=_LOOKED_AT, states=TERMINAL_STATES, names=[name]).tasks
    stats = name_stats(ended)
    row = next((row for row in _rows(client, stats, [name])), None)
    if row is None:
        raise UnknownTaskError(f"There is no task {name!r:.100} in the store, and none can be added here.")
    details, problem = _described(client, name, describe) if row.is_known else (None, _NOT_HERE)
    recent = client.store.find(TaskQuery(names=(name,), limit=_RECENT))
    return NamePage(
        row=row,
        docstring=tuple(safe_lines(details.docstring)[:_DOCSTRING_LINES]) if details and details.docstring else (),
        problem=problem,
        reference=line(details.reference) if details else "",
        file=f"{line(details.file)}:{details.line}" if details and details.file else "",
        returns=line(details.returns) if details else "",
        options=tuple(_options(details)) if details else (),
        input_schema=json_text(details.input_schema) if details else None,
        output_schema=json_text(details.output_schema) if details else None,
        form=empty_form(name, details) if details else None,
        recent=tuple(map(task_row, recent)),
    )


_NOT_HERE: Final = (
    "This task is not known here: other programs add and run it. To add it here, install the package that brings it, "
    "or name its module under modules in lilota.toml, where the dashboard is started."
)


def _rows(client: TaskClient, stats: Mapping[str, NameStats], wanted: Iterable[str] | None = None) -> Iterator[NameRow]:
    """Give a row for each name, or for those that are wanted as far as there are such."""
    counts, runners = client.counts(), client.runners()
    serving = Serving(runners)
    by_name: defaultdict[str, list[TaskCount]] = defaultdict(list)
    for count in counts:
        by_name[count.name].append(count)
    known = set(known_names(client.registry))
    told = {name for each in runners if not each.has_expired for name in Service.told_by(each).names or ()}
    brought = _distributions(client)
    there = by_name.keys() | known | {name for name in told if not name.endswith(":*")}
    for name in sorted(there if wanted is None else there.intersection(wanted)):
        rows = by_name.get(name, [])
        queues = sorted({row.queue for row in rows})
        yield NameRow(
            name=line(name),
            queues=tuple(map(line, queues)),
            numbers=numbers_of(rows),
            stats=stats.get(name),
            is_known=name in known or client.registry.knows(name),  # a name of a family, too
            is_served=_is_served(name, queues, serving),
            distribution=brought.get(name, ""),
        )


def _is_served(name: str, queues: Iterable[str], serving: Serving) -> bool | None:
    """Tell whether living runners take its tasks in each queue that has some; in the usual one, if none has."""
    answers = {serving.answer(name, queue) for queue in queues} or {serving.answer(name, "default")}
    return False if False in answers else None if None in answers else True


def _distributions(client: TaskClient) -> dict[str, str]:
    return {
        record.name: line(f"{record.distribution} {record.version}")
        for record in client.registry.plugins.records()
        if record.kind == "task" and record.state in {"loaded", "not loaded"}
    }


def _described(client: TaskClient, name: str, describe: Describe) -> tuple[TaskDetails | None, str]:
    try:
        return describe(client, name), ""
    except LilotaError as error:
        return None, line(str(error), 2000)


def _options(details: TaskDetails) -> Iterator[tuple[str, str]]:
    usual = default_options()
    for option, value in details.options.items():
        if option in _USUAL or value != usual[option]:
            shown = value if isinstance(value, str) else json.dumps(value)
            yield option, "none" if value is None else line(shown)
