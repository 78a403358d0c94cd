"""The web applications of the how-tos, as they are printed there, in a real server."""

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

HOW_TO = Path(__file__).parent.parent / "docs/how-to"
FILE = re.compile(r"^```\w+\n# file: (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
#: Runs a module as `python -m` does.
RUN = "import runpy, sys; runpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=True)"

Serve = Callable[..., Program]


@pytest.fixture
def page(request, tmp_path) -> Path:
    """Write the files of a page, named by its framework, and return where they are."""
    pytest.importorskip(request.param, reason=f"{request.param} is not installed")
    text = (HOW_TO / f"use-with-{request.param}.md").read_text(encoding="utf-8")
    for name, content in FILE.findall(text):
        (tmp_path / name).write_text(content, encoding="utf-8")
    return tmp_path


@pytest.fixture
def start(page) -> Iterator[Serve]:
    """Start a Python module beside the files of the page."""
    programs = []

    def started(*arguments: str) -> Program:
        programs.append(Program(page, RUN, arguments=arguments, as_text=True))
        return programs[-1]

    yield started
    for program in programs:
        program.kill_all()


class Visitor:
    """Somebody who asks an application over HTTP."""

    def __init__(self, server: Program) -> None:
        server.wait_for("unning on http")
        self._url = re.search(r"unning on (\S+)", server.output)[1]

    def ask(self, path: str, method: str = "GET", body: object = None, user: str = "") -> tuple[int, object]:
        """Return the status and the answer."""
        try:
            with urlopen(self._request(path, method, body, user), timeout=60) as response:
                return response.status, json.load(response)
        except HTTPError as error:
            with error:
                return error.code, json.load(error)

    def status(self, path: str, body: object = None, user: str = "") -> int:
        """Return the status alone, where the answer may be a page."""
        try:
            with urlopen(self._request(path, None, body, user), timeout=60) as response:
                return response.status
        except HTTPError as error:
            with error:
                return error.code

    def _request(self, path: str, method: str | None, body: object, user: str) -> Request:
        data = None if body is None else json.dumps(body).encode()
        return Request(self._url + path, data, {"Content-Type": "application/json", "X-User": user}, method=method)

    def wait_for_state(self, path: str, state: str) -> dict[str, object]:
        """Ask until a task is in a state, and return what is said of it then."""
        return until(lambda: self.ask(path)[1], lambda task: task["state"] == state)


@pytest.mark.parametrize("page", ["fastapi"], indirect=True)
def test_the_application_is_short(page):
    """Add, status, log, cancel and an orderly shutdown take at most thirty lines."""
    lines = [line for line in (page / "app.py").read_text(encoding="utf-8").splitlines() if line.strip()]

    assert len(lines) <= 30


@pytest.mark.parametrize("page", ["fastapi"], indirect=True)
def test_an_application_runs_its_own_tasks(start, tmp_path):
    """Each path of it answers as the page says, also to ids that are none, and the stop leaves nothing undone."""
    server = start("uvicorn", "app:app", "--port", "0")
    visitor = Visitor(server)

    code, added = visitor.ask("/reports", "POST", {"seconds": 0})
    done = visitor.wait_for_state("/reports/1", "succeeded")
    _, log = visitor.ask("/reports/1/log")
    visitor.ask("/reports", "POST", {"seconds": 600})
    visitor.wait_for_state("/reports/2", "running")
    cancelled = visitor.ask("/reports/2", "DELETE")
    visitor.wait_for_state("/reports/2", "cancelled")
    strange = {path: visitor.ask(f"/reports/{path}")[0] for path in ("77", "-1", "9" * 30, "abc", "17.5", "1/2")}
    wrong = [visitor.ask("/reports", "POST", body) for body in ({"seconds": float("nan")}, {"secs": 1}, [1])]
    visitor.ask("/reports", "POST", {"seconds": 2})
    until(lambda: visitor.ask("/reports/3")[1], lambda task: task["state"] != "pending")
    server.interrupt()
    server.wait()

    assert (code, added["id"], added["input"]) == (202, 1, {"seconds": 0.0})
    assert (done["output"], done["error"], done["progress_percentage"]) == ({"file": "report.pdf"}, None, 100)
    assert [line["text"] for line in log][:2] == ["month 1", "month 2"]
    assert cancelled == (200, "running")
    assert strange == {"77": 404, "-1": 404, "9" * 30: 404, "abc": 422, "17.5": 422, "1/2": 404}
    assert [code for code, _ in wrong] == [422, 422, 422]
    assert wrong[0][1]["detail"].endswith("JSON has no number nan. Take None instead, annotated `float | None`.")
    assert wrong[1][1]["detail"].endswith("it has no parameter 'secs'. Did you mean 'seconds'? It takes 'seconds'.")
    assert "Application shutdown complete." in server.output
    assert server.left_alive() == {}
    with TaskClient(f"sqlite:///{tmp_path}/lilota.db") as client:
        assert client.get(3).info().state is TaskState.SUCCEEDED


@pytest.mark.parametrize("page", ["fastapi"], indirect=True)
def test_an_application_with_a_worker_beside_it(start):
    """Application and worker find the task in the configuration, and each other in the store."""
    server = start("uvicorn", "web:app", "--port", "0")
    visitor = Visitor(server)
    code, added = visitor.ask("/reports", "POST", {"seconds": 0})
    unknown, said = visitor.ask("/reports/77")

    start("lilota", "worker", "--processes", "1")
    done = visitor.wait_for_state("/reports/1", "succeeded")
    wrong, _ = visitor.ask("/reports", "POST", {"seconds": float("nan")})

    assert wrong == 422
    assert (code, added["state"]) == (202, "pending")
    assert (unknown, said["detail"].startswith("The task with the id '77' does not exist")) == (404, True)
    assert done["output"] == {"file": "report.pdf"}


@pytest.mark.parametrize("page", ["flask"], indirect=True)
def test_a_flask_application_with_a_worker_beside_it(start):
    """Each path of it answers as the page says, also to ids that are none."""
    server = start("flask", "run", "--port", "0")
    visitor = Visitor(server)
    code, added = visitor.ask("/photos", "POST", {"photo": "sea.jpg"})
    visitor.ask("/photos", "POST", {"photo": "hill.jpg"})
    cancelled = visitor.ask("/photos/2/cancel", "POST")
    strange = {path: visitor.status(f"/photos/{path}") for path in ("77", "-1", "9" * 30, "abc", "17.5", "77/log")}
    wrong = [
        visitor.status("/photos", body) for body in ({"foto": "x"}, {"photo": 3}, ["sea.jpg"], {"photo": "\ud800"})
    ]

    start("lilota", "worker", "--processes", "1")
    done = visitor.wait_for_state("/photos/1", "succeeded")
    _, log = visitor.ask("/photos/1/log")

    assert (code, added, cancelled) == (202, {"id": 1}, (200, {"state": "cancelled"}))
    assert done["output"] == {"photo": "small-sea.jpg"}
    assert [line["text"] for line in log] == ["Resized sea.jpg"]
    assert strange == dict.fromkeys(strange, 404)
    assert wrong == [400] * len(wrong)


@pytest.mark.parametrize("page", ["flask"], indirect=True)
def test_each_user_of_a_flask_application_sees_tasks_of_their_own(start):
    """What others have added is neither listed nor shown."""
    visitor = Visitor(start("flask", "--app", "mine", "run", "--port", "0"))
    for user, photo in (("ann", "sea.jpg"), ("bob", "hill.jpg"), ("ann", "lake.jpg")):
        assert visitor.ask(f"/my/photos/{photo}", "POST", user=user)[0] == 202

    _, listed = visitor.ask("/my/photos", user="ann")
    code, shown = visitor.ask("/my/photos/1", user="ann")

    assert [(task["id"], task["owner"]) for task in listed] == [(3, "ann"), (1, "ann")]
    assert (code, shown["input"]) == (200, {"photo": "sea.jpg"})
    assert visitor.status("/my/photos/1", user="bob") == 404
