"""Texts that PostgreSQL can't keep, and arrays as it reads them."""

from __future__ import annotations

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lilota_postgres_store.texts import number_array, original, stored, text_array

from lilota.contract import ClaimRequest, RunnerInfo, TaskQuery
from lilota.models import AttemptUpdate, NewTask

any_text = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\0\x1a01"))


@given(any_text)
def test_every_text_has_its_way_back(text):
    """What is stored has no NUL, and becomes the same text again."""
    assert "\0" not in stored(text)
    assert original(stored(text)) == text


@given(any_text, any_text)
def test_different_texts_stay_different(first, second):
    """Names are compared as they are stored."""
    assert (stored(first) == stored(second)) == (first == second)


@pytest.fixture(scope="module")
def reader(database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


TEXTS = ["", "NULL", "null", '"', "\\", '\\"', "{}", "{a,b}", ",", " ", "\n", "'", "a\x1a0", "é👩‍👩‍👧‍👦"]


@pytest.mark.parametrize("texts", [TEXTS, [*TEXTS, None], [""], [None], []])
def test_server_reads_texts_as_they_are_written(reader, texts):
    """Quotes, braces and the word NULL are no syntax inside a text."""
    ((read,),) = reader.execute("SELECT %s::text[]", [text_array(texts)]).fetchall()

    assert read == texts


def test_text_with_a_nul_never_becomes_two(reader):
    """The driver refuses it where somebody forgot to escape it."""
    with pytest.raises(psycopg.DataError, match="NUL"):
        reader.execute("SELECT %s::text[]", [text_array(["a\0b", "c"])])


def test_server_reads_numbers_as_they_are_written(reader):
    """Whole ones, the smallest and the largest, and none."""
    numbers = [0.1, 1e308, 5e-324, -1.5, None, 2.0**53, 33.3]
    ((floats, integers, empty),) = reader.execute(
        "SELECT %s::float8[], %s::bigint[], %s::text[]",
        [number_array(numbers), number_array([2**63 - 1, -(2**63), None]), text_array([])],
    ).fetchall()

    assert (floats, integers, empty) == (numbers, [2**63 - 1, -(2**63), None], [])


def test_a_brief_page_has_no_values(open_store, url):
    """Also of tasks that are in a bundle: what is long is not read from where it is kept."""
    store = open_store(url)
    store.add([NewTask(name="task", input_json=f'{{"n": {n}}}') for n in range(20)])
    store.heartbeat(RunnerInfo(id="runner"))
    (claim,) = store.claim(ClaimRequest(runner_id="runner", names=("task",))).claims
    told = {"output_json": '{"rows": 3}', "checkpoint_json": '{"state": 3}'}
    store.commit([AttemptUpdate(id=claim.id, token=claim.token, **told)])

    page = store.find(TaskQuery(brief=True))

    assert len(page) == 20
    assert {(info.input_json, info.output_json, info.checkpoint_json) for info in page} == {("{}", None, None)}
