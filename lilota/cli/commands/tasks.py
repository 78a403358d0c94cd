"""`lilota tasks`: which tasks there are, what they take and give, and where they are."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import click
import msgspec
from rich.text import Text

from lilota.cli.completion import complete_task_name
from lilota.cli.options import json_option
from lilota.cli.records import print_json
from lilota.cli.screen import columns, console, fields, text
from lilota.cli.session import Session, pass_session
from lilota.errors import LilotaError
from lilota.models import JSONObject
from lilota.modules import NOT_USED
from lilota.plugins.records import TASKS
from lilota.tasks.describing import ParameterDetails, TaskDetails, default_options
from lilota.texts.safe import safe, safe_lines
from lilota.workers.starting import remedy_for
from lilota.workers.trial import Tried, look_into_modules, look_into_tasks

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

#: The options that are shown even of a task that leaves them as they are.
_USUAL: Final = ("queue", "priority", "max_attempts", "timeout_seconds")
_FREE: Final = "any JSON object; the task looks into it itself"


@click.command
@click.argument("name", required=False, shell_complete=complete_task_name)
@click.option("--schema", is_flag=True, help="Print the JSON Schema of the input and the output.")
@json_option("one JSON document")
@pass_session
def tasks(session: Session, *, name: str | None, schema: bool, as_json: bool) -> None:
    """List the tasks that can be run here, or show all about the task NAME.

    They are imported for that, in a process of its own; exit code 1 if one can't be.

    \b
    lilota tasks make_report
    lilota tasks make_report --schema
    """
    try:
        troubles = _look_into_modules(session)
        if not name or not session.registry.knows(name):
            _say(troubles, "red")
        names = [name] if name and session.registry.check(name) else session.registry.names()
        found = list(look_into_tasks(names, session.registry, [os.getcwd()]))
    except (OSError, EOFError) as error:
        raise LilotaError(f"No process can be started to import tasks: {error}. {remedy_for(error)}") from error
    if name and found[0].problem:
        raise LilotaError(found[0].problem)
    if schema:
        schemas = {tried.name: _schemas(tried.details) for tried in found if tried.details}
        print_json(schemas[name] if name else schemas, indent=2)
    elif as_json:
        documents = [_document(session, tried) for tried in found]
        print_json(documents[0] if name else documents, indent=2)
    elif name:
        _print_task(session, found[0])
    else:
        _print_list(session, found)
    problems = [tried.problem for tried in found if tried.problem]
    _say(problems, "red")
    _say([remark for tried in found for remark in tried.remarks], "yellow")
    if problems or (troubles and not name):
        raise click.exceptions.Exit(1)


def _look_into_modules(session: Session) -> list[str]:
    """Find what the modules of the settings declare, and return why some of it can't be used."""
    found = look_into_modules(session.registry, None, [os.getcwd()])
    source = session.settings.source_of("modules")
    return [*(NOT_USED % (tried.problem, source) for tried in found if tried.problem), *session.registry.conflicts()]


def _say(sentences: Sequence[str], colour: str) -> None:
    for sentence in sentences:
        click.echo(click.style(safe(sentence), fg=colour), err=True)


def _schemas(details: JSONObject) -> JSONObject:
    return {"input": details["input_schema"], "output": details["output_schema"]}


def _document(session: Session, tried: Tried) -> JSONObject:
    """Return all that is known but the schemas, which are long; of a task that can't be imported, why."""
    details = tried.details or dict.fromkeys(TaskDetails.__struct_fields__)
    known = {key: value for key, value in details.items() if key not in {"input_schema", "output_schema"}}
    distribution = _distribution(session, tried.name)
    return {
        "name": tried.name,
        **known,
        "distribution": distribution or None,
        "problem": tried.problem or None,
        "remarks": list(tried.remarks),
    }


def _distribution(session: Session, name: str) -> str:
    """Return which installed package brings a task, and in which version; "" if none does."""
    known = session.registry.check(name)
    if known in session.registry.references():
        return ""
    return next(
        f"{record.distribution} {record.version}"
        for record in session.plugins.records()
        if record.group == TASKS and record.name == known and record.state in {"loaded", "not loaded"}
    )


def _print_list(session: Session, found: Sequence[Tried]) -> None:
    screen = console()
    table = columns(screen, "NAME", "PACKAGE", "TAKES", "DOES")
    table.columns[2].ratio = table.columns[3].ratio  # both may be long: they share what names and packages leave
    for tried in found:
        details = None if tried.details is None else msgspec.convert(tried.details, TaskDetails)
        table.add_row(
            text(tried.name, "bold" if details else "bold red"),
            text(_distribution(session, tried.name), "dim"),
            text(_taken(details) if details else "?"),
            text(details.docstring.partition("\n")[0] if details else "can't be imported", "" if details else "red"),
        )
    screen.print(table)


def _taken(details: TaskDetails) -> str:
    """Say in short what a task takes: its keys as in a call."""
    if details.parameters is None:
        return "an object"
    named = [each.name if each.is_required else f"{each.name}={_default(each)}" for each in details.parameters]
    return ", ".join([*named, "..."] if details.takes_more else named)


def _print_task(session: Session, tried: Tried) -> None:
    screen, details = console(), msgspec.convert(tried.details, TaskDetails)
    screen.print(Text(safe(tried.name), style="bold"))
    grid = fields()
    for label, value in _facts(session, tried.name, details):
        grid.add_row(label, Text(safe(value)))
    screen.print(grid)
    if details.docstring:
        screen.print()
        for line in safe_lines(details.docstring):
            screen.print(Text(line), soft_wrap=True)
    if details.parameters:
        screen.print()
        screen.print(_table(screen, details.parameters))


def _facts(session: Session, name: str, details: TaskDetails) -> Iterator[tuple[str, str]]:
    """Give the labels and values of what is short; options that are as usual are left out, but for some."""
    yield "source", details.reference
    if details.file:
        yield "file", f"{details.file}:{details.line}"
    if distribution := _distribution(session, name):
        yield "package", distribution
    if not details.parameters:
        yield "takes", _FREE if details.parameters is None else "nothing"
    elif details.takes_more:
        yield "takes", "the keys below, and others"
    if details.returns:
        yield "gives", details.returns
    usual = default_options()
    for option, value in details.options.items():
        if option in _USUAL or value != usual[option]:
            yield option, "none" if value is None else value if isinstance(value, str) else json.dumps(value)


def _table(screen: Console, parameters: Sequence[ParameterDetails]) -> Table:
    table = columns(screen, "KEY", "TYPE", "DEFAULT", "", wrap=True)
    for each in parameters:
        default = "" if each.is_required else _default(each)
        table.add_row(text(each.name, "bold"), text(each.type, "cyan"), text(default), safe(each.description))
    return table


def _default(parameter: ParameterDetails) -> str:
    if parameter.is_secret:
        return "***"
    return json.dumps(parameter.default, ensure_ascii=False)
