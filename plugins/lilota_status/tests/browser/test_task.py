"""<lilota-task> in a real browser, on pages with a strict Content-Security-Policy: what people see and do."""

from __future__ import annotations

import re

import pytest
import shown_tasks
from looking import bar, button, events_of, part

from lilota.texts.words import size

expect = pytest.importorskip("playwright.sync_api").expect


def test_a_task_is_seen_from_its_start_to_its_result(see, add, go_on, visitor):
    """The bar, the message and the state follow it, and all of it comes by one stream."""
    page = see(add(shown_tasks.thumbnails))
    expect(part(page, "title")).to_have_text("Thumbnails of your photographs")
    expect(part(page, "state")).to_have_text("Running")
    go_on(1)
    expect(part(page, "message")).to_have_text("photograph 1")
    expect(part(page, "details")).to_contain_text("25% · step 1 of 4")
    expect(bar(page)).to_have_attribute("aria-valuenow", "25")
    go_on(2, 3)
    expect(bar(page)).to_have_attribute("aria-valuenow", "75")
    go_on(4)
    expect(part(page, "state")).to_have_text("Done")
    expect(part(page, "details")).to_contain_text("took")
    expect(bar(page)).to_have_count(0)
    expect(button(page, "Cancel")).to_have_count(0)

    assert visitor.count_requests("/events?") == 1
    page.get_by_role("link", name="Result").click()
    expect(page.get_by_text('{"result":{"photographs":4}}')).to_be_visible()


def test_a_task_that_does_not_say_how_far_it_is_has_a_bar_without_a_value(see, add):
    """It moves, and tells those who don't see it what the task does."""
    page = see(add(shown_tasks.report))
    expect(part(page, "message")).to_have_text("Reading the ledger")

    assert bar(page).get_attribute("aria-valuenow") is None
    expect(bar(page)).to_have_attribute("aria-valuetext", "Running")
    expect(bar(page)).to_have_attribute("aria-label", "Yearly report")


def test_a_running_task_is_cancelled(see, add):
    """By one press, after which there is nothing more to press."""
    handle = add(shown_tasks.report)
    page = see(handle)
    expect(part(page, "state")).to_have_text("Running")

    button(page, "Cancel").click()

    expect(part(page, "state")).to_have_text("Cancelled")
    expect(button(page, "Cancel")).to_have_count(0)
    assert handle.info().state == "cancelled"


def test_an_end_that_overtakes_the_answer_to_a_cancellation_counts(see, add):
    """The stream may be quicker than the answer, in which the task still runs."""
    page = see(add(shown_tasks.report))
    expect(part(page, "state")).to_have_text("Running")
    page.route("**/cancel", lambda route: _answer_late(route, page))

    with page.expect_response("**/cancel"):
        button(page, "Cancel").click()

    expect(part(page, "live")).to_have_text("Yearly report: Cancelled")
    expect(button(page, "Cancel")).to_have_count(0)
    assert part(page, "state").text_content() == "Cancelled"


def _answer_late(route, page):
    answer = route.fetch()
    expect(part(page, "state")).to_have_text("Cancelled")
    route.fulfill(response=answer)


def test_a_cancellation_that_is_refused_is_said(see, add, visitor):
    """The button can be pressed again."""
    visitor.forgiven.append("503 (Service Unavailable)")
    page = see(add(shown_tasks.report))
    answer = {"status": 503, "json": {"error": "The tasks can't be asked just now."}}
    page.route("**/cancel", lambda route: route.fulfill(**answer))

    button(page, "Cancel").click()

    expect(part(page, "trouble")).to_have_text("That did not work: The tasks can't be asked just now.")
    expect(button(page, "Cancel")).to_be_enabled()


def test_why_a_task_has_failed_is_said_in_a_sentence(see, add):
    """There is no traceback, and nothing to cancel."""
    page = see(add(shown_tasks.invoice))

    expect(part(page, "state")).to_have_text("Failed")
    expect(part(page, "error")).to_have_text("The mail server refused the message: mailbox full.")
    expect(button(page, "Cancel")).to_have_count(0)
    assert "Traceback" not in page.content()


def test_the_log_is_shown_on_demand_and_goes_on(see, add, go_on):
    """Lines that there are already, and those that come."""
    page = see(add(shown_tasks.thumbnails))
    go_on(1)
    expect(part(page, "message")).to_have_text("photograph 1")
    expect(part(page, "log")).to_be_hidden()

    button(page, "Log").click()

    expect(part(page, "log").locator("div")).to_have_text(["photograph 1 of 4"])
    expect(button(page, "Log")).to_have_attribute("aria-expanded", "true")
    go_on(2)
    expect(part(page, "log").locator("div")).to_have_text(["photograph 1 of 4", "photograph 2 of 4"])
    button(page, "Log").click()
    expect(part(page, "log")).to_be_hidden()


def test_a_long_log_is_bounded_and_has_no_colours_of_terminals(see, add):
    """The page keeps the newest 500 lines, also of a task that has ended."""
    handle = add(shown_tasks.talk, 1200)
    handle.result(timeout_seconds=60)
    page = see(handle)
    expect(part(page, "state")).to_have_text("Done")

    button(page, "Log").click()

    expect(part(page, "log").locator("div")).to_have_count(500)
    expect(part(page, "log").locator("div").first).to_have_text("row 701")
    expect(part(page, "log").locator("div").last).to_have_text("row 1200")


def test_files_are_downloaded(see, add, go_on):
    """Each is there with its name and its size."""
    page = see(add(shown_tasks.thumbnails, 1))
    go_on(1)
    expect(part(page, "size")).to_have_text("14 bytes")

    with page.expect_download() as download:
        page.get_by_role("link", name="thumbnails.zip").click()

    assert download.value.suggested_filename == "thumbnails.zip"
    assert download.value.path().read_bytes() == b"small pictures"


def test_a_size_is_written_as_on_pages_without_a_script(see, add):
    """Which of the two somebody sees is chance."""
    page = see(add(shown_tasks.thumbnails, 1))
    sizes = [0, 1, 14, 999, 1000, 1499, 12_345, 999_999, 24_100_000, 241_300_000, 2_140_000_000]
    shown = """sizes => {
        const element = document.querySelector("lilota-task");
        return sizes.map((size) => element.file({name: "", size, url: ""}).textContent);
    }"""

    assert page.evaluate(shown, sizes) == [size(each) for each in sizes]


def test_what_ended_while_nobody_looked_is_there(see, add, go_on):
    """A page that is opened later shows the end, the files and the result, and asks no more."""
    handle = add(shown_tasks.thumbnails, 1)
    go_on(1)
    handle.result(timeout_seconds=60)

    page = see(handle)

    expect(part(page, "state")).to_have_text("Done")
    expect(page.get_by_role("link", name="thumbnails.zip")).to_be_visible()


def test_a_reference_of_no_task_is_said(visitor, site):
    """A changed reference, for example."""
    page = visitor.open(site.with_page('<lilota-task ref="abc"></lilota-task>'))

    expect(part(page, "state")).to_have_text("There is no such task any more.")


def test_an_element_gets_another_reference(see, add, go_on):
    """Frameworks change attributes; the element shows the other task, and nothing of the first."""
    first, second = add(shown_tasks.invoice), add(shown_tasks.report)
    page = see(first)
    expect(part(page, "state")).to_have_text("Failed")

    page.locator("lilota-task").evaluate("(task, ref) => task.setAttribute('ref', ref)", second.ref)

    expect(part(page, "state")).to_have_text("Running")
    expect(part(page, "title")).to_have_text("Yearly report")
    expect(part(page, "error")).to_be_hidden()


def test_an_element_that_is_moved_keeps_what_it_shows(see, add):
    """Also an open log."""
    page = see(add(shown_tasks.invoice))
    button(page, "Log").click()
    expect(part(page, "log")).to_contain_text("550 mailbox full")

    page.evaluate("document.querySelector('main').prepend(document.querySelector('lilota-task'))")

    expect(part(page, "log")).to_contain_text("550 mailbox full")
    expect(part(page, "log").get_by_text("550 mailbox full")).to_have_count(1)


def test_the_page_hears_of_changes_and_of_the_end(see, add, go_on, visitor):
    """The events carry the task as the server tells it, and bubble up to the document."""
    page = see(add(shown_tasks.thumbnails, 1))
    heard = events_of(page, "lilota-change", "lilota-end")
    go_on(1)
    expect(part(page, "state")).to_have_text("Done")

    ends = [detail for name, detail in heard() if name == "lilota-end"]

    assert [(task["state"], task["percentage"]) for task in ends] == [("succeeded", 100)]
    assert ends[0]["files"][0]["name"] == "thumbnails.zip"
    assert any(name == "lilota-change" for name, _ in heard())


def test_two_elements_share_one_stream(see, add, go_on, visitor):
    """However many there are on a page."""
    page = see(*(add(shown_tasks.thumbnails) for _ in range(2)))
    go_on(1)
    expect(part(page, "message")).to_have_text(["photograph 1", "photograph 1"])

    assert visitor.count_requests("/events?") == 1


def test_texts_are_translated(visitor, site, add, go_on):
    """By the page, in the words and the numbers of its language."""
    words = '{"waiting": "Wartet", "running": "Läuft", "step": "Schritt {step} von {of}", "took": "nach {time}"}'
    handle = add(shown_tasks.thumbnails, 2)
    page = visitor.open(site.with_page(f"<lilota-task ref='{handle.ref}' texts='{words}'></lilota-task>", lang="de"))
    go_on(1)
    expect(part(page, "state")).to_have_text("Läuft")
    expect(part(page, "details")).to_contain_text("Schritt 1 von 2")
    go_on(2)

    expect(part(page, "details")).to_contain_text(re.compile(r"nach \d+ (Sekunde|Minute)"))


def test_states_are_announced_and_progress_is_not_chattered(see, add, go_on):
    """Who hears the page hears of each new state; of the progress at most at each quarter, and every ten seconds."""
    page = see(add(shown_tasks.thumbnails, 100))
    expect(part(page, "state")).to_have_text("Running")
    page.get_by_role("status").evaluate(
        """live => { window.said = [];
            new MutationObserver(() => said.push(live.textContent)).observe(live, {childList: true}) }"""
    )
    go_on(*range(1, 51))
    expect(bar(page)).to_have_attribute("aria-valuenow", "50")
    go_on(*range(51, 101))
    expect(part(page, "state")).to_have_text("Done")

    said = page.evaluate("said")

    assert said[-1] == "Thumbnails of your photographs: Done"
    assert len(said) <= 5


def test_the_keyboard_is_enough(see, add):
    """What can be pressed is reached with the tab key, and one sees where one is."""
    page = see(add(shown_tasks.report))
    expect(button(page, "Cancel")).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(part(page, "log")).to_be_visible()

    page.keyboard.press("Tab")

    assert button(page, "Cancel").evaluate("node => getComputedStyle(node).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(part(page, "state")).to_have_text("Cancelled")


def test_who_wants_no_motion_has_none(new_visitor, see, add):
    """A bar without a value stands still."""
    page = see(add(shown_tasks.report), by=new_visitor(reduced_motion="reduce"))
    expect(part(page, "state")).to_have_text("Running")

    assert part(page, "fill").evaluate("node => getComputedStyle(node).animationName") == "none"


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_axe_finds_nothing_grave(new_visitor, see, add, go_on, color_scheme):
    """In each state, with the log open, in light and dark."""
    somebody = new_visitor(color_scheme=color_scheme)
    tasks = [
        add(shown_tasks.thumbnails),
        add(shown_tasks.report),
        add(shown_tasks.invoice),
    ]
    waiting = add(shown_tasks.report)
    go_on(1)
    page = see(*tasks, waiting, by=somebody)
    expect(part(page, "state")).to_have_text(["Running", "Running", "Waiting", "Waiting"])
    tasks[1].cancel()
    expect(part(page, "state")).to_have_text(["Running", "Cancelled", "Failed", "Running"])
    for log in button(page, "Log").all():
        log.click()
    expect(part(page, "log").nth(2)).to_contain_text("550 mailbox full")

    assert somebody.grave_findings(page) == []


def test_a_phone_has_room_for_it(new_visitor, see, add):
    """Nothing is wider than the window, not even a text without a space."""
    somebody = new_visitor(viewport={"width": 320, "height": 640})
    page = see(add(shown_tasks.hostile, "x" * 500), by=somebody)
    expect(part(page, "message")).to_be_visible()
    button(page, "Log").click()
    expect(part(page, "log")).to_be_visible()

    assert page.evaluate("document.documentElement.scrollWidth") == 320
