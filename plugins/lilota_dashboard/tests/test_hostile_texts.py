"""Texts of tasks on the pages: those that attack, and those that give away a secret. By the numbers of the cases."""

from __future__ import annotations

from urllib.parse import quote

import pytest


@pytest.fixture
def acting(start):
    """A dashboard that may act."""
    return start("--allow-actions").log_in()


def test_12_a_name_of_a_file_stays_in_its_header(acting, client, runner):
    """No line end in it begins another header, no quote ends it early; what is in the file is never shown."""
    name = 'a"; x="ü.html'
    task = client.add("attach", input={"name": name, "content": "<script>alert(1)</script>"})
    task.result(60)

    answer = acting.get(f"/tasks/{task.id}/files/{quote(name)}")

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith('attachment; filename="a__ x___.html"')
    assert f"filename*=UTF-8''{quote(name, safe='')}" in answer.headers["content-disposition"]


def test_20_secrets_are_masked_on_every_page(acting, client, runner):
    """Deep in an input, in a URL, in an error, in a line of the log."""
    deep = {"a": [{"b": {"c": {"password": "hunter2-deep"}}}], "url": "https://ann:hunter2-url@example.org/"}
    waiting = client.add("endless", input={**deep, "api_key": "hunter2-key"}, delay_seconds=3600, queue="later")
    failed = client.add("fail", input={"text": "refused password=hunter2-error at https://ann:hunter2-at@db/"})
    while not failed.info().state.is_terminal:
        next(iter(failed.changes()))

    texts = [acting.get(path).text for path in ("/", "/tasks", "/store", f"/tasks/{waiting.id}", f"/tasks/{failed.id}")]

    assert "***" in texts[3]
    assert "***" in texts[4]
    assert not [text for text in texts if "hunter2" in text]
