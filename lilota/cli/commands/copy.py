"""`lilota copy`: move all tasks from one store to another."""

from __future__ import annotations

import shlex
import sys

import click

from lilota.cli.asking import ask
from lilota.cli.options import json_option
from lilota.cli.output import echo
from lilota.cli.records import print_json
from lilota.cli.session import Session, pass_session
from lilota.contract import TaskStore
from lilota.copying import Copied, check_copy, copy_tasks
from lilota.files.carrying import FileCarrier
from lilota.texts.safe import safe
from lilota.texts.secrets import mask_text
from lilota.texts.words import count


@click.command
@click.argument("source", metavar="SRC")
@click.argument("target", metavar="DST")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option("one JSON document")
@pass_session
def copy(session: Session, *, source: str, target: str, yes: bool, as_json: bool) -> None:
    """Copy all tasks of the store SRC into the store DST, with their ids, states, outputs, logs and files.

    Stop the runners of SRC first, and the programs that add tasks to it. SRC stays as it is. After an interruption,
    the same command goes on; what is at DST already stays.

    \b
    lilota copy sqlite:///lilota.db postgresql://shop@db/shop
    """
    with session.open_store(source) as from_store, session.open_store(target, create=True) as to_store:
        number = check_copy(from_store, to_store)
        if not yes:
            places = [safe(store.capabilities().description) for store in (from_store, to_store)]
            question = f"Copy {count(number, 'task')} from: {places[0]}\nto: {places[1]}?"
            ask(question)
        carrier = FileCarrier(from_store, to_store, session.plugins)
        copied = _copy(from_store, to_store, number, carrier)
    if as_json:
        print_json({**copied._asdict(), "files": carrier.copied, "missing_files": carrier.missing})
    else:
        _tell(copied, carrier, source, target)


def _copy(source: TaskStore, target: TaskStore, number: int, carrier: FileCarrier) -> Copied:
    copied = existing = 0
    # Without a terminal, only the label is shown.
    with click.progressbar(length=number, label="Copying", file=sys.stderr) as bar:
        for page in copy_tasks(source, target, carrier.carry):
            copied += page.copied
            existing += page.existing
            bar.update(page.copied + page.existing)
    return Copied(copied, existing)


def _tell(copied: Copied, carrier: FileCarrier, source: str, target: str) -> None:
    echo(f"Copied {count(copied.copied, 'task')}; {copied.existing:,} were there already.", fg="green")
    if carrier.copied or carrier.missing:
        echo(f"Copied {count(carrier.copied, 'file')}; {carrier.missing:,} were not there any more.")
    shown = shlex.quote(safe(mask_text(target)))
    echo(
        f"Next:\n"
        f"  1. Let your programs use the new store, in LILOTA_STORE, lilota.toml or their own code: {shown}\n"
        f"  2. Start the runners there: lilota worker --store {shown}\n"
        f"  3. Never start a runner on {safe(mask_text(source))} again: what waits there would run twice."
    )
