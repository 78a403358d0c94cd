"""The page that tells how to use the dashboard tells the truth: its application runs, as it is printed there."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from running import WAIT_SECONDS, Site

from lilota.client import TaskClient

PAGE = Path(__file__).parents[3] / "docs/how-to/dashboard.md"
FILE = re.compile(r"^```python\n# file: (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the documentation is not here")


@pytest.fixture
def folder(tmp_path):
    """A new folder with what the page has a reader copy."""
    for name, program in FILE.findall(PAGE.read_text(encoding="utf-8")):
        (tmp_path / name).write_text(program, encoding="utf-8")
    return tmp_path


@pytest.fixture
def application(folder):
    """The application, started as the page says: where it is, its process, and the file with what it writes."""
    pytest.importorskip("fastapi")
    (command,) = re.findall(r"^\$ (uvicorn .*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LILOTA_")}
    log = folder / "log"
    with (
        log.open("w") as file,
        subprocess.Popen(
            [sys.executable, "-m", *command.split()],
            cwd=folder,
            env={**environment, "UVICORN_PORT": str(port)},
            stderr=file,
        ) as process,
    ):
        wait_until(lambda: "Uvicorn running on" in log.read_text() or process.poll() is not None)
        yield Site(port), log
        process.terminate()
        process.wait(WAIT_SECONDS)


def wait_until(condition):
    ends_at = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < ends_at
        time.sleep(0.05)


def test_the_application_of_the_page_shows_the_dashboard_to_whom_it_lets_in(application):
    """And to nobody else; its address without a slash leads there."""
    site, _ = application

    assert site.get("/lilota/", X_User="ann").status == 200
    assert site.get("/lilota", X_User="ann").status == 307
    assert [site.get("/lilota/", X_User=name).status for name in ("bob", "")] == [401, 401]
    assert site.get("/lilota/").status == 401


def test_who_changed_what_is_in_the_log_of_the_application(application, folder):
    """By the name that it gave."""
    site, log = application
    with TaskClient(f"sqlite:///{folder}/shop.db", accept_unknown_names=True) as client:
        waiting = client.add("endless")

        answer = site.post(f"/lilota/tasks/{waiting.id}/cancel", {"X-User": "ann"})

        assert answer.status == 303
        assert waiting.info().state == "cancelled"
    wait_until(lambda: "ann at 127.0.0.1: cancel task 1: 1 cancelled" in log.read_text())
