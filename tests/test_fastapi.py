"""The web applications of the how-to for FastAPI, as they are printed there, in a real server."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from programs import Program
from running import until

from lilota.client import TaskClient
from lilota.models import TaskState

pytest.importorskip("fastapi", reason="FastAPI is not installed")
pytest.importorskip("uvicorn", reason="uvicorn is not installed")

PAGE = Path(__file__).parent.parent / "docs/how-to/use-with-fastapi.md"
TEXT = PAGE.read_text(encoding="utf-8")
FILES = dict(re.findall(r"^```\w+\n# file: (\S+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL))
#: Runs a module as `python -m` does.
RUN = "import runpy, sys; runpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=True)"

Serve = Callable[..., Program]


@pytest.fixture
def start(tmp_path) -> Iterator[Serve]:
    """Start a Python module beside the files of the page."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    programs = []

    def started(*arguments: str) -> Program:
        programs.append(Program(tmp_path, RUN, arguments=arguments, as_text=True))
        return programs[-1]

    yield started
    for program in programs:
        program.kill_all()


class Visitor:
    """Somebody who asks an application over HTTP."""

    def __init__(self, server: Program) -> None:
        server.wait_for("Uvicorn running on ")
        self._url = re.search(r"running on (\S+)", server.output)[1]

    def ask(self, path: str, method: str = "GET", body: object = None) -> tuple[int, object]:
        """Return the status and the answer."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(self._url + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urlopen(request, timeout=60) as response:
                return response.status, json.load(response)
        except HTTPError as error:
            with error:
                return error.code, json.load(error)

    def wait_for_state(self, path: str, state: str) -> dict[str, object]:
        """Ask until a task is in a state, and return what is said of it then."""
        return until(lambda: self.ask(path)[1], lambda task: task["state"] == state)


def test_the_application_is_short():
    """Add, status, log, cancel and an orderly shutdown take at most thirty lines."""
    lines = [line for line in FILES["app.py"].splitlines() if line.strip()]

    assert len(lines) <= 30


def test_an_application_runs_its_own_tasks(start, tmp_path):
    """Each path of it answers as the page says, also to ids that are none, and the stop leaves nothing undone."""
    server = start("uvicorn", "app:app", "--port", "0")
    visitor = Visitor(server)

    code, added = visitor.ask("/reports", "POST", {"seconds": 0, "token": "hunter2"})
    done = visitor.wait_for_state("/reports/1", "succeeded")
    _, log = visitor.ask("/reports/1/log")
    visitor.ask("/reports", "POST", {"seconds": 600})
    visitor.wait_for_state("/reports/2", "running")
    cancelled = visitor.ask("/reports/2", "DELETE")
    visitor.wait_for_state("/reports/2", "cancelled")
    strange = {path: visitor.ask(f"/reports/{path}")[0] for path in ("77", "-1", "9" * 30, "abc", "17.5", "1/2")}
    visitor.ask("/reports", "POST", {"seconds": 2})
    visitor.wait_for_state("/reports/3", "running")
    server.interrupt()
    server.wait()

    assert (code, added["id"], added["input"]["token"]) == (202, 1, "***")
    assert (done["output"], done["error"], done["progress_percentage"]) == ({"file": "report.pdf"}, None, 100)
    assert [line["text"] for line in log][:2] == ["month 1", "month 2"]
    assert cancelled == (200, "running")
    assert strange == {"77": 404, "-1": 404, "9" * 30: 404, "abc": 422, "17.5": 422, "1/2": 404}
    assert "Application shutdown complete." in server.output
    assert server.left_alive() == {}
    with TaskClient(f"sqlite:///{tmp_path}/lilota.db") as client:
        assert client.get(3).info().state is TaskState.SUCCEEDED


def test_an_application_with_a_worker_beside_it(start):
    """Application and worker find the task in the configuration, and each other in the store."""
    server = start("uvicorn", "web:app", "--port", "0")
    visitor = Visitor(server)
    code, added = visitor.ask("/reports", "POST", {"seconds": 0})
    unknown, said = visitor.ask("/reports/77")

    start("lilota", "worker", "--processes", "1")
    done = visitor.wait_for_state("/reports/1", "succeeded")

    assert (code, added["state"]) == (202, "pending")
    assert (unknown, said["detail"].startswith("The task with the id '77' does not exist")) == (404, True)
    assert done["output"] == {"file": "report.pdf"}
