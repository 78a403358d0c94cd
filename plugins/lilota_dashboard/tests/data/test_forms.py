"""A form made from the schema of a task, and what somebody fills in."""

from __future__ import annotations

import json

import pytest
from lilota_dashboard.data import adding, descriptions, names
from lilota_dashboard.data.descriptions import describe
from lilota_dashboard.data.form import fields_of
from lilota_dashboard.data.submissions import submitted
from stored import HOSTILE

from lilota.errors import UnknownTaskError


@pytest.fixture
def form(sqlite_client):
    """The form of `resize`, which has a field of each kind."""
    page = names.name_page(sqlite_client, "resize")
    assert page.form is not None, page.problem
    return page.form


@pytest.fixture
def schema(sqlite_client):
    return json.loads(names.name_page(sqlite_client, "resize").input_schema.text)


def add(client, name="resize", **given):
    return adding.add(client, name, [(f"input.{key}", value) for key, value in given.items()])


def errors_of(added):
    assert added.task_id is None
    return {field.key: field.error for field in added.form.fields if field.error}


def test_each_key_has_the_field_of_its_type(form):
    """By its JSON Schema, as msgspec writes it."""
    assert {field.key: field.kind for field in form.fields} == {
        "photo": "text",
        "width": "integer",
        "factor": "number",
        "size": "choice",
        "until": "date",
        "places": "json",
        "key": "password",
        "sharp": "boolean",
    }


def test_fields_say_what_may_stand_in_them(form):
    """The docstring, the limits, the values to choose, and the defaults."""
    fields = {field.key: field for field in form.fields}

    width, size = fields["width"], fields["size"]
    assert (width.value, width.minimum, width.maximum, width.description) == ("800", "1", "4000", "in pixels.")
    assert width.hint == "a whole number, at least 1, at most 4000"
    assert {choice.text for choice in size.choices} == {"small", "large"}
    assert size.value in {choice.value for choice in size.choices}
    assert fields["photo"].is_required
    assert fields["until"].is_nullable
    assert fields["places"].value == "[]"


def test_what_was_filled_in_becomes_an_input(sqlite_client):
    """Checked by the types of the task; what is left empty is null, or left out."""
    added = add(
        sqlite_client,
        photo="sea.jpg",
        width="12",
        factor="",
        size='"large"',
        until="2030-01-31",
        places='[{"x": 1}]',
        key="sesame",
        sharp="true",
    )

    assert added.task_id is not None
    assert sqlite_client.store.get(added.task_id).input == {
        "photo": "sea.jpg",
        "width": 12,
        "factor": None,
        "size": "large",
        "until": "2030-01-31",
        "places": [{"x": 1}],
        "key": "sesame",
        "sharp": True,
    }


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("width", "12.5", "'12.5' is not a whole number."),
        ("width", "true", "'true' is not a whole number."),
        ("width", "9" * 5000, "is not a whole number."),
        ("factor", "NaN", "'NaN' is not a number."),
        ("factor", "1e", "'1e' is not a number."),
        ("size", '"huge"', "is none of the values"),
        ("size", HOSTILE, "is none of the values"),
        ("sharp", "maybe", "is neither true nor false"),
        ("places", "[", "It is not JSON"),
        ("places", "[" * 100_000, "It is not JSON"),
        ("places", '[{"x": 1, "x": 2}]', "a key is given twice"),
        ("width", "0", "`int` >= 1"),
        ("until", "yesterday", "date"),
        ("places", '[{"x": "a"}]', "`$.places[0].x`"),
    ],
    ids=lambda text: text[:20],
)
def test_what_is_wrong_stands_at_its_field_in_words(sqlite_client, key, value, said):
    """The sentences of lilota itself, where its types refuse a value; nothing is added."""
    added = add(sqlite_client, **{"photo": "sea.jpg", key: value})

    errors = errors_of(added)
    assert list(errors) == [key]
    assert said in errors[key]
    assert errors[key].isprintable()
    assert "hunter2" not in errors[key]
    assert sqlite_client.counts() == []


def test_a_key_that_is_required_is_missed(sqlite_client):
    """Where the form did not send it; an empty text is one."""
    assert errors_of(add(sqlite_client, width="3")) == {"photo": "It is missing."}
    assert add(sqlite_client, photo="").task_id is not None


def test_what_was_filled_in_stands_in_the_form_again_but_for_secrets(sqlite_client):
    """Nobody types everything twice, and no password is sent back."""
    added = add(sqlite_client, photo="sea.jpg", width="many", key="sesame")

    fields = {field.key: field.value for field in added.form.fields}
    assert (fields["photo"], fields["width"], fields["key"]) == ("sea.jpg", "many", "")


def test_a_form_of_another_version_of_the_task_is_told_to_be(schema):
    """A value must not be dropped in silence."""
    found = submitted(schema, [("input.photo", "a"), ("input.quality", "3")])

    assert found.input is None
    assert "no key 'quality' any more" in found.errors[""]


def test_a_task_that_takes_any_object_has_json_text(sqlite_client):
    """It looks into its input itself."""
    sqlite_client.register("whatever", __import__("board_tasks").Whatever)
    page = names.name_page(sqlite_client, "whatever")
    assert (page.form.fields, page.form.takes_more) == ((), True)

    added = adding.add(sqlite_client, "whatever", [("input", '{"a": [1]}'), ("queue", "slow"), ("description", "Try")])
    refused = adding.add(sqlite_client, "whatever", [("input", "[1]")])

    stored = sqlite_client.store.get(added.task_id)
    assert (stored.input, stored.queue, stored.description) == ({"a": [1]}, "slow", "Try")
    assert refused.form.error == 'The input must be a JSON object like {"key": 1}.'
    assert refused.form.raw == "[1]"


def test_other_keys_stand_beside_the_fields_of_a_task_that_takes_them(sqlite_client):
    """As JSON text, checked like the rest."""
    given = [("input.first", "1"), ("input", '{"second": 2}')]

    added = adding.add(sqlite_client, "open_ended", given)
    refused = adding.add(sqlite_client, "open_ended", [("input.first", "1"), ("input", '{"second": "x"}')])

    assert sqlite_client.store.get(added.task_id).input == {"first": 1, "second": 2}
    assert "`$.second`" in refused.form.error


def test_an_option_that_can_not_be_used_is_said_above_the_form(sqlite_client):
    """It belongs to no key of the input."""
    added = adding.add(sqlite_client, "resize", [("input.photo", "a"), ("queue", "a\nb")])

    assert added.task_id is None
    assert "queue" in added.form.error


def test_an_input_that_is_run_again_comes_without_its_secrets(sqlite_client):
    """They are left empty, and said to be: what is masked must not be added as if it were the value."""
    first = add(sqlite_client, photo="https://ann:hunter2@shop/sea.jpg", width="7", key="sesame")
    info = sqlite_client.store.get(first.task_id)

    form = adding.form_to_change(sqlite_client, info)

    fields = {field.key: field for field in form.fields}
    assert (fields["width"].value, fields["photo"].value, fields["key"].value) == ("7", "", "")
    assert "Fill it in again" in fields["photo"].error
    assert "Fill it in again" in fields["key"].error
    assert "hunter2" not in str(form)


def test_a_task_that_nobody_knows_here_has_no_form(sqlite_client):
    """Its page says what to do; adding it is refused."""
    sqlite_client.add("elsewhere")

    page = names.name_page(sqlite_client, "elsewhere")

    assert page.form is None
    assert "is not known here" in page.problem
    with pytest.raises(UnknownTaskError):
        adding.add(sqlite_client, "elsewhere", [])


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"$ref": "#/$defs/A"}}},
        {"properties": {"a": True}},
        {"properties": {"a": {"type": ["string", "null"], "enum": [["x"], {"y": 1}]}}},
        {"properties": {"a": {"type": "string", "pattern": 7, "maxLength": "x", "description": 3, "format": []}}},
        {"properties": {HOSTILE: {"type": "integer", "minimum": "x"}}},
    ],
    ids=["endless", "true", "odd values", "odd limits", "hostile"],
)
def test_a_schema_of_somebodys_own_makes_no_form_fail(schema):
    """A type of a user's may have any: what is not understood is JSON text, or said nothing of."""
    (field,) = fields_of(schema)

    assert field.label.isprintable()
    assert "hunter2" not in field.label


def test_what_a_task_takes_is_remembered_for_a_minute(sqlite_client, monkeypatch):
    """To look starts a process; code that has changed is seen a minute later."""
    now, looks = [0.0], []

    def look(client, name):
        looks.append(name)
        return describe(client, name)

    monkeypatch.setattr(descriptions, "describe", look)
    known = descriptions.Descriptions(lambda: now[0])

    first = names.name_page(sqlite_client, "resize", known)
    added = adding.add(sqlite_client, "resize", [("input.photo", "a")], known)
    now[0] = 61.0
    known(sqlite_client, "resize")

    assert first.form is not None
    assert added.task_id is not None
    assert looks == ["resize", "resize"]


def test_a_task_that_can_not_be_described_is_tried_anew(sqlite_client):
    """Somebody mends it, and loads the page again."""
    known = descriptions.Descriptions()

    for _ in range(2):
        with pytest.raises(UnknownTaskError):
            known(sqlite_client, "nowhere")


def test_a_field_for_json_names_the_keys_of_what_is_nested(form):
    """Who fills it in need not read the schema for that."""
    places = next(field for field in form.fields if field.key == "places")

    assert places.hint == "JSON: array of objects with x, y"
