"""Every page in light, in dark and on a phone: axe finds nothing grave, and nothing is wider than the window.

With LILOTA_TEST_PICTURES, the walk leaves a picture of each page there.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import rare
from filled import fill
from playwright.sync_api import expect

LOOKS = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 800}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 800}},
    "phone": {"color_scheme": "light", "viewport": {"width": 390, "height": 844}},
}
PAGES = {
    "overview": "/",
    "tasks": "/tasks?limit=20",
    "names": "/names",
    "name": "/names/add_two_numbers",
    "plugins": "/plugins",
    "store": "/store",
    "bulk": "/tasks/all?action=retry&state=failed",
    "nomatch": "/tasks?q=nothing-is-called-so",
    "badfilter": "/tasks?since=the+other+day",
    "missing": "/tasks/999999",
}


#: Of these, a picture of what is seen at first is enough.
TALL = {"badfilter", "many-queues", "many-names", "long-rows"}
#: Pictures tell nothing of the machine on which they were taken.
ANONYMIZE = """paths => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) for (const path of paths)
        texts.currentNode.data = texts.currentNode.data.replaceAll(path, "/srv/shop");
}"""
ROOT = Path(__file__).parents[4]


class Walk:
    """Somebody who looks at one page after the other, and notes what is wrong with each.

    Attributes:
        wrong: by page.
    """

    def __init__(self, window, look, folder):
        self._window = window
        self._folder = folder
        self._look = look
        self.wrong = {}

    def look_at(self, page, name):
        """Ask axe, measure, take the picture."""
        found = self._window.grave_findings(page)
        wider = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        found += [f"{wider} pixels wider than the window"] * (wider > 0)
        if found:
            self.wrong[name] = found
        page.evaluate(ANONYMIZE, [str(self._folder), str(ROOT)])
        is_covered = page.locator("dialog[open]").count() > 0
        self._window.photograph(page, f"{name}-{self._look}", whole=not is_covered and name not in TALL)


@pytest.fixture(params=LOOKS)
def window(new_visitor, request):
    """A window that forgives what a browser says of pages with an error."""
    window = new_visitor(**LOOKS[request.param], reduced_motion="reduce", locale="en-GB")
    window.forgiven.append("the server responded with a status of")
    return window


@pytest.fixture
def walk(window, request, tmp_path):
    """In each look."""
    return Walk(window, request.node.callspec.params["window"], tmp_path)


def test_every_page_with_much_on_it_is_sound(enter, window, walk, board, runner, tmp_path):  # noqa: PLR0917 - fixtures
    """Lists, one task that runs and one that failed, its log, its stack, the form with errors, dialogs."""
    fill(runner.store)
    running = runner.add("steps", "Copy of the maps", {"folder": str(tmp_path), "title": "maps"}, owner="ann")
    failed = next(iter(runner.client.find(states=["failed"], names=["send_emails"], limit=1)))
    page = enter("/", window)
    tasks = {"task": f"/tasks/{running.id}", "failed": f"/tasks/{failed.id}", "log": f"/tasks/{failed.id}/log"}
    for name, path in (PAGES | tasks).items():
        page.goto(board.url + path)
        if name == "task":
            expect(page.locator("#log")).to_contain_text("Part 1 of maps")
        walk.look_at(page, name)
    page.goto(f"{board.url}/tasks/{running.id}")
    page.get_by_role("link", name="Stack").click()
    expect(page.locator(".stack")).to_contain_text("in run")
    walk.look_at(page, "stack")

    assert walk.wrong == {}


def test_forms_and_dialogs_are_sound(enter, window, walk, board, client):
    """A form with errors, the palette, the keys, what became of many tasks."""
    fill(client.store)
    page = enter("/names/add_two_numbers", window)
    page.get_by_label("number1").fill("20")
    page.locator("form.form").evaluate("form => { form.noValidate = true }")
    page.get_by_role("button", name="Add").click()
    expect(page.locator(".wrong")).to_have_count(1)
    walk.look_at(page, "form")
    page.goto(board.url + "/tasks/all?action=retry&state=failed")
    page.locator("form button.primary").click()
    expect(page.get_by_role("heading", name="Retried")).to_be_visible()
    walk.look_at(page, "bulkdone")
    page.goto(board.url + "/")
    page.keyboard.press("?")
    walk.look_at(page, "keys")
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("send")
    expect(page.locator("#palette-list")).to_contain_text("send_emails")
    walk.look_at(page, "palette")

    assert walk.wrong == {}


def test_pages_with_nothing_on_them_are_sound(enter, window, walk, board):
    """Nothing added yet; the form for the token."""
    login = window.open(board.url + "/")
    walk.look_at(login, "login")
    page = enter("/", window)
    walk.look_at(page, "empty")
    page.goto(board.url + "/tasks")
    walk.look_at(page, "notasks")

    assert walk.wrong == {}


RARE = {
    "many-queues": "/",
    "many-names": "/names",
    "long": f"/tasks/{rare.LONG}",
    "long-rows": "/tasks",
    "many-attempts": f"/tasks/{rare.MANY}",
    "almost": f"/tasks/{rare.ALMOST}",
    "held": f"/tasks/{rare.HELD}",
    "nested-form": "/names/order",
    "refused-name": "/names/nothing_is_called_so",
    "refused-bulk": "/tasks/all?action=retry&state=succeeded",
    "examination": "/store/examination",
}


@pytest.fixture
def rich_board(start, monkeypatch):
    """A dashboard that may act, and knows the tasks of `ordering`."""
    monkeypatch.setenv("LILOTA_MODULES", "ordering")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent / "helpers"))
    return start("--allow-actions")


def test_rare_states_are_sound(window, walk, rich_board, client):
    """Long texts, a hundred attempts, fifty files, sixty queues, a lost runner, a form with nested fields, refusals."""
    rare.fill_with_rare(client.store)
    page = window.open(f"{rich_board.url}/#token={rich_board.token}")
    expect(page.locator(".tiles")).to_be_visible()
    for name, path in RARE.items():
        page.goto(rich_board.url + path)
        walk.look_at(page, name)
    page.goto(rich_board.url)
    page.keyboard.press("/")
    page.keyboard.type("report")
    expect(page.locator("#palette-list")).to_contain_text("send_report_1")
    walk.look_at(page, "palette-many")

    assert walk.wrong == {}


def test_what_only_shows_is_sound(window, walk, start, client):
    """Without actions; and after the token is another one."""
    fill(client.store)
    board = start()
    page = window.open(f"{board.url}/#token={board.token}")
    expect(page.locator(".tiles")).to_be_visible()
    failed = next(iter(client.find(states=["failed"], names=["send_emails"], limit=1)))
    for name, path in {"readonly-task": f"/tasks/{failed.id}", "readonly-name": "/names/add_two_numbers"}.items():
        page.goto(board.url + path)
        walk.look_at(page, name)
    window.context.clear_cookies()
    page.reload()
    walk.look_at(page, "expired")

    assert walk.wrong == {}
