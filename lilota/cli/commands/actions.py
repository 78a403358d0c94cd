"""`lilota cancel` and `lilota retry`: act on tasks by id, or on all that match a filter."""

from __future__ import annotations

import sys
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final, Unpack

import click

from lilota.bulk import CANCEL, RETRY, Acted, Action, Fate, act_on, matching
from lilota.cli.asking import ask
from lilota.cli.completion import complete_task_id_in
from lilota.cli.options import TASK_ID, Decorated, filter_options, given_filter, json_option, store_option
from lilota.cli.output import echo, stdout
from lilota.cli.records import print_json
from lilota.cli.screen import when
from lilota.cli.session import Session, pass_session
from lilota.contract import TaskStore
from lilota.finding import TaskFilter
from lilota.models import TaskInfo
from lilota.texts.safe import safe
from lilota.texts.words import count, relative

#: How many of the tasks are shown before the question, and how much of each.
_SHOWN: Final = 5
_LONGEST_LINE: Final = 110

#: What became of one task that was named by its id.
_SENTENCES: Final = {
    Fate.CANCELLED: "Task {id} is cancelled.",
    Fate.ASKED: "Task {id} is running and was asked to end. Follow it with: {line} watch {id}",
    Fate.RETRIED: "Task {id} is pending again.",
}
#: What became of many.
_SUMS: Final = {
    Fate.CANCELLED: "Cancelled: {}.",
    Fate.ASKED: "Running, and asked to end: {}.",
    Fate.RETRIED: "Pending again: {}.",
    Fate.UNCHANGED: "Left alone, because their state does not allow it any more, or they can't run again: {}.",
    Fate.MISSING: "Pruned in between: {}.",
}


def _which_tasks(action: Action) -> Callable[[Decorated], Decorated]:
    """Let a command take ids, or a filter."""

    def decorate(command: Decorated) -> Decorated:
        for option in (
            store_option,
            json_option("one JSON document per task"),
            click.option("--yes", is_flag=True, help="Do not ask; only a filter makes it ask."),
            filter_options(state.value for state in action.states),
            click.argument(
                "task_ids", metavar="[ID]...", type=TASK_ID, nargs=-1, shell_complete=complete_task_id_in(action.states)
            ),
        ):
            command = option(command)
        return command

    return decorate


@click.command
@_which_tasks(CANCEL)
@pass_session
def cancel(session: Session, /, **options: Any) -> None:  # noqa: ANN401 - those of _run
    """Cancel tasks: pending ones at once, running ones by asking them to end (and killing them if they do not).

    By ID, or all that match a filter and have not ended; then it says which and asks first.

    \b
    lilota cancel 17 18
    lilota cancel --queue mail --before 2h
    """
    _run(session, CANCEL, **options)


@click.command
@_which_tasks(RETRY)
@pass_session
def retry(session: Session, /, **options: Any) -> None:  # noqa: ANN401 - those of _run
    """Run failed or cancelled tasks again, with all their attempts.

    By ID, or all that match a filter and have failed; then it says which and asks first.

    \b
    lilota retry 17 18
    lilota retry --since yesterday --error timeout
    """
    _run(session, RETRY, **options)


def _run(
    session: Session,
    action: Action,
    *,
    task_ids: tuple[int, ...],
    yes: bool,
    as_json: bool,
    **options: Unpack[TaskFilter],
) -> None:
    wanted = given_filter(**options)
    if bool(task_ids) == bool(wanted):
        raise click.UsageError(
            f"Say which tasks to {action.name}: by their ids, or by a filter such as --since yesterday --error timeout"
            f"{', not by both' if wanted else ''}."
        )
    with session.open_store() as store:
        if wanted:
            _act_on_matching(store, action, wanted, yes=yes, as_json=as_json)
        else:
            _act_on_each(store, action, task_ids, session.line, as_json=as_json)


def _act_on_each(store: TaskStore, action: Action, task_ids: Sequence[int], line: str, *, as_json: bool) -> None:
    """Act on every task, even when one before could not be acted on; then the exit code is 1."""
    failed = False
    for acted in act_on(store, action, task_ids):
        failed |= bool(acted.why)
        if as_json:
            _print_record(acted)
        elif acted.why:
            click.echo(f"Error: {safe(acted.why)}", err=True)
        else:
            echo(_SENTENCES[acted.fate].format(id=acted.task_id, line=line))
    if failed:
        raise click.exceptions.Exit(1)


def _act_on_matching(store: TaskStore, action: Action, wanted: TaskFilter, *, yes: bool, as_json: bool) -> None:
    """Act on all tasks that match now, if the person agrees; that none matches is no error."""
    task_ids, first = _found(matching(store, action, wanted))
    if not task_ids:
        click.echo(f"No task matches that can be {action.past}; nothing was done.", err=True)
        return
    if not yes:
        _show(first, len(task_ids))
        ask(f"{action.name.capitalize()} {'it' if len(task_ids) == 1 else 'them'}?")
    fates: Counter[Fate] = Counter()
    try:
        with _progress(act_on(store, action, reversed(task_ids)), len(task_ids), as_json=as_json) as all_acted:
            for acted in all_acted:
                fates[acted.fate] += 1
                if as_json:
                    _print_record(acted)
    except KeyboardInterrupt:
        click.echo("\nThe same command goes on with the others.", err=True)
        raise
    finally:
        for fate in filter(fates.__getitem__, Fate):
            click.echo(_SUMS[fate].format(count(fates[fate], "task")), file=sys.stderr if as_json else stdout())


def _progress(all_acted: Iterator[Acted], number: int, *, as_json: bool) -> AbstractContextManager[Iterable[Acted]]:
    """Show a person how far it is: each task is a transaction of its own, and ten thousand may take a minute."""
    if as_json or not sys.stderr.isatty():
        return nullcontext(all_acted)
    return click.progressbar(all_acted, length=number, file=sys.stderr)


def _found(tasks: Iterator[TaskInfo]) -> tuple[array[int], list[TaskInfo]]:
    """Return the ids of all, and the first ones as they are. Of ten million tasks, the ids take 80 MB."""
    first = list(islice(tasks, _SHOWN))
    ids = array("q", [task.id for task in first])
    ids.extend(task.id for task in tasks)
    return ids, first


def _show(first: Sequence[TaskInfo], number: int) -> None:
    now = datetime.now(UTC)
    click.echo(f"{count(number, 'task')}{' match' if number > 1 else ' matches'}, the newest first:", err=True)
    for task in first:
        error = f"  {task.error.type}: {task.error.message}" if task.error else ""
        line = safe(f"  {task.id}  {task.name}  {task.state} {relative(when(task), now)}{error}")
        click.echo(line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}...", err=True)
    if number > len(first):
        click.echo(f"  and {number - len(first):,} more", err=True)


def _print_record(acted: Acted) -> None:
    print_json({"id": acted.task_id, "fate": str(acted.fate), "error": acted.why or None})
