"""What `lilota dashboard` says in its terminal, and what its pages say of the command line."""

from __future__ import annotations

import re

import pytest
from lilota_dashboard import dashboard_app
from running import serving

from lilota import TaskClient
from lilota.config import Settings

#: A command line of another program's, as Django's `manage.py` has one.
MANAGE = """import sys
from lilota.__main__ import main
main(sys.argv[1:], prog_name="manage.py lilota", worker_command="manage.py lilota_worker")"""
#: Pages on which it is said what to type where nobody runs tasks.
TELLING = ("/", "/store", "/tasks/1")
#: Pages on which a command is named, where the store is empty.
NAMING = ("/", "/tasks", "/names/add_two_numbers", "/plugins", "/store")


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


@pytest.mark.parametrize("path", NAMING)
def test_commands_are_those_of_the_program_that_shows_the_pages(start, path):
    """Each with what stands before it there."""
    board = start(program=("-c", MANAGE)).log_in()

    assert_in_django(board.get(path).text)


# The page of the store looks for the one of the settings, for which there would have to be a project.
@pytest.mark.parametrize("path", sorted({*NAMING} - {"/store"}))
def test_an_application_with_the_store_of_a_django_project_has_the_commands_of_that(store_url, path):
    """Without a word of its own."""
    settings = Settings(store="django://default")
    with TaskClient(store_url, settings=settings) as client:
        app = dashboard_app(client, authorize=lambda _request: True)
        with serving(app) as site:
            assert_in_django(site.get(path).text)


def test_an_application_says_what_stands_before_commands(client):
    """Where its own settings tell lilota where the tasks are."""
    app = dashboard_app(client, authorize=lambda _request: True, command_line="shop tasks")

    with serving(app) as site:
        assert "shop tasks add NAME" in site.get("/").text


def assert_in_django(text):
    """All that is to be typed begins as in a Django project."""
    typed = [
        part for part in re.findall(r"<(?:code|pre)[^>]*>(.*?)</(?:code|pre)>", text, re.DOTALL) if "lilota" in part
    ]
    lines = [line for part in typed for line in part.splitlines()]
    assert lines
    assert [line for line in lines if not line.startswith("manage.py lilota")] == []
