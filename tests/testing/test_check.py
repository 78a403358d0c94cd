"""`check_store` runs the suite on a URL, touches only an empty store, and leaves it empty."""

from __future__ import annotations

import os

import pytest
from broken_stores import BROKEN_STORES
from lilota_memory_store import MemoryTaskStore

from lilota.errors import ConfigurationError, UnknownStoreError
from lilota.models import NewTask
from lilota.stores import open_store
from lilota.testing.check import check_store
from lilota.testing.check_results import CheckStatus
from lilota.testing.check_run import run_contract


def test_a_store_that_keeps_the_contract_passes():
    """Every test has a result with its sentence; each skipped one says why, and each result is told as it comes."""
    told = []

    report = check_store("memory", told.append)

    assert report.ok
    assert report.failed == []
    assert len(report.passed) > 200
    assert all(result.sentence.endswith(".") for result in report.results)
    assert {result.reason for result in report.passed} == {""}
    reasons = ("one process", "takes no connection", "has no versions")
    assert all(any(text in result.reason for text in reasons) for result in report.skipped)
    assert told == list(report.results)


def test_a_store_that_breaks_the_contract_fails_with_the_reason(monkeypatch):
    """The reason shows the assertion that failed."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    broken = BROKEN_STORES["giving back spends the attempt"]

    (result,) = run_contract(lambda: broken(MemoryTaskStore()), tests=["test_a_given_back_attempt_is_not_spent"])

    assert result.status is CheckStatus.FAILED
    assert "store.get(claim.id).attempt == 0" in result.reason


def test_a_store_that_holds_tasks_is_refused_and_left_alone(tmp_path):
    """The check adds and deletes, so it keeps away from what somebody needs."""
    url = f"sqlite:///{tmp_path}/tasks.db"
    store = open_store(url)
    store.open()
    store.add([NewTask(name="precious")] * 2)

    with pytest.raises(ConfigurationError, match=r"is not empty \(tasks in it: 2\)"):
        check_store(url)

    assert [info.name for info in store.get_all_tasks()] == ["precious"] * 2
    store.close()


def test_an_unknown_store_is_refused_as_everywhere():
    """The error is that of `open_store`."""
    with pytest.raises(UnknownStoreError, match="nonsense"):
        check_store("nonsense://somewhere")


@pytest.mark.parametrize(
    ("fault", "limit_seconds", "told"),
    # The hang costs its whole limit. A test that is slow on a busy machine must not be taken for the crash.
    [("threading.Event().wait()", 10, "did not end within 10 s"), ("os._exit(7)", 900, "ended its process (7)")],
    ids=["hangs", "crashes"],
)
def test_a_store_that_hangs_or_crashes_ends_the_check_with_the_name_of_the_test(
    tmp_path, monkeypatch, fault, limit_seconds, told
):
    """The check goes down with nobody: it reports the test that was running, and that the others were not run."""
    install_store(tmp_path, monkeypatch, fault)

    report = check_store("treacherous", silence_limit_seconds=limit_seconds)

    assert not report.ok
    assert report.results[-1].name.startswith("test_")
    assert told in report.results[-1].reason
    shows_the_stack = "most recent call first" in report.results[-1].reason
    assert shows_the_stack is ("did not end" in told), "whoever has to find out why it hangs needs to know where"


def install_store(folder, monkeypatch, fault):
    """Install a distribution whose store does something terrible when it is asked for its log."""
    (folder / "treacherous.py").write_text(
        "import os, threading\n"
        "from lilota_memory_store import MemoryTaskStore\n"
        "class Store(MemoryTaskStore):\n"
        f"    def logs(self, *args): {fault}\n"
        "def make(url): return Store()\n"
    )
    metadata = folder / "treacherous-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: treacherous\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[lilota.stores]\ntreacherous = treacherous:make\n")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)


def test_a_missing_tool_is_named_with_the_remedy(monkeypatch):
    """Neither pytest nor Hypothesis comes with lilota."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)

    with pytest.raises(ConfigurationError, match="pip install pytest hypothesis"):
        check_store("memory")
