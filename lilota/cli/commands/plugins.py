"""`lilota plugins`: what installed distributions bring, and what became of it."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Final

import click
from msgspec.structs import asdict
from rich.text import Text

from lilota.cli.options import json_option
from lilota.cli.records import print_json
from lilota.cli.screen import columns, console, text
from lilota.cli.session import Session, pass_session
from lilota.models import JSONObject
from lilota.plugins import PluginRecord
from lilota.plugins.records import (
    EXECUTORS,
    FILES,
    STORES,
    TASK_MODULES,
    TASKS,
    PluginState,
    shown_otherwise,
    troubles,
)
from lilota.texts.safe import safe
from lilota.texts.secrets import mask_text
from lilota.texts.words import count

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

logger: logging.Logger = logging.getLogger(__name__)

_STYLES: Final = {"loaded": "green", "not loaded": "dim", "disabled": "yellow", "failed": "red", "conflict": "red"}
_BAD_STATES: Final = frozenset({"failed", "conflict"})


@click.command
@json_option("one JSON document")
@click.option("--check", is_flag=True, help="Load everything, and exit with 1 if anything is broken or claimed twice.")
@pass_session
def plugins(session: Session, *, as_json: bool, check: bool) -> None:
    """List the stores, tasks, executors and plugins that installed packages bring, and the modules of the settings.

    All but plugins are loaded when they are first used, so "not loaded" is their usual state here; --check loads all.
    """
    with nullcontext() if as_json else shown_otherwise():
        remarks = session.plugins.remarks()  # asks plugins for stores that are only known at run time, too
        if check:
            _load_all(session)
    records = [*_modules(session, check=check), *session.plugins.records()]
    if as_json:
        print_json([_for_machines(record) for record in records], indent=2)
    else:
        _print_records(records)
        _print_remarks([record for record in records if record.remark], remarks)
    if check and any(record.state in _BAD_STATES for record in records):
        raise click.exceptions.Exit(1)


def _load_all(session: Session) -> None:
    """Load everything that can be used; the records keep what went wrong."""
    found = session.plugins
    loaders = {
        STORES: found.store_factory,
        TASKS: found.load_task,
        EXECUTORS: found.executor_factory,
        FILES: found.file_area_factory,
    }
    for record in session.plugins.records():
        load = loaders.get(record.group)
        if load is None or record.state not in {"not loaded", "failed"}:
            continue
        try:
            load(record.name)
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything; its record has the reason too
            logger.debug("%s can't be loaded: %r", record.name, error)


def _modules(session: Session, *, check: bool) -> list[PluginRecord]:
    """Return the modules of the settings like what packages bring; imported elsewhere, if at all, as by a worker."""
    from lilota.workers.trial import Tried, look_into_modules  # noqa: PLC0415 - only where there are modules

    names = session.registry.modules_not_imported()
    found = look_into_modules(session.registry) if check else [Tried(name, "") for name in names]
    state: PluginState = "loaded" if check else "not loaded"
    return [
        PluginRecord(
            group=TASK_MODULES,
            name=tried.name,
            value=tried.name,
            distribution="",
            version="",
            state="failed" if tried.problem else state,
            error=tried.problem or None,
            remark=" ".join(tried.remarks) or None,
        )
        for tried in found
    ]


def _for_machines(record: PluginRecord) -> JSONObject:
    return {
        **asdict(record),
        "error": record.error and mask_text(record.error),
        "remark": record.remark and mask_text(record.remark),
    }


def _print_records(records: Sequence[PluginRecord]) -> None:
    screen = console()
    if not records:
        screen.print("No plugins are installed.")
        return
    screen.print(_summary(records))
    screen.print()
    screen.print(_table(screen, records))
    _print_troubles(screen, records)


def _summary(records: Sequence[PluginRecord]) -> Text:
    kinds = Counter(record.kind for record in records)
    bad = sum(record.state in _BAD_STATES for record in records)
    parts = Text(", ".join(count(number, kind) for kind, number in sorted(kinds.items())))
    return Text.assemble(parts, Text(f", {bad} broken", style="red") if bad else "")


def _table(screen: Console, records: Sequence[PluginRecord]) -> Table:
    table = columns(screen, "STATE", "KIND", "NAME", "PACKAGE", "VERSION")
    for record in records:
        table.add_row(
            Text(record.state, style=_STYLES[record.state]),
            record.kind,
            text(record.name, "bold"),
            text(record.distribution),
            text(record.version, "dim"),
        )
    return table


def _print_troubles(screen: Console, records: Sequence[PluginRecord]) -> None:
    """Print why entries can't be used below the table: reasons are longer than a column."""
    for trouble in troubles(records):
        brought_by = f" ({safe(trouble.distributions)})" if trouble.distributions else ""
        line = f"{safe(trouble.what)}{brought_by}: {safe(trouble.text)}"
        screen.print(Text(f"\n{line}", style=_STYLES[trouble.state]))


def _print_remarks(remarked: Sequence[PluginRecord], remarks: Sequence[str]) -> None:
    """Print what looks wrong with entries that can be used, and with the settings."""
    of_records = [f"{each.kind} {each.name} ({each.distribution or 'yours'}): {each.remark}" for each in remarked]
    for remark in (*of_records, *remarks):
        console().print(Text(f"\n{safe(remark)}", style="yellow"))
