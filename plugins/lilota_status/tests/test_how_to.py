"""The page that tells how to use this tells the truth: its applications run, in real servers."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest
from servers import AsgiServer, Visitor, WsgiServer, until

PAGE = Path(__file__).parents[3] / "docs/how-to/status-pages.md"
FILE = re.compile(r"^```python\n# file: (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the documentation is not here")


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Write the files of the page, and return what imports one of them."""
    for name, text in FILE.findall(PAGE.read_text(encoding="utf-8")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module
    for name in ("app", "flask_app", "shop_tasks"):
        sys.modules.pop(name, None)


def as_user(visitor: Visitor, name: str) -> Visitor:
    visitor.http.headers["X-User"] = name
    return visitor


def test_the_fastapi_application_of_the_page_works(module):
    """A report is added, watched and listed by who has asked for it, and by nobody else."""
    pytest.importorskip("fastapi")
    server = AsgiServer(module("app").app, base="/tasks")
    ann, bob, nobody = as_user(server.visitor(), "ann"), as_user(server.visitor(), "bob"), server.visitor()
    try:
        ref = ann.http.post("/reports?months=3").json()["ref"]
        done = ann.until(ref, "succeeded")

        assert ann.get(f"{ref}/result").json() == {"result": {"months": 3}}
        assert [line["text"] for line in ann.get(f"{ref}/logs").json()["lines"]] == ["month 1", "month 2", "month 3"]
        assert [task["title"] for task in ann.get("mine").json()["tasks"]] == [done["title"]]
        assert {other.get(ref).status_code for other in (bob, nobody)} == {404}
        assert bob.get("mine").json()["tasks"] == []
    finally:
        server.stop()


def test_the_flask_application_of_the_page_works(module):
    """It shows what is in the store of the other one."""
    found = module("flask_app")
    server = WsgiServer(found.app, base="/tasks")
    try:
        ref = found.client.add("make_report", input={"months": 3}, owner="ann").ref
        ann, bob = as_user(server.visitor(), "ann"), as_user(server.visitor(), "bob")

        assert until(lambda: ann.get(ref).json(), bool)["state"] == "waiting"
        assert bob.get(ref).status_code == 404
    finally:
        server.stop()
        found.client.close()
