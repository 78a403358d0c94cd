"""A megabyte of whatever is worst: nothing that shows or reads a text takes longer than in proportion to it.

With a step for each pair of characters, one of these would take hours; with one for each three of them, centuries.
"""

from __future__ import annotations

import io
import logging
from contextlib import suppress

import click
import pytest
from cli_calls import add_task, call, end_task, start_task

from lilota.cli.commands.doctor import _line
from lilota.cli.failures import report
from lilota.cli.inputs import read_input
from lilota.cli.options import INSTANT, TASK_ID, TASK_REFERENCE
from lilota.cli.screen import console, text
from lilota.config import load_settings
from lilota.diagnosis import Finding
from lilota.errors import LilotaError, did_you_mean
from lilota.models import LogLine, TaskError, TaskState
from lilota.plugins.records import normalized
from lilota.stores import open_store
from lilota.texts.safe import escape, safe, safe_lines
from lilota.texts.secrets import mask_secrets, mask_text, redacted
from lilota.texts.stderr_logs import ReadableFormatter, ShortFormatter
from lilota.texts.words import parse_duration

pytestmark = pytest.mark.slow

SIZE = 1_000_000
#: What the patterns for secrets begin with, repeat, and end with.
ALL = (
    *(
        "a",
        "1",
        " ",
        "-",
        "_",
        ".",
        "@",
        "?",
        "=",
        ":",
        "/",
        '"',
        "'",
        "\\",
        "]",
        "a=",
        "a ",
        "a:b@ ",
        '"a":',
        "x://:@\n",
    ),
    *("://", "a://", "://a:", "a://b:c ", "?token", "&pass=", "?apikey[", "password=", "password='", "password=\"' "),
    *("pwd='\\", "api_key ", "bearer ", "bearer a", "authorization:", "authorization: a ", "eyJ", "eyJ.", "eyJa.a."),
)
#: What a function reads besides that.
SOME = ("\x1b", "\n", "1 ", "1s", "-a", "a.", '{"a":', "[", "password=' ")


def _record(value: str) -> logging.LogRecord:
    return logging.LogRecord(value[:9], logging.INFO, "file", 1, "%s", (value,), None)


FUNCTIONS = {
    "safe": safe,
    "safe_lines": safe_lines,
    "escape": escape,
    "mask_secrets": lambda value: mask_secrets([{value: value}]),
    "redacted": redacted,
    "log lines": lambda value: ReadableFormatter().format(_record(value)),
    "short log lines": lambda value: ShortFormatter().format(_record(value)),
    "parse_duration": parse_duration,
    "did_you_mean": lambda value: did_you_mean(value, [f"{value}b"]),
    "an instant": lambda value: INSTANT.convert(value, None, None),
    "a task id": lambda value: TASK_ID.convert(value, None, None),
    "a task reference": lambda value: TASK_REFERENCE.convert(f"a={value}", None, None),
    "an input": lambda value: read_input(value, [f"a={value}"]),
    "a cell of a table": lambda value: console().print(text(value)),
    "a finding": lambda value: _line(Finding("ok", "store", value)),
    "an error": lambda value: report(LilotaError(value)),
    "the name of a distribution": normalized,
    "the address of a store": lambda value: open_store(f"memory:{value}"),
    "a configured task": lambda value: load_settings(tasks={"a": value}),
}


def megabyte(unit: str) -> str:
    return unit * (SIZE // len(unit))


def test_secrets_are_looked_for_in_time():
    """Each pattern meets what it begins with, but never what it is looking for; and the other way round."""
    for unit in ALL:
        assert mask_text(f"token {megabyte(unit)}").startswith("token")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_megabyte_is_read_or_refused_in_time(name, monkeypatch):
    """Every function that shows what others wrote, or reads what somebody typed, ends with a result or an error."""
    monkeypatch.setattr("sys.stderr", io.StringIO())
    monkeypatch.setattr("sys.stdout", io.StringIO())
    for unit in SOME:
        with suppress(LilotaError, ValueError, click.UsageError):
            FUNCTIONS[name](megabyte(unit))


@pytest.mark.parametrize("unit", ["a://b:", "?token", "-a"])
def test_commands_show_a_task_that_is_full_of_the_worst(unit, tmp_path, monkeypatch):
    """`list`, `show`, `logs` and `watch` end, whatever a task holds and says."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LILOTA_STORE", "sqlite:///tasks.db")
    worst = megabyte(unit)
    store = open_store("sqlite:///tasks.db")
    store.open()
    started = start_task(
        store, description=worst, input_json='{"a": "' + worst + '"}', lines=(LogLine(at=1.0, text=worst),)
    )
    end_task(
        store,
        started,
        TaskState.FAILED,
        output='{"a": "' + worst + '"}',
        error=TaskError(type="E", message=worst, traceback=worst),
    )
    add_task(store)
    store.close()

    for command in (
        ["list"],
        ["list", "--json"],
        ["show", "1"],
        ["show", "1", "--json"],
        ["logs", "1"],
        ["watch", "1"],
    ):
        assert call(*command).exit_code in {0, 1}, command
