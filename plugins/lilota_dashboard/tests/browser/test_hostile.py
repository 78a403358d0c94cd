"""Texts of tasks, plugins and files that want to run, place by place, in a real browser: each is shown as text.

A visitor fails the test for each violation of the Content-Security-Policy, each error and each script that ran.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from hostile import TEXTS, hostile_files, restore_hostile
from hostile_packages import ENTRIES, FOLDERS, LINES, install_hostile
from hostile_tasks import NAME
from playwright.sync_api import expect
from running import RunningDashboard

from lilota.client import TaskClient
from lilota.texts.safe import safe

HELPERS = str(Path(__file__).parents[1] / "helpers")
SAFE = tuple(map(safe, TEXTS))


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A store with hostile tasks, runners and records of files."""
    url = f"sqlite:///{tmp_path_factory.mktemp('hostile')}/lilota.db"
    with TaskClient(url, accept_unknown_names=True) as client:
        restore_hostile(client)
        client.store.restore([hostile_files(len(TEXTS) + 1)])
    return url


@pytest.fixture
def store_url(filled):
    """That of the module, for the fixtures that start a runner."""
    return filled


@pytest.fixture(scope="module")
def board(filled, tmp_path_factory):
    """A dashboard among hostile packages, which knows a hostile task."""
    folder = tmp_path_factory.mktemp("packages")
    install_hostile(folder)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYTHONPATH", os.pathsep.join((str(folder), HELPERS)))
        environment.setenv("LILOTA_MODULES", "hostile_tasks")
        running = RunningDashboard(filled, folder, "--allow-actions")
    yield running
    running.stop()


@pytest.fixture
def look(visitor, enter):
    """Open a page; whatever runs `alert` is a complaint, and nothing of a text may have become an element or a link."""
    visitor.context.add_init_script("window.alert = () => console.error('alert was called')")

    def go(path):
        page = enter(path)
        assert_harmless(page)
        return page

    return go


def assert_harmless(page):
    """No element has a handler, none is a text's, and no link or form leads anywhere but to the dashboard."""
    expect(page.locator("[onload], [onerror], [onfocus], [autofocus], main img, body script")).to_have_count(0)
    assert page.evaluate("[...document.links].filter(a => a.origin !== location.origin).map(a => a.href)") == []
    # A form may have a field called "action", so the property is no address.
    actions = page.locator("form[action]").evaluate_all("all => all.map(each => each.getAttribute('action'))")
    assert [action for action in actions if not re.match("/(?!/)", action)] == []


def assert_shown(places, texts):
    """Each text is in one of the places, as a text."""
    shown = places.all_text_contents()
    assert [text for text in texts if not any(text in each for each in shown)] == []


def test_plugins_are_texts_by_name_package_and_version(look):
    """A package whose name is none is called as its folder, which may be called anything."""
    page = look("/plugins")

    assert_shown(page.locator("main .name"), ENTRIES)
    assert_shown(page.locator("main td.whole"), FOLDERS)
    assert_shown(page.locator("main td.whole .dim"), LINES)


def test_what_a_plugin_names_is_a_text(look):
    """Also what is no name of an object."""
    assert_shown(look("/plugins").locator("main td.mono"), LINES)


def test_the_errors_of_broken_plugins_are_texts(look):
    """A module that fails when it is imported says what it likes, and metadata may be wrong in any way."""
    errors = look("/plugins").locator("main .error-line")

    assert_shown(errors, [f"RuntimeError: {text}" for text in LINES])
    assert_shown(errors, [f"has no name of a package, but {text!r}" for text in LINES])


def test_what_an_examination_finds_is_text(look):
    """It names the broken plugins, and the runners with their troubles."""
    assert_shown(look("/store/examination").locator("main"), [*ENTRIES, *LINES])


def test_names_of_tasks_are_texts_and_links_to_their_pages(look):
    """Each link leads to the page of that very name."""
    page = look("/names")

    assert_shown(page.locator("main .name"), SAFE)
    assert [text for text in LINES if page.locator(f'a.name[href="/names/{quote(text, safe="")}"]').count() != 1] == []


def test_what_a_task_says_of_itself_is_text(look):
    """Its docstring, and the schemas with titles, descriptions, examples, choices, keys and defaults."""
    page = look(f"/names/{quote(NAME, safe='')}")

    assert_shown(page.locator("main .prose"), SAFE)
    assert_shown(page.locator("#input-schema pre"), [TEXTS[3], TEXTS[5]])
    assert_shown(page.locator("#output-schema pre"), [TEXTS[3]])
    assert_shown(page.locator("main h1"), [NAME])


def test_the_fields_of_a_form_are_texts(look):
    """What is said of a field, what can be chosen, and what stands in it."""
    page = look(f"/names/{quote(NAME, safe='')}")

    assert_shown(page.locator("main .field p"), [safe("  ".join(TEXTS))])
    assert_shown(page.locator("main option"), SAFE)
    expect(page.get_by_label("plain")).to_have_value("  ".join(TEXTS).replace("\x00", "\ufffd"))


def test_what_somebody_filled_in_comes_back_as_text(look, visitor):
    """With what is wrong in it."""
    visitor.forgiven.append("the server responded with a status of 422")
    page = look(f"/names/{quote(NAME, safe='')}")
    page.get_by_label("nested").fill(f"[{LINES[0]}")
    page.get_by_label("Description").fill(LINES[0])
    page.get_by_label("Queue").fill(LINES[3])
    page.get_by_role("button", name="Add").click()

    expect(page.locator(".field.wrong").first).to_be_visible()
    assert_harmless(page)
    expect(page.get_by_label("nested")).to_have_value(f"[{LINES[0]}")
    expect(page.get_by_label("Description")).to_have_value(LINES[0])
    expect(page.get_by_label("Queue")).to_have_value(LINES[3])


def test_names_and_media_types_of_files_are_texts(look):
    """Whoever reaches the store may write any media type."""
    page = look(f"/tasks/{len(TEXTS) + 1}")

    assert_shown(page.locator("ul.files a"), [text for text in LINES if "/" not in text])
    assert_shown(page.locator("ul.files .dim"), SAFE)


def test_a_hostile_file_is_saved_and_never_shown(look, runner):
    """HTML under the name of an address with a script: a click downloads it, and the page stays."""
    name = "javascript:alert(1)'\"><svg onload=alert(1)>.html"
    task = runner.add("attach", input={"name": name, "content": "<script>alert(1)</script>"})
    task.result(60)
    page = look(f"/tasks/{task.id}")

    with page.expect_download() as download:
        page.locator("ul.files a").click()

    assert download.value.path().read_bytes() == b"<script>alert(1)</script>"
    assert page.url.endswith(f"/tasks/{task.id}")


def test_a_file_that_is_opened_by_its_address_is_saved_too(look, runner):
    """Without the attribute of the link, the answer itself says so."""
    task = runner.add("attach", input={"name": "page.html", "content": "<script>alert(1)</script>"})
    task.result(60)
    page = look(f"/tasks/{task.id}")

    with page.expect_download() as download:
        page.evaluate("location.href = document.querySelector('ul.files a').href")

    assert download.value.suggested_filename == "page.html"


def test_keys_of_inputs_and_results_are_texts(look):
    """At any depth."""
    for number, text in enumerate(TEXTS[:-1], 1):
        page = look(f"/tasks/{number}")
        assert_shown(page.locator("#input pre"), [text])
        assert_shown(page.locator("#headers pre"), [text])


def test_queues_are_texts_and_links_to_their_tasks(look):
    """On the overview; each link filters by that very queue."""
    page = look("/")

    assert_shown(page.locator("section[aria-labelledby=queues] td a"), SAFE)
    for number, text in enumerate(LINES):
        page.goto(f"{page.url.partition('/tasks')[0].rstrip('/')}/tasks?{urlencode({'queue': text})}")
        assert_harmless(page)
        expect(page.locator("#results tbody tr")).to_have_count(1)
        expect(page.get_by_placeholder("Queue")).to_have_value(text)
        assert page.locator("#results tbody a").inner_text() == str(number + 1)


def test_the_known_names_and_queues_of_the_filter_are_texts(look):
    """A browser offers them while somebody types."""
    page = look("/tasks")

    for known in ("names-known", "queues-known"):
        offered = page.locator(f"#{known} option").evaluate_all("all => all.map(each => each.value)")
        assert [text for text in SAFE if text not in offered] == []


def test_what_the_palette_offers_is_text(look):
    """And leads to the page of that name."""
    page = look("/")
    page.keyboard.press("/")
    for text in LINES:
        page.locator("#palette-text").fill(text)
        offered = page.locator("#palette-list li").filter(has_text="name").first
        expect(offered).to_contain_text(text)
        assert_harmless(page)
    page.keyboard.press("Enter")

    expect(page.locator("main h1")).to_have_text(LINES[-1])


def test_the_preview_of_an_action_on_many_is_text(look):
    """The filter that it repeats, and the tasks: every other one has failed, and the others wait."""
    for number, text in enumerate(LINES):
        wanted = dict.fromkeys(("name", "queue", "owner", "q"), text)
        page = look(f"/tasks/all?{urlencode({**wanted, 'action': 'cancel' if number % 2 else 'retry'})}")
        assert_shown(page.locator("main .chip"), [f"{key} {text}" for key in wanted])
        expect(page.locator("main tbody .name")).to_have_text(text)
        expect(page.locator("main input[name=queue]")).to_have_value(text)
