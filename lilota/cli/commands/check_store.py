"""`lilota check-store`: test a store against the contract, for somebody who has not written a test."""

from __future__ import annotations

from typing import Final

import click
import msgspec

from lilota.cli.options import json_option
from lilota.cli.records import print_json
from lilota.testing.check import CheckReport, CheckResult, CheckStatus
from lilota.testing.check import check_store as run_check
from lilota.testing.check_results import symbol
from lilota.texts.safe import safe, safe_lines
from lilota.texts.secrets import mask_secrets
from lilota.texts.words import count, duration

_COLOURS: Final = {CheckStatus.PASSED: "green", CheckStatus.FAILED: "red", CheckStatus.SKIPPED: "yellow"}


@click.command("check-store")
@click.argument("url")
@click.option("--verbose", "-v", is_flag=True, help="Show what is kept, too, not only what is not.")
@json_option("one JSON document")
def check_store(url: str, *, verbose: bool, as_json: bool) -> None:
    """Test the store URL against all sentences of the contract, and exit with 1 if it does not keep one.

    The store must be empty, and nobody else may use it meanwhile.
    """
    click.echo("Testing; this may take a minute or two.", err=True)
    if as_json:
        report = run_check(url)
        print_json(mask_secrets({"ok": report.ok, **msgspec.to_builtins(report)}), indent=2)
    else:
        report = run_check(url, on_result=_print_sentence if verbose else _print_sign)
        _print_report(report)
    if not report.ok:
        raise click.exceptions.Exit(1)


def _print_sign(result: CheckResult) -> None:
    """Show that it goes on: one sign per test."""
    click.secho(symbol(result.status), fg=_COLOURS[result.status], nl=False)


def _print_sentence(result: CheckResult) -> None:
    status = click.style(f"{result.status:<7}", fg=_COLOURS[result.status])
    click.echo(f"{status} {duration(result.seconds):>8}  {safe(result.sentence or result.name)}")


def _print_report(report: CheckReport) -> None:
    """Tell what is not kept, and the sum."""
    click.echo()
    for result in report.failed:
        click.secho(f"\nNot kept: {safe(result.sentence or result.name)}", fg="red")
        click.echo(f"  test {safe(result.name)}")
        for line in safe_lines(result.reason):
            click.echo(f"  {line}")
    skipped = f", {len(report.skipped)} not applicable" if report.skipped else ""
    verdict = f"{safe(report.store)}: {len(report.passed)} of {count(len(report.results), 'test')} passed{skipped}."
    click.secho(f"\n{verdict}", fg="green" if report.ok else "red")
