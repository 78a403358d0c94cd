"""What the tests share: receivers, settings that allow them, and runners with this plugin.

`helpers` is on the import path, also of workers.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

HELPERS = str(Path(__file__).parent / "helpers")

if HELPERS not in sys.path:
    sys.path.insert(0, HELPERS)

KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLD_KEY = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
EVENT = {
    "id": "lilota-17-1",
    "type": "task.failed",
    "timestamp": "2026-01-02T03:04:05+00:00",
    "data": {
        "id": 17,
        "name": "make_report",
        "state": "failed",
        "finished_at": "2026-01-02T03:04:05+00:00",
        "error": {"type": "ValueError", "message": "no March"},
    },
}


@pytest.fixture(autouse=True)
def _nobody_is_told(monkeypatch):
    """The environment of the tests allows nothing."""
    monkeypatch.delenv("LILOTA_NOTIFY", raising=False)


@pytest.fixture
def key():
    return KEY


@pytest.fixture
def old_key():
    return OLD_KEY


@pytest.fixture
def event():
    return EVENT


@pytest.fixture
def receiver():
    """A receiver of webhooks on loopback."""
    from receivers import Receiver

    with Receiver() as running:
        yield running


@pytest.fixture
def mailbox():
    from receivers import Mailbox

    return Mailbox()


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """Return what writes the settings, a TOML text, where this process and its workers find them."""
    path = tmp_path / "notify.toml"

    def write(text):
        path.write_text(text, encoding="utf-8")
        monkeypatch.setenv("LILOTA_NOTIFY", str(path))

    return write


@pytest.fixture
def allow(settings):
    """Return what allows webhooks to ports of loopback; more lines of settings may follow or come first."""

    def write(*ports, host="127.0.0.1", http=True, first="", more=""):
        settings(
            f"{first}\n[webhooks.'{host}']\nkeys = ['{KEY}', '{OLD_KEY}']\nports = {list(ports)}\n"
            f"http = {str(http).lower()}\nnetworks = ['127.0.0.1/32']\n{more}\n"
        )

    return write


@pytest.fixture
def make_runner(tmp_path):
    """Return what makes a runner that is started; it is stopped after the test. Deliveries do not wait for long."""
    from told_tasks import double, fail, fail_once, quick_post, wait_for_file

    from lilota.config import Settings
    from lilota.runner import TaskRunner

    runners = []

    def make(store=None, processes=1, **options):
        allowed = Settings(plugins_allowed=("lilota-notify", "lilota-sqlite-store"))
        runner = TaskRunner(store or f"sqlite:///{tmp_path}/tasks.db", processes, settings=allowed, **options)
        for each in (double, fail, fail_once, wait_for_file):
            runner.register(each)
        runner.register("lilota_notify.post", quick_post)
        runners.append(runner)
        runner.start()
        return runner

    yield make
    for runner in runners:
        if runner.runner_id is not None:
            runner.stop(timeout_seconds=0)
