"""Run the conformance suite with pytest in this process, and hand over each result as it comes.

`python -m lilota.testing.check_run SECONDS` runs it for `check_store`, which puts the URL into the environment.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from lilota.contract import TaskStore
from lilota.stores import open_store
from lilota.testing.check import URL_VARIABLE, Event
from lilota.testing.check_results import CheckResult, CheckStatus
from lilota.testing.contract import StoreContract
from lilota.testing.contract.harness import empty_store

#: Is called with the name of a test when it starts (and None), and when it has ended (and its result).
Listener = Callable[[str, CheckResult | None], None]


class TestStore(StoreContract):
    """The whole contract, on whatever store is being checked; pytest finds it in this file."""


def run_contract(
    make_store: Callable[[], TaskStore], listener: Listener = lambda _name, _result: None, tests: Sequence[str] = ()
) -> list[CheckResult]:
    """Run the suite, or only the tests of the given names, and return the results.

    Args:
        make_store: gives the store for a test: a new one, or the same one each time; it is emptied after the test.

    Raises:
        RuntimeError: pytest could not run the tests.
    """
    # Not the settings, plugins and conftest files of the folder where somebody happens to be.
    options = ["-c", os.devnull, f"--rootdir={Path(__file__).parent}", "--noconftest"]
    quiet = ["-p", "no:cacheprovider", "-p", "no:terminal", "-p", "no:faulthandler", "-p", "no:unraisableexception"]
    targets = [f"{__file__}::TestStore::{name}" for name in tests] or [__file__]
    recorder = _Recorder(make_store, listener)
    code = pytest.main([*options, *quiet, *targets], plugins=[recorder])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise RuntimeError(f"pytest could not run the suite: {code!r} {' '.join(recorder.problems)}")
    return recorder.results


class _Recorder:
    """The pytest plugin that supplies the store and collects the results."""

    def __init__(self, make_store: Callable[[], TaskStore], listener: Listener) -> None:
        self._make_store = make_store
        self._listener = listener
        self._sentences: dict[str, str] = {}
        self._reports: list[pytest.TestReport] = []
        self.results: list[CheckResult] = []
        self.problems: list[str] = []

    @pytest.fixture
    def store(self) -> Iterator[TaskStore]:
        """The store under test."""
        store = self._make_store()
        store.open()
        yield store
        empty_store(store)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            doc = getattr(getattr(item, "function", None), "__doc__", None) or ""
            self._sentences[item.nodeid] = doc.strip().partition("\n")[0]

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.problems.append(str(report.longrepr))

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._reports = []
        self._listener(_name_of(nodeid), None)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._reports.append(report)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        # Preparation, the test itself and what comes after count as one: a store that can't be emptied has failed.
        telling = next((each for each in self._reports if each.failed), None)
        telling = telling or next((each for each in self._reports if each.skipped), self._reports[0])
        result = CheckResult(
            name=_name_of(nodeid),
            status=CheckStatus(telling.outcome),
            sentence=self._sentences.get(nodeid, ""),
            reason=_reason(telling),
            seconds=sum(each.duration for each in self._reports),
        )
        self.results.append(result)
        self._listener(result.name, result)


def _name_of(nodeid: str) -> str:
    return nodeid.partition("::TestStore::")[2]


def _reason(report: pytest.TestReport) -> str:
    if report.skipped and isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    return "" if report.passed else report.longreprtext


def _main(silence_limit_seconds: float) -> None:
    """Check the store that the environment names, and write an `Event` per line."""
    store = open_store(os.environ.pop(URL_VARIABLE))
    # pytest takes standard output and standard errors for itself while a test runs.
    with os.fdopen(os.dup(1), "wb", buffering=0) as output, os.fdopen(os.dup(2), "wb") as errors:
        # A test that is silent for too long ends this process, even from within C; the stacks say where it hangs.
        faulthandler.register(signal.SIGALRM, file=errors, chain=True)

        def tell(name: str, result: CheckResult | None) -> None:
            signal.setitimer(signal.ITIMER_REAL, silence_limit_seconds)
            event: Event = name, result
            output.write(msgspec.json.encode(event) + b"\n")

        run_contract(lambda: store, tell)
        signal.setitimer(signal.ITIMER_REAL, 0)
    store.close()


if __name__ == "__main__":
    _main(float(sys.argv[1]))
