"""Whatever a task says of itself does no harm to a page."""

from __future__ import annotations

import json

import pytest
from attempts import Attempt
from lilota_status.texts import shown

TEXTS = [
    '"><svg onload=alert(1)>',
    "</script><script>alert(1)</script>",
    "javascript:alert(1)",
    "\x1b]0;title\x07\x1b[2J",
    "\u202egnp.exe \u2028 \u0085",
    "password=hunter2 postgresql://ann:hunter2@db/app",
]


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_a_text_is_escaped_and_masked_wherever_it_is_shown(some_visitor, client, text):
    """In the page, in JSON, in the log, as description, message and error."""
    ref = client.add("task", text).ref
    attempt = Attempt(client)
    attempt.tell(lines=[text], note=json.dumps({"message": text}))
    attempt.fail(text)

    page = some_visitor.get(ref, headers={"Accept": "text/html"}).text
    told = some_visitor.get(ref).json()
    line = some_visitor.get(f"{ref}/logs").json()["lines"][0]["text"]
    shown = [told["title"], told["message"], told["error"], line]

    assert "<svg" not in page
    assert page.count("<script") == 1
    assert 'href="javascript' not in page
    for each in (page, *shown):
        assert not {"\x1b", "\x07", "\u202e", "\u2028", "\u0085"} & set(each)
        assert "hunter2" not in each


def test_colours_of_a_terminal_are_left_out_of_a_log(some_visitor, client):
    """What they colour stays."""
    ref = client.add("task").ref
    Attempt(client).tell(lines=["\x1b[31mred\x1b[0m"])

    assert some_visitor.get(f"{ref}/logs").json()["lines"][0]["text"] == "red"


def test_no_half_of_a_secret_is_left_where_a_long_text_is_cut():
    """It is hidden before the rest is left out."""
    text = f"{'x' * 1982} https://ann:hunter2@shop.example/"

    assert "hun" in text[:2000]
    assert "hun" not in shown(text)
