"""What `lilota doctor` looks at: each function checks one thing and says what it found, and the remedy."""

from __future__ import annotations

import multiprocessing
import platform
import sys
import time
from collections.abc import Iterator
from typing import Literal

import msgspec

from lilota import __version__
from lilota.cli.safe import mask_urls
from lilota.cli.session import Session
from lilota.cli.words import count, duration
from lilota.contract import TaskCount, TaskStore
from lilota.errors import LilotaError
from lilota.models import TaskState

Status = Literal["ok", "warning", "problem"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What a check found.

    Attributes:
        check: which check, a stable word for machines.
        text: what was found, and for a warning or a problem what to do.
    """

    check: str
    status: Status
    text: str


def examine(session: Session) -> Iterator[Finding]:
    """Give the findings of all checks, from the ground up; a check that can't be made is a problem, not the end."""
    yield Finding(
        check="lilota",
        status="ok",
        text=f"lilota {__version__}, {platform.python_implementation()} {platform.python_version()} in {sys.prefix}",
    )
    yield _start_method()
    try:
        settings = session.settings
        session.registry.names()
    except LilotaError as error:
        yield _problem("settings", error)
        return
    yield Finding(
        check="settings",
        status="ok",
        text=f"The store is set by {settings.source_of('store')}."
        if "store" in settings.sources
        else "The store is the default; LILOTA_STORE or lilota.toml would change it.",
    )
    yield from _plugins(session)
    yield from _store(session)


def _start_method() -> Finding:
    methods = multiprocessing.get_all_start_methods()
    if "forkserver" in methods:
        return Finding(check="start method", status="ok", text="forkserver: workers start within milliseconds.")
    return Finding(
        check="start method", status="warning", text="spawn: this system has no forkserver; workers start slowly."
    )


def _plugins(session: Session) -> Iterator[Finding]:
    records = session.plugins.records()
    bad = [record for record in records if record.state in {"failed", "conflict"}]
    for record in bad:
        yield Finding(check="plugins", status="problem", text=f"{record.name} of {record.distribution}: {record.error}")
    for record in records:
        if record.state == "disabled":
            yield Finding(
                check="plugins", status="ok", text=f"{record.name} of {record.distribution} is disabled: {record.error}"
            )
    if not bad:
        names = sorted({f"{record.distribution} {record.version}" for record in records})
        yield Finding(check="plugins", status="ok", text=", ".join(names) or "none installed")


def _store(session: Session) -> Iterator[Finding]:
    try:
        with session.open_store() as store:
            yield _reached(store)
            yield from _promises(store)
            yield from _tasks(store.counts(), session.registry.names())
    except LilotaError as error:
        yield _problem("store", error)


def _reached(store: TaskStore) -> Finding:
    began = time.perf_counter()
    store.counts()
    took = time.perf_counter() - began
    description = store.capabilities().description
    return Finding(check="store", status="ok", text=f"The {description} answers in {duration(took)}.")


def _promises(store: TaskStore) -> Iterator[Finding]:
    promises = store.capabilities()
    if promises.durable:
        yield Finding(check="durable", status="ok", text="What was added survives crashes and power cuts.")
    else:
        yield Finding(
            check="durable",
            status="warning",
            text="Tasks are gone when the store's process ends. Use sqlite:///lilota.db to keep them.",
        )
    reach = (
        "several machines"
        if promises.multi_host
        else "all processes of this machine"
        if promises.multi_process
        else "one process alone"
    )
    yield Finding(
        check="shared", status="ok" if promises.multi_process else "warning", text=f"It can be used by {reach}."
    )
    for warning in promises.warnings:
        yield Finding(check="store", status="warning", text=warning)


def _tasks(found: list[TaskCount], known: tuple[str, ...]) -> Iterator[Finding]:
    """Find tasks that wait for a name that nobody here can run."""
    waiting = [row for row in found if not row.state.is_terminal and row.state is not TaskState.RUNNING]
    orphans: dict[str, int] = {}
    for row in waiting:
        if row.name not in known:
            orphans[row.name] = orphans.get(row.name, 0) + row.count
    for name, number in sorted(orphans.items()):
        yield Finding(
            check="tasks",
            status="problem",
            text=f"{count(number, 'task')} named {name!r} will not run: the name is unknown here. Install the package that brings it, or "
            f"start a worker with --task {name}=module:Class.",
        )
    if not orphans:
        total = sum(row.count for row in waiting)
        yield Finding(
            check="tasks",
            status="ok",
            text=f"{count(total, 'task')} waiting; {count(len(known), 'task name')} can be run here.",
        )


def _problem(check: str, error: LilotaError) -> Finding:
    return Finding(check=check, status="problem", text=mask_urls(str(error)))
