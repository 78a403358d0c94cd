"""What visitors see, in light, in dark and on a phone: axe finds nothing grave, and nothing is wider than the window.

With LILOTA_TEST_PICTURES, each look leaves a picture there.
"""

from __future__ import annotations

import pytest
import shown_tasks
from looking import LOOKS, look_at, part

from lilota import as_completed

expect = pytest.importorskip("playwright.sync_api").expect

#: What a page says when it is drawn as it stays.
SHOWN = {"running": "photograph 2", "done": "Done", "failed": "Failed", "many": "Done", "long": "Failed"}


@pytest.fixture(params=LOOKS)
def look(request):
    return request.param


@pytest.fixture
def long_ago(runner, tmp_path):
    """Tasks that have ended, each in another way."""
    handles = [
        runner.add(shown_tasks.thumbnails.bind(str(tmp_path), 1)),
        runner.add(shown_tasks.invoice.bind()),
        runner.add(shown_tasks.many_files.bind(50)),
        runner.add(shown_tasks.endless_words.bind()),
    ]
    (tmp_path / "1").touch()
    list(as_completed(handles, timeout_seconds=60))
    return handles


def test_elements_are_sound(see, add, go_on, long_ago, new_visitor, look):  # noqa: PLR0917 - fixtures
    """One that runs, one of which nobody knows how far it is, those that have ended, their logs and many files."""
    running = [add(shown_tasks.thumbnails), add(shown_tasks.report)]
    go_on(1, 2)
    window = new_visitor(**LOOKS[look], reduced_motion="reduce", locale="en-GB")
    page = see(*running, *long_ago, by=window)
    expect(part(page, "state")).to_have_text(["Running", "Running", "Done", "Failed", "Done", "Failed"])
    page.get_by_role("button", name="Log").nth(3).click()
    expect(part(page, "log").nth(3)).to_contain_text("550 mailbox full")

    assert look_at(window, page, f"element-{look}") == []


@pytest.mark.parametrize("has_script", [True, False], ids=["script", "plain"])
def test_pages_of_tasks_are_sound(  # noqa: PLR0917 - fixtures
    site, add, go_on, long_ago, new_visitor, look, has_script
):
    """With the element and without a script: one that runs, those that have ended, one that is not there."""
    running = add(shown_tasks.thumbnails)
    go_on(1, 2)
    window = new_visitor(**LOOKS[look], java_script_enabled=has_script, reduced_motion="reduce")
    window.forgiven.append("status of 404")
    pages = dict(zip(("running", "done", "failed", "many", "long"), [running, *long_ago], strict=True))
    refs = {name: handle.ref for name, handle in pages.items()} | {"missing": "abc"}
    kind = "script" if has_script else "plain"
    wrong = {}
    for name, ref in refs.items():
        page = window.open(f"{site.url}/tasks/{ref}")
        if name in SHOWN:
            expect(page.get_by_text(SHOWN[name], exact=True).locator("visible=true")).to_be_visible()
        wrong[name] = look_at(window, page, f"page-{name}-{kind}-{look}", has_script=has_script)

    assert {name: found for name, found in wrong.items() if found} == {}
