"""Only a page of the same site can change something."""

from __future__ import annotations

import pytest

from lilota.models import TaskState


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "SAME-ORIGIN, cross-site"},
        {"Sec-Fetch-Site": ""},
        {"Sec-Fetch-Site": "cross-site", "Origin": "{own}"},
        {"Origin": "null"},
        {"Origin": "https://evil.example"},
        {"Origin": "{own}.evil.example"},
        {"Origin": "{own}@evil.example"},
        {"Origin": "https://evil.example", "Host": "evil.example.org"},
        {"Origin": "http://[::1"},
        {"Referer": "{own}/page"},
        {"Accept": "*/*"},
    ],
    ids=str,
)
@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "text/plain", "application/json"])
def test_a_post_from_elsewhere_changes_nothing(some_visitor, client, headers, content_type):
    """A form, a beacon, a script of another site, a link: whatever a browser can be made to send."""
    handle = client.add("task")
    own = str(some_visitor.http.base_url).rstrip("/")
    sent = {name: text.format(own=own) for name, text in headers.items()}

    answer = some_visitor.http.post(
        f"{some_visitor.base}/{handle.ref}/cancel", headers={**sent, "Content-Type": content_type}
    )

    assert answer.status_code in ({403, 400} if "Host" in headers else {403})
    assert handle.info().state is TaskState.PENDING


def test_it_is_refused_before_anything_is_looked_for(visitor, client):
    """So the answer tells nobody whether there is a task."""
    ref = client.add("task").ref

    answers = [visitor.post(f"{each}/cancel", Origin="https://evil.example") for each in (ref, "unknown")]

    assert answers[0].content == answers[1].content
    assert {answer.status_code for answer in answers} == {403}


def test_a_browser_that_says_only_the_origin_is_heard(visitor, client):
    """Older ones, and all where the connection is not secure."""
    handle = client.add("task")

    answer = visitor.post(f"{handle.ref}/cancel", Origin=str(visitor.http.base_url).rstrip("/"))

    assert answer.status_code == 200
    assert handle.info().state is TaskState.CANCELLED


def test_a_long_body_is_not_read(visitor, client):
    """Nothing that long belongs to a cancellation."""
    handle = client.add("task")
    sent = {"Sec-Fetch-Site": "same-origin"}

    answer = visitor.http.post(f"{visitor.base}/{handle.ref}/cancel", headers=sent, content=b"x" * 20_000)

    assert answer.status_code == 413
    assert handle.info().state is TaskState.PENDING
