"""What `lilota doctor` looks at: each function checks one thing and says what it found, and the remedy."""

from __future__ import annotations

import multiprocessing
import platform
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from lilota import __version__
from lilota.cli.session import Session
from lilota.contract import StoreCapabilities, TaskCount, TaskStore
from lilota.errors import LilotaError
from lilota.models import TaskState
from lilota.safe import mask_urls
from lilota.words import count, duration


class Finding(NamedTuple):
    """What a check found.

    Attributes:
        check: which check; a stable word, for machines.
        text: what was found, and what to do about it unless it is "ok".
    """

    status: Literal["ok", "warning", "problem"]
    check: str
    text: str


def examine(session: Session) -> Iterator[Finding]:
    """Give the findings of all checks, from the ground up; what can't be checked is a problem, not the end."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    yield Finding("ok", "lilota", f"lilota {__version__}, {python} in {sys.prefix}")
    yield _start_method()
    try:
        yield _settings(session)
        yield _pruning(session)
        yield from _plugins(session)
        with session.open_store(create=True) as store:
            yield _answer(store)
            yield from _promises(store.capabilities())
            yield _waiting_tasks(store.counts(), session.registry.names())
    except LilotaError as error:
        yield Finding("problem", "store" if "settings" in session.__dict__ else "settings", mask_urls(str(error)))


def _start_method() -> Finding:
    if "forkserver" in multiprocessing.get_all_start_methods():
        return Finding("ok", "processes", "Workers are started by forkserver, within milliseconds.")
    return Finding(
        "warning", "processes", "This system has no forkserver: workers are started by spawn, which is slower."
    )


def _settings(session: Session) -> Finding:
    if "store" in session.settings.sources:
        return Finding("ok", "settings", f"The store is set by {session.settings.source_of('store')}.")
    return Finding("ok", "settings", "The store is the default, a file in this folder; LILOTA_STORE would change it.")


def _pruning(session: Session) -> Finding:
    seconds = session.settings.prune_after_seconds
    if seconds is None:
        return Finding("ok", "pruning", "Ended tasks are kept until `lilota prune`; prune_after_seconds deletes them.")
    source = session.settings.source_of("prune_after_seconds")
    return Finding("ok", "pruning", f"Running workers delete tasks {duration(seconds)} after their end, by {source}.")


def _plugins(session: Session) -> Iterator[Finding]:
    records = session.plugins.records()
    usable = sorted({f"{record.distribution} {record.version}" for record in records if record.error is None})
    yield Finding("ok", "plugins", ", ".join(usable) or "None is installed.")
    for record in records:
        if record.error is not None:
            status: Literal["ok", "problem"] = "ok" if record.state == "disabled" else "problem"
            yield Finding(status, "plugins", f"{record.name} of {record.distribution} is not used: {record.error}")


def _answer(store: TaskStore) -> Finding:
    began = time.perf_counter()
    store.counts()
    took = time.perf_counter() - began
    return Finding("ok", "store", f"{store.capabilities().description}; answers in {duration(took)}.")


def _promises(promises: StoreCapabilities) -> Iterator[Finding]:
    if promises.durable:
        yield Finding("ok", "durable", "What was added survives crashes and power cuts.")
    elif promises.forgets:
        yield Finding("warning", "durable", "Tasks are lost when its process ends. To keep them: sqlite:///lilota.db")
    else:
        yield Finding("warning", "durable", "What was added in the last second may be lost in a crash or a power cut.")
    if promises.multi_host:
        yield Finding("ok", "shared", "Several machines can use it together.")
    elif promises.multi_process:
        yield Finding("ok", "shared", "All processes of this machine can use it together.")
    else:
        yield Finding("warning", "shared", "Only one process can use it. To share tasks: sqlite:///lilota.db")
    for warning in promises.warnings:
        yield Finding("warning", "store", warning)


def _waiting_tasks(found: Sequence[TaskCount], known: Sequence[str]) -> Finding:
    """Find tasks that wait for a name that nobody here can run."""
    waiting = Counter[str]()
    for row in found:
        if row.state in (TaskState.PENDING, TaskState.WAITING):
            waiting[row.name] += row.count
    strange = sorted(set(waiting) - set(known))
    if not strange:
        able = f"{count(len(known), 'task name')} can be run here"
        return Finding("ok", "tasks", f"{count(waiting.total(), 'task')} waiting; {able}.")
    listed = ", ".join(f"{name!r} ({waiting[name]:,})" for name in strange[:10])
    return Finding(
        "warning",
        "tasks",
        f"Tasks wait for names that are unknown here: {listed}. If no worker elsewhere runs them, install the package "
        "that brings them, or start a worker with --task NAME=module:Class.",
    )
