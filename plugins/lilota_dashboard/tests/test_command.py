"""What `lilota dashboard` says in its terminal, and what its pages say of the command line."""

from __future__ import annotations

import re

import pytest
from lilota_dashboard import dashboard_app
from running import serving

#: A command line of another program's, as Django's `manage.py` has one.
MANAGE = "from lilota.__main__ import main; import sys; main(sys.argv[1:], worker_command='manage.py lilota_worker')"
#: Pages on which it is said what to type where nobody runs tasks.
TELLING = ("/", "/store", "/tasks/1")


def test_who_changed_what_and_when_is_read_where_it_was_started(start, client):
    """A line for each action, with the time and its offset from UTC; none for who only looks."""
    waiting = client.add("endless")
    board = start("--allow-actions").log_in()

    board.get(f"/tasks/{waiting.id}")
    for action in ("cancel", "retry"):
        board.post(f"/tasks/{waiting.id}/{action}")
    said = [line for line in board.log().splitlines() if "task 1" in line]

    when = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}"
    assert re.fullmatch(rf"{when} who has the token at 127\.0\.0\.1: cancel task 1: 1 cancelled", said[0])
    assert re.fullmatch(rf"{when} who has the token at 127\.0\.0\.1: retry task 1: 1 to run again", said[1])
    assert len(said) == 2


@pytest.mark.parametrize("path", TELLING)
def test_pages_say_what_starts_a_runner_here(start, client, path):
    """In a Django project that is no `lilota worker`."""
    client.add("endless")
    board = start(program=("-c", MANAGE)).log_in()

    text = board.get(path).text

    assert "manage.py lilota_worker" in text
    assert "lilota worker" not in text


@pytest.mark.parametrize("path", TELLING)
def test_an_application_says_what_starts_a_runner(client, path):
    """Where it mounts the pages."""
    client.add("endless")
    app = dashboard_app(client, authorize=lambda _request: True, worker_command="shop-worker")

    with serving(app) as site:
        text = site.get(path).text

    assert "shop-worker" in text
    assert "lilota worker" not in text
