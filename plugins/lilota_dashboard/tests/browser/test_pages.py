"""The dashboard in a real browser: what somebody does there, and what they see."""

from __future__ import annotations

import re

from filled import fill
from playwright.sync_api import expect

from lilota.contract import RunnerInfo
from lilota.models import NewTask


def state_of(page):
    return page.locator("#task .state").first


def test_the_printed_address_opens_the_overview_and_keeps_no_token(visitor, board):
    """It is not in the address any more, nor in the history."""
    visitor.forgiven.append("the server responded with a status of 401")
    page = visitor.open(f"{board.url}/#token={board.token}")

    expect(page.locator(".tiles")).to_be_visible()
    assert board.token not in page.url
    assert board.token not in "".join(visitor.requests)


def test_a_task_is_added_by_its_form_and_followed_to_its_result(enter, runner, tmp_path):
    """The bar, the message, the log and the result come by themselves."""
    page = enter("/names/add_two_numbers")
    page.get_by_label("number1").fill("20")
    page.get_by_label("number2").fill("22")
    page.get_by_role("button", name="Add").click()
    expect(page.locator("#output")).to_contain_text("42")

    task = runner.add("steps", "Copy", {"folder": str(tmp_path), "title": "maps"})
    page.goto(re.sub(r"/tasks/\d+", f"/tasks/{task.id}", page.url))
    expect(page.locator("#task")).to_contain_text("Copying maps, part 1")
    expect(page.locator("#live")).to_have_text("live")
    tmp_path.joinpath("1").touch()
    expect(page.locator("#task")).to_contain_text("Copying maps, part 2")
    expect(page.locator("#task progress")).to_have_attribute("value", re.compile(r"33\.3"))
    expect(page.locator("#log")).to_contain_text("Part 2 of maps")
    tmp_path.joinpath("2").touch()
    tmp_path.joinpath("3").touch()

    expect(state_of(page)).to_have_text("succeeded")
    expect(page.locator("#log")).to_contain_text("printed at the end")
    expect(page.locator("#log li")).to_have_count(4)
    expect(page.locator("#output")).to_contain_text('"copied": 3')


def test_a_running_task_is_cancelled(enter, runner):
    """One click, and its end is seen."""
    page = enter(f"/tasks/{runner.add('endless').id}")
    expect(page.locator("#task")).to_contain_text("Counting sheep")

    page.get_by_role("button", name="Cancel").click()

    expect(state_of(page)).to_have_text("cancelled")


def test_a_failed_task_is_retried_and_its_attempts_are_told(enter, runner, tmp_path):
    """The error and its traceback are there; what made it fail is mended; it succeeds."""
    file = tmp_path / "mended"
    task = runner.add("fail", input={"text": "no paper", "file": str(file)})
    page = enter(f"/tasks/{task.id}")
    expect(page.locator(".failure")).to_contain_text("no paper")
    expect(page.locator("#traceback")).to_contain_text("raise ValueError(text)")
    file.touch()

    page.get_by_role("button", name="Retry").click()

    expect(state_of(page)).to_have_text("succeeded")


def test_a_task_is_run_again_with_another_input(enter, runner):
    """The form has what it was given; the new task has what was changed."""
    page = enter(f"/tasks/{runner.add('add_two_numbers', input={'number1': 1, 'number2': 2}).id}")
    page.get_by_role("link", name="Run again").click()
    expect(page.get_by_label("number1")).to_have_value("1")
    page.get_by_label("number1").fill("40")
    page.get_by_role("button", name="Add").click()

    expect(page.locator("#output")).to_contain_text("42")


def test_a_form_says_at_the_field_what_is_wrong(enter, visitor):
    """And keeps what was filled in."""
    visitor.forgiven.append("the server responded with a status of 422")
    page = enter("/names/add_two_numbers")
    page.get_by_label("number1").fill("20")
    page.locator("form.form").evaluate("form => { form.noValidate = true }")
    page.get_by_role("button", name="Add").click()

    expect(page.locator(".wrong")).to_have_count(1)
    expect(page.get_by_label("number1")).to_have_value("20")


def test_the_list_is_filtered_while_somebody_types_and_acted_on(enter, client):
    """The address follows; retrying all that match is one click behind a page that says how many they are."""
    fill(client.store)
    page = enter("/tasks")
    page.get_by_placeholder("Name", exact=True).fill("send_emails")
    page.get_by_placeholder("Name", exact=True).press("Enter")
    expect(page.locator("#results .name").filter(has_text="import_orders")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"/tasks\?name=send_emails$"))
    page.get_by_role("navigation", name="States").get_by_role("link", name="failed").click()
    failed = len(list(client.find(names=["send_emails"], states=["failed"])))
    page.get_by_role("link", name="Retry all of these").click()
    expect(page.get_by_role("heading", name=f"Retry {failed} tasks?")).to_be_visible()

    page.get_by_role("button", name=f"Retry {failed}").click()

    expect(page.get_by_role("heading", name=f"Retried {failed} tasks")).to_be_visible()
    assert len(list(client.find(states=["pending"]))) == failed


def test_all_that_wait_can_be_cancelled_and_are_called_so_on_each_page(enter, client):
    """The address has the state of the API; there is no button for what would be refused."""
    client.add_many([{"name": "endless"}] * 3)
    page = enter("/tasks?state=pending")
    expect(page.locator("#results tbody .state")).to_have_text(["waiting"] * 3)
    expect(page.get_by_role("link", name="Retry all of these")).to_have_count(0)

    page.get_by_role("link", name="Cancel all of these").click()

    expect(page.locator(".chip")).to_have_text("state waiting")
    expect(page.locator("main")).not_to_contain_text("pending")


def test_a_filter_that_makes_no_sense_is_said_above_the_list(enter, client):
    """Nothing is lost that somebody typed."""
    client.add("endless")
    page = enter("/tasks")
    page.get_by_placeholder("Since: 2h, yesterday").fill("the other day")
    page.get_by_placeholder("Since: 2h, yesterday").press("Enter")

    expect(page.get_by_role("alert")).to_contain_text("the other day")


def test_the_overview_and_the_list_follow_what_happens(enter, client):
    """Nobody reloads anything."""
    page = enter()
    expect(page.locator(".tile.waiting b")).to_have_text("0")
    client.add_many([{"name": "endless"}] * 3)
    expect(page.locator(".tile.waiting b")).to_have_text("3")

    page.goto(page.url + "tasks")
    expect(page.locator("#results tbody tr")).to_have_count(3)
    client.add("endless")
    expect(page.locator("#results tbody tr")).to_have_count(4)


def test_the_overview_tells_how_much_memory_each_runner_takes(enter, client, runner):
    """One that does not tell, or tells what can't be, has a dash."""
    for runner_id, about_json in (("older", "{}"), ("odd", '{"memory_mb": 1e308}')):
        client.store.heartbeat(RunnerInfo(id=runner_id, about_json=about_json))
    rows = enter().locator("section[aria-labelledby=runners] tbody tr")

    expect(rows).to_have_count(3)
    expect(rows.filter(has_text=runner.runner_id[:8]).locator("td").nth(4)).to_have_text(re.compile(r"^[\d.]+ MB$"))
    expect(rows.filter(has_text="older").locator("td").nth(4)).to_have_text("\u2013")
    expect(rows.filter(has_text="odd").locator("td").nth(4)).to_have_text("\u2013")


def test_a_page_goes_on_after_the_server_was_started_again(enter, visitor, start, board, runner, tmp_path):  # noqa: PLR0917 - fixtures
    """With the same token file, nobody has to do anything."""
    visitor.forgiven.append("net::ERR_")  # which one depends on how far a connection was when the server ended
    board.stop()
    token = tmp_path / "token"
    token.write_text(board.token)
    token.chmod(0o600)
    board = start("--token-file", str(token), port=str(board.port))
    task = runner.add("steps", "Copy", {"folder": str(tmp_path), "title": "maps"})
    page = enter(f"/tasks/{task.id}")
    expect(page.locator("#live")).to_have_text("live")
    board.stop()
    expect(page.locator("#live")).to_have_text("reconnecting")
    tmp_path.joinpath("1").touch()

    start("--token-file", str(token), port=str(board.port))

    expect(page.locator("#live")).to_have_text("live")
    expect(page.locator("#task")).to_contain_text("Copying maps, part 2")
    expect(page.locator("#log li")).to_have_count(2)


def wait_for_page(page, address):
    """Wait until a page is there whole: before its script runs, it knows no keys."""
    expect(page).to_have_url(re.compile(address))
    page.wait_for_load_state()


def test_everything_is_reached_by_keys(enter, client):
    """The palette, the rows, the pages."""
    ids = [client.add("endless").id for _ in range(3)]
    page = enter("/tasks")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    wait_for_page(page, rf"/tasks/{ids[1]}$")
    page.keyboard.press("/")
    page.keyboard.type("plug")
    page.keyboard.press("Enter")
    wait_for_page(page, r"/plugins$")
    page.keyboard.press("/")
    page.keyboard.type(str(ids[0]))
    page.keyboard.press("Enter")
    wait_for_page(page, rf"/tasks/{ids[0]}$")
    page.keyboard.press("g")
    page.keyboard.press("o")
    wait_for_page(page, r"\d/$")
    expect(page.locator(".tiles")).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()


def test_a_row_that_was_reached_by_keys_is_opened_after_the_list_was_refreshed(enter, client):
    """The new rows take the place of the old ones, and the focus stays where it was."""
    ids = [client.add("endless").id for _ in range(2)]
    page = enter("/tasks")
    page.keyboard.press("j")
    client.add("endless")
    expect(page.locator("#results tbody tr")).to_have_count(3)

    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile(rf"/tasks/{ids[1]}$"))


def test_the_palette_says_that_there_are_more_names_than_it_shows(enter, client):
    """Who does not see a name there would think that there is none."""
    client.store.add([NewTask(name=f"shop_{number}") for number in range(20)])
    page = enter("/")
    page.keyboard.press("/")
    page.keyboard.type("shop")
    found = page.locator("#palette-list li")

    expect(found).to_have_count(14)
    expect(found.nth(12)).to_contain_text("8 more: type on, or see all names")
    found.nth(12).click()
    expect(page).to_have_url(re.compile(r"/names$"))


def test_the_colours_that_somebody_chose_are_kept(enter):
    """On the next page, too."""
    page = enter()
    page.locator("#theme").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.goto(page.url + "tasks")

    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_without_script_every_action_works(enter, new_visitor, board, client):
    """The token is typed, a task is cancelled."""
    task = client.add("endless")
    plain = new_visitor(java_script_enabled=False)
    plain.forgiven.append("the server responded with a status of 401")
    page = plain.open(board.url + "/")
    page.get_by_label("Token").fill(board.token)
    page.get_by_role("button", name="Open").click()
    page.goto(f"{board.url}/tasks/{task.id}")
    page.get_by_role("button", name="Cancel").click()

    expect(state_of(page)).to_have_text("cancelled")


def _root(page):
    return "/".join(page.url.split("/")[:3])


def test_no_text_of_a_stranger_becomes_part_of_a_page(enter, client, board):
    """Case 12: whatever a task or a runner is called, and whatever it logs, no script runs and no rule is broken."""
    from hostile import TEXTS, restore_hostile

    ids = restore_hostile(client)
    page = enter()
    page.context.add_init_script("window.alert = () => console.error('alert was called')")
    for path in ("/", "/tasks", "/names", "/plugins", "/store", *(f"/tasks/{each}" for each in ids)):
        page.goto(_root(page) + path)
        expect(page.locator("main svg[onload], main img[src=x], main script")).to_have_count(0)
    page.goto(f"{_root(page)}/tasks/{ids[0]}")
    page.keyboard.press("/")
    page.keyboard.type("svg")
    page.wait_for_selector("#palette-list li")

    assert len(ids) == len(TEXTS)
