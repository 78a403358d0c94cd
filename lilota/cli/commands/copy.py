"""`lilota copy`: move all tasks from one store to another."""

from __future__ import annotations

import shlex
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import click

from lilota.cli.session import Session, pass_session, require_existing
from lilota.contract import TaskStore
from lilota.copying import Copied, check_quiet, check_stores, check_target, copy_pages
from lilota.errors import ConfigurationError, TaskStateError
from lilota.models import TaskState
from lilota.safe import mask_urls, safe
from lilota.stores import open_store
from lilota.words import count

Counts = Counter[tuple[str, str, TaskState]]


@click.command
@click.argument("source", metavar="SRC")
@click.argument("target", metavar="DST")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def copy(session: Session, *, source: str, target: str, yes: bool) -> None:
    """Copy all tasks of the store SRC into the store DST, with their ids, states, outputs and logs.

    Stop the runners of SRC first, and the programs that add tasks to it. SRC stays as it is. After an interruption,
    the same command goes on; what is at DST already stays.

    \b
    lilota copy sqlite:///lilota.db postgresql://shop@db/shop
    """
    with _opened(session, source, create=False) as from_store, _opened(session, target, create=True) as to_store:
        check_stores(from_store, to_store)
        check_quiet(from_store)
        before = _counts(from_store)
        if not before:
            where = from_store.capabilities().description
            raise ConfigurationError(f"The source ({where}) holds no tasks. Is its URL right?")
        check_target(from_store, to_store)
        if not yes:
            _ask(from_store, to_store, before.total())
        copied = _copy(from_store, to_store, before.total())
        _check_nothing_changed(from_store, before)
    _tell(copied, source, target)


def _counts(store: TaskStore) -> Counts:
    return Counter({(row.queue, row.name, row.state): row.count for row in store.counts()})


@contextmanager
def _opened(session: Session, url: str, *, create: bool) -> Iterator[TaskStore]:
    store = open_store(url, plugins=session.plugins)
    if not create:
        require_existing(store)
    try:
        store.open()
        yield store
    finally:
        store.close()


def _ask(source: TaskStore, target: TaskStore, number: int) -> None:
    places = [safe(store.capabilities().description) for store in (source, target)]
    click.confirm(f"Copy {count(number, 'task')} from: {places[0]}\nto: {places[1]}?", abort=True, err=True)


def _copy(source: TaskStore, target: TaskStore, number: int) -> Copied:
    copied = existing = 0
    # Without a terminal, only the label is shown.
    with click.progressbar(length=number, label="Copying", file=sys.stderr) as bar:
        for page in copy_pages(source, target):
            copied += page.copied
            existing += page.existing
            bar.update(page.copied + page.existing)
    return Copied(copied, existing)


def _check_nothing_changed(source: TaskStore, before: Counts) -> None:
    """Make sure that what was copied is what is there now: somebody may have started a runner, or added tasks."""
    check_quiet(source)
    if _counts(source) != before:
        raise TaskStateError(
            "Tasks of the source were added or changed while they were copied. Stop the programs that do so, and copy "
            "again: new tasks are added then. What has only changed since stays at the target as it was."
        )


def _tell(copied: Copied, source: str, target: str) -> None:
    click.secho(f"Copied {count(copied.copied, 'task')}; {copied.existing:,} were there already.", fg="green")
    shown = shlex.quote(safe(mask_urls(target)))
    click.echo(
        f"Next:\n"
        f"  1. Let your programs use the new store, in LILOTA_STORE, lilota.toml or their own code: {shown}\n"
        f"  2. Start the runners there: lilota worker --store {shown}\n"
        f"  3. Never start a runner on {safe(mask_urls(source))} again: what waits there would run twice."
    )
