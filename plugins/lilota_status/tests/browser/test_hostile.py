"""Whatever a task says, a page shows it as text: nothing of it runs, and the browser has nothing to refuse."""

from __future__ import annotations

import pytest
import shown_tasks
from looking import button, part

from lilota.models import NewTask

expect = pytest.importorskip("playwright.sync_api").expect

#: What is left of it: line separators are spaces or marks, and marks that turn the text are gone.
SHOWN = '"><svg onload=alert(1)></script><img src=x onerror=alert(2)>javascript:alert(3)'


@pytest.fixture
def page(see, add, visitor):
    page = see(add(shown_tasks.hostile, owner='"><svg onload=alert(1)>'))
    page.on("dialog", lambda dialog: visitor.complaints.append(f"A script has run: {dialog.message}"))
    return page


@pytest.mark.parametrize("where", ["title", "message"])
def test_hostile_texts_are_text(page, where):
    """The fixture fails the test for each violation of the policy, dialog and error."""
    expect(part(page, where)).to_contain_text(SHOWN)

    assert "\u202e" not in part(page, where).text_content()


def test_hostile_lines_of_a_log_are_text(page):
    """Logged or printed."""
    button(page, "Log").click()

    expect(part(page, "log").get_by_text(SHOWN)).to_have_count(2)


def test_hostile_names_of_files_are_text_and_downloads(page):
    """HTML is not opened, and no address leaves the mount."""
    links = part(page, "file")
    expect(links).to_have_count(2)

    assert all(link.evaluate("a => new URL(a.href).pathname.startsWith('/tasks/')") for link in links.all())
    with page.expect_download() as download:
        links.get_by_text("javascript:alert(4)").click()
    assert download.value.path().read_bytes() == b"<script>alert(5)</script>"


def test_a_hostile_error_is_text(page, go_on):
    """It comes with the failure."""
    go_on("end")

    expect(part(page, "error")).to_contain_text(SHOWN)


@pytest.mark.parametrize("has_script", [True, False])
def test_the_page_of_a_hostile_task_shows_text(new_visitor, site, add, go_on, has_script):
    """With the element, and without a script."""
    handle = add(shown_tasks.hostile)
    go_on("end")
    with pytest.raises(Exception, match="onload"):
        handle.result(timeout_seconds=60)
    visitor = new_visitor(java_script_enabled=has_script)

    page = visitor.open(f"{site.url}/tasks/{handle.ref}")

    expect(page.get_by_text(SHOWN).locator("visible=true").first).to_be_visible()
    assert page.locator("svg, img").count() == 0


def test_the_name_of_a_task_without_a_description_is_text(see, runner):
    """What is behind its last colon stands where the description would; other programs may add any."""
    name = SHOWN.rpartition("javascript")[0]
    [task_id] = runner.client.store.add([NewTask(name=name)])
    page = see(runner.client.handle(task_id))

    expect(part(page, "title")).to_have_text(name)
    runner.client.handle(task_id).cancel()
