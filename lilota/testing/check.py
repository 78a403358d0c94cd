"""Check a store by its URL against the contract, without writing a test: what `lilota check-store` does."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from typing import IO, Final

import msgspec

from lilota.errors import ConfigurationError, StoreError
from lilota.stores import open_store, redacted
from lilota.testing.check_results import CheckReport, CheckResult, CheckStatus

__all__ = ["CheckReport", "CheckResult", "CheckStatus", "check_store"]

#: How long the process may take to come up and collect the tests.
START_LIMIT_SECONDS: Final = 120.0
#: A test that takes longer hangs. The longest, Hypothesis's game, takes minutes on a slow connection.
SILENCE_LIMIT_SECONDS: Final = 900.0


def check_store(
    url: str,
    on_result: Callable[[CheckResult], None] | None = None,
    *,
    silence_limit_seconds: float = SILENCE_LIMIT_SECONDS,
) -> CheckReport:
    """Run the conformance suite on a store, and leave it as empty as it was.

    The store must be empty, and nobody else may use it meanwhile: the tests add, claim and delete whatever is there.

    Args:
        url: the entry-point name or URL of the store.
        on_result: is called with each result as soon as it is known.
        silence_limit_seconds: how long one test may take before the check gives up.

    Raises:
        ConfigurationError: the store is not empty, or pytest or Hypothesis is not installed.
        StoreError: the store can't be opened, or the check itself could not run.
    """
    _check_tools()
    _check_empty(url)
    return CheckReport(store=redacted(url), results=tuple(_run_child(url, on_result, silence_limit_seconds)))


def _check_tools() -> None:
    missing = [name for name in ("pytest", "hypothesis") if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            f"Checking a store needs {' and '.join(missing)}. Install it with: pip install {' '.join(missing)}"
        )


def _check_empty(url: str) -> None:
    store = open_store(url)
    store.open()
    try:
        stored = sum(row.count for row in store.counts())
    finally:
        store.close()
    if stored:
        raise ConfigurationError(
            f"The store {redacted(url)!r} is not empty (tasks in it: {stored:,}). The check adds and deletes tasks, so "
            "it only touches an empty store: name another one, for example a new file or database."
        )


def _run_child(
    url: str, on_result: Callable[[CheckResult], None] | None, silence_limit_seconds: float
) -> list[CheckResult]:
    from lilota.testing.check_child import URL_VARIABLE

    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    environment |= {URL_VARIABLE: url, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    # -P: a file in the current folder must not stand in for a module.
    command = [sys.executable, "-P", "-m", "lilota.testing.check_child"]
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors) as child,  # noqa: S603 - our own interpreter and module
    ):
        assert child.stdout is not None
        try:
            results, unfinished, timed_out = _read_events(child, child.stdout, on_result, silence_limit_seconds)
        except BaseException:
            child.kill()
            raise
        child.wait()
        if unfinished is not None:
            results.append(_explain_the_end(child, unfinished, timed_out, silence_limit_seconds))
            if on_result:
                on_result(results[-1])
        elif child.returncode or not results:
            errors.seek(0)
            tail = errors.read()[-4000:].decode(errors="replace").strip()
            raise StoreError(f"The check of {redacted(url)!r} could not run (exit code {child.returncode}): {tail}")
    return results


def _read_events(
    child: subprocess.Popen[bytes],
    output: IO[bytes],
    on_result: Callable[[CheckResult], None] | None,
    silence_limit_seconds: float,
) -> tuple[list[CheckResult], str | None, bool]:
    """Return the results, the name of the test that began and did not end, and whether it was killed for that."""
    from lilota.testing.check_child import CheckEvent

    results: list[CheckResult] = []
    unfinished: str | None = None
    timed_out = threading.Event()

    def give_up() -> None:
        timed_out.set()
        child.kill()

    timer = threading.Timer(START_LIMIT_SECONDS, give_up)
    timer.start()
    for line in output:
        timer.cancel()
        event = msgspec.json.decode(line, type=CheckEvent)
        unfinished = event.name if event.result is None else None
        if event.result is not None:
            results.append(event.result)
            if on_result:
                on_result(event.result)
        timer = threading.Timer(silence_limit_seconds, give_up)
        timer.start()
    timer.cancel()
    return results, unfinished, timed_out.is_set()


def _explain_the_end(
    child: subprocess.Popen[bytes], unfinished: str, timed_out: bool, silence_limit_seconds: float
) -> CheckResult:
    what = f"did not end within {silence_limit_seconds:g} s" if timed_out else f"ended its process ({child.returncode})"
    reason = f"This test {what}; the tests after it were not run, and the store may not be empty."
    return CheckResult(name=unfinished, status=CheckStatus.FAILED, reason=reason)
