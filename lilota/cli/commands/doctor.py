"""`lilota doctor`: check that everything is in order, and say the remedy where it is not."""

from __future__ import annotations

import shutil
import textwrap
from typing import Final

import click

from lilota.cli.options import json_option, store_option
from lilota.cli.output import echo, stdout
from lilota.cli.records import print_json
from lilota.cli.session import Session, pass_session
from lilota.diagnosis import Finding, examine
from lilota.plugins.records import shown_otherwise
from lilota.texts.safe import safe
from lilota.texts.words import count

_SIGNS: Final = {"ok": ("✔", "+", "green"), "warning": ("!", "!", "yellow"), "problem": ("✘", "x", "red")}


@click.command
@json_option("one JSON document")
@click.option("--repair", is_flag=True, help="Mend what does not fit in the data of the store.")
@store_option
@pass_session
def doctor(session: Session, as_json: bool, repair: bool) -> None:
    """Check Python, plugins and the store, and exit with 1 if there is a problem."""
    findings: list[Finding] = []
    with shown_otherwise():
        for finding in examine(load=session.load_settings, repair=repair, commands=session.commands):
            findings.append(finding)
            if not as_json:
                echo(_line(finding))
    problems = sum(finding.status == "problem" for finding in findings)
    if as_json:
        rows = [finding._asdict() for finding in findings]
        print_json({"ok": not problems, "findings": rows}, indent=2)
    else:
        echo(f"\n{_verdict(problems, sum(finding.status == 'warning' for finding in findings))}")
    if problems:
        raise click.exceptions.Exit(1)


def _line(finding: Finding) -> str:
    sign, plain_sign, colour = _SIGNS[finding.status]
    unicode = (stdout().encoding or "").lower().startswith("utf")
    first, *rest = textwrap.wrap(safe(finding.text), _text_width(), break_long_words=False) or [""]
    head = f"{click.style(sign if unicode else plain_sign, fg=colour)} {finding.check:<10} {first}"
    return "\n".join([head, *(f"{'':13}{line}" for line in rest)])


def _text_width() -> int:
    """Return the room beside the first two columns; without a terminal a finding stays on one line."""
    return max(40, shutil.get_terminal_size().columns - 14) if stdout().isatty() else 100_000


def _verdict(problems: int, warnings: int) -> str:
    if problems:
        return click.style(f"{count(problems, 'problem')} to solve.", fg="red")
    if warnings:
        return f"Works, with {count(warnings, 'warning')}."
    return click.style("Everything is in order.", fg="green")
