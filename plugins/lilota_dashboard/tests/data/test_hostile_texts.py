"""What strangers write into a store shows no secret on any page, and moves nothing; a template escapes the rest."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator

import msgspec
import pytest
from lilota_dashboard.data import bulk, charts, history, listing, names, overview, runners, store, task, troubles
from lilota_dashboard.data.texts import json_text
from stored import HOSTILE, hostile_task, keep_runner

#: Line feeds stand in indented JSON alone; the rest may move the cursor, or turn the text around.
UNSAFE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def texts_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from texts_in(key)
            yield from texts_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts_in(item)


def pages(client, task_id):
    asked = listing.asked([("state", "failed")])
    yield overview.overview(client)
    yield history.history(client.store).hour
    yield runners.runners(client.store)
    yield troubles.quick_troubles(client.store)
    yield listing.page_of_tasks(client, asked)
    yield bulk.preview(client, "retry", asked)
    yield task.task_page(client, task_id)
    yield task.log_page(client, task_id)
    yield names.names(client).rows
    yield names.name_page(client, HOSTILE)
    yield store.store_page(client)


def test_no_page_shows_a_secret_or_a_control_character(client):
    """The task, its runner, and the names of both have them in each text."""
    task_id = hostile_task(client.store)

    for page in pages(client, task_id):
        for text in texts_in(msgspec.to_builtins(page)):
            assert "hunter2" not in text
            assert "sesame" not in text
            assert UNSAFE.search(text) is None, text


def test_what_html_needs_is_left_to_the_templates(client):
    """A record is no HTML: who escapes twice shows `&lt;`."""
    task_id = hostile_task(client.store)

    assert "<script>alert(1)</script>" in task.task_page(client, task_id).row.description


def test_a_chart_escapes_what_it_is_given(client):
    """It is put into a page as it is, so it is well-formed XML, without any element but those that it draws."""
    task_id = hostile_task(client.store)
    page, ended = task.task_page(client, task_id), history.history(client.store)

    drawn = [charts.timeline(page.attempts, "attempts"), charts.bars(ended.hour, "hour"), charts.bars(ended.day, "day")]

    for svg in drawn:
        tags = {element.tag for element in ET.fromstring(svg).iter()}
        assert tags <= {"svg", "title", "desc", "g", "rect", "text"}
        assert "style" not in svg
        assert "hunter2" not in svg


@pytest.mark.parametrize("field", ["input_json", "headers_json", "checkpoint_json", "output_json"])
def test_a_value_that_was_damaged_in_the_store_hides_no_task(client, monkeypatch, field):
    """Its place says so; all the rest is there."""
    task_id = hostile_task(client.store)
    damaged = msgspec.structs.replace(client.store.get(task_id), **{field: "{"})
    monkeypatch.setattr(client.store, "get", lambda _id: damaged)

    page = task.task_page(client, task_id)

    value = getattr(page, field.removesuffix("_json"))
    assert "was damaged in the store" in value.text
    assert page.row.id == task_id


def test_a_runner_that_tells_nonsense_is_shown_all_the_same(client):
    """Whoever reaches the store can write there."""
    keep_runner(client.store, "odd", names=7, queues={"a": 1}, places="many", troubles="no list", problem=3)

    (row,) = runners.runners(client.store).rows

    assert (row.id, row.names, row.places, row.troubles) == ("odd", None, 0, ())


def test_a_long_value_is_cut_and_says_how_long_it_is():
    """A page stays small, whatever a task returns."""
    shown = json_text({"numbers": list(range(100_000))})

    assert len(shown.text) == 100_000
    assert shown.is_cut
    assert shown.length > 1_000_000
