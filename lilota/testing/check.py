"""Check a store by its URL against the contract, without writing a test: what `lilota check-store` does."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import IO, Final

import msgspec

from lilota.errors import ConfigurationError, StoreError
from lilota.stores import open_store, redacted
from lilota.testing.check_results import CheckReport, CheckResult, CheckStatus

__all__ = ["CheckReport", "CheckResult", "CheckStatus", "check_store"]

#: The URL reaches the process through the environment, because it may hold a password and arguments are for all to see.
URL_VARIABLE: Final = "LILOTA_CHECK_STORE"
#: What the process tells, in a line of JSON each: a test began (without a result), or it has ended.
Event = tuple[str, CheckResult | None]
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
    results: list[CheckResult] = []

    def take(result: CheckResult) -> None:
        results.append(result)
        if on_result:
            on_result(result)

    _check_tools()
    _check_empty(url)
    _run_child(url, take, silence_limit_seconds)
    return CheckReport(store=redacted(url), results=tuple(results))


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


def _run_child(url: str, take: Callable[[CheckResult], None], silence_limit_seconds: float) -> None:
    """Run the suite in a process of its own: a store that crashes or hangs takes nobody along."""
    with tempfile.TemporaryFile() as errors, _start(url, silence_limit_seconds, errors) as child:
        try:
            unfinished = _listen(child, take)
        except BaseException:
            child.kill()
            raise
        child.wait()
        errors.seek(0)
        last_words = errors.read()[-30_000:].decode(errors="replace").strip()
    if unfinished is not None:
        # It sends itself this signal when its time is up.
        hung = child.returncode == -signal.SIGALRM
        what = f"did not end within {silence_limit_seconds:g} s" if hung else f"ended its process ({child.returncode})"
        reason = f"This test {what}; the tests after it were not run, and the store may not be empty.\n{last_words}"
        take(CheckResult(name=unfinished, status=CheckStatus.FAILED, reason=reason.strip()))
    elif child.returncode:
        raise StoreError(f"The check of {redacted(url)!r} could not run (exit code {child.returncode}): {last_words}")


def _start(url: str, silence_limit_seconds: float, errors: IO[bytes]) -> subprocess.Popen[bytes]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    environment |= {URL_VARIABLE: url, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    # -P: a file in the current folder must not stand in for a module.
    command = [sys.executable, "-P", "-m", "lilota.testing.check_run", str(silence_limit_seconds)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors)  # noqa: S603 - our own


def _listen(child: subprocess.Popen[bytes], take: Callable[[CheckResult], None]) -> str | None:
    """Take the results, and return which test began and did not end."""
    unfinished: str | None = None
    assert child.stdout is not None
    for line in child.stdout:
        name, result = msgspec.json.decode(line, type=Event)
        unfinished = name if result is None else None
        if result is not None:
            take(result)
    return unfinished
