"""The page of one task, with the element in it, and without a script."""

from __future__ import annotations

import pytest
import shown_tasks
import sites
from lilota_status.asgi import status_app
from looking import part

expect = pytest.importorskip("playwright.sync_api").expect


@pytest.fixture(params=[True, False], ids=["script", "no_script"])
def has_script(request):
    return request.param


@pytest.fixture
def visit(site, new_visitor, has_script):
    """Open the page of a task."""

    def visit(handle, **window):
        visitor = new_visitor(java_script_enabled=has_script, **window)
        return visitor, visitor.open(f"{site.url}/tasks/{handle.ref}")

    return visit


def test_a_page_follows_its_task(visit, add, go_on):
    """Without a script, it loads itself again until the task has ended."""
    _, page = visit(add(shown_tasks.thumbnails))
    expect(page.get_by_text("Running", exact=True).locator("visible=true")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_be_visible()

    go_on(1, 2, 3, 4)

    expect(page.get_by_text("Done", exact=True).locator("visible=true")).to_be_visible()
    expect(page.get_by_role("link", name="thumbnails.zip")).to_be_visible()
    expect(page.get_by_role("link", name="Result")).to_be_visible()


def test_a_task_is_cancelled_on_its_page(visit, add):
    """Without a script, by a form."""
    _, page = visit(add(shown_tasks.report))
    address = page.url

    page.get_by_role("button", name="Cancel").click()

    expect(page.get_by_text("Cancelled", exact=True).locator("visible=true")).to_be_visible()
    assert page.url == address


def test_a_file_is_downloaded_from_a_page(visit, add, go_on):
    """With its name."""
    handle = add(shown_tasks.thumbnails, 1)
    go_on(1)
    handle.result(timeout_seconds=60)
    _, page = visit(handle)

    with page.expect_download() as download:
        page.get_by_role("link", name="thumbnails.zip").click()

    assert download.value.suggested_filename == "thumbnails.zip"


def test_a_page_of_no_task_says_so(site, new_visitor, has_script):
    """With a sentence, and no more."""
    visitor = new_visitor(java_script_enabled=has_script)
    visitor.forgiven.append("404")

    page = visitor.open(f"{site.url}/tasks/abc")

    expect(page.get_by_text("There is no such task, or you may not see it.")).to_be_visible()


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_axe_finds_nothing_grave_on_a_page(site, new_visitor, add, color_scheme):
    """With the element; axe needs scripts, which the visitor without them does not have."""
    visitor = new_visitor(color_scheme=color_scheme)
    page = visitor.open(f"{site.url}/tasks/{add(shown_tasks.report).ref}")
    expect(part(page, "state")).to_have_text("Running")

    assert visitor.grave_findings(page) == []


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_axe_finds_nothing_grave_on_a_page_without_its_script(site, new_visitor, add, color_scheme):
    """The script of the element is not loaded, as on a bad line: what is there without it stays."""
    visitor = new_visitor(color_scheme=color_scheme)
    visitor.forgiven.append("ERR_FAILED")
    visitor.context.route("**/lilota.js", lambda route: route.abort())
    page = visitor.open(f"{site.url}/tasks/{add(shown_tasks.report).ref}")
    expect(page.get_by_role("progressbar")).to_be_visible()

    assert visitor.grave_findings(page) == []


def test_a_page_speaks_the_language_of_its_application(runner, new_visitor, add, go_on, has_script):
    """With a script and without it, in the same words."""
    words = {"language": "de", "running": "Läuft", "succeeded": 'Fertig & "gut"', "step": "Schritt {step} von {of}"}
    site = sites.Site(status_app(runner.client, allow=lambda *_: True, texts=words))
    page = new_visitor(java_script_enabled=has_script).open(f"{site.url}/tasks/{add(shown_tasks.thumbnails, 2).ref}")

    go_on(1)
    expect(page.get_by_text("Läuft", exact=True).locator("visible=true")).to_be_visible()
    if has_script:
        expect(part(page, "details")).to_contain_text("Schritt 1 von 2")
    go_on(2)
    expect(page.get_by_text('Fertig & "gut"', exact=True).locator("visible=true")).to_be_visible()

    assert page.locator("html").get_attribute("lang") == "de"
    site.close()
