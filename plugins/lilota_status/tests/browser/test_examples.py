"""The example applications, as their READMEs start them, and what people do with them."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import time
import urllib.request
import zipfile
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from lilota_test_servers import held_port
from looking import LOOKS, button, look_at, part
from PIL import Image

expect = pytest.importorskip("playwright.sync_api").expect

DJANGO = "django_photos/run.py"
EXAMPLES = Path(__file__).resolve().parents[4] / "examples"
#: A program imports much before it answers, and the machine may have much else to do.
_WAIT_SECONDS = 150

pytestmark = [
    pytest.mark.skipif(not EXAMPLES.exists(), reason="the examples are in a checkout only"),
    pytest.mark.timeout(400),
]


@pytest.fixture
def start(tmp_path):
    """Return what starts an example in a new folder, and returns its address."""
    processes = []
    ports = ExitStack()

    def start(program, *arguments):
        port = ports.enter_context(held_port())
        environment = {**os.environ, "PORT": str(port), "DATA_DIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, str(EXAMPLES / program), *arguments]
        printed = tmp_path / "printed"
        with printed.open("w") as output:
            processes.append(subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=output))
        url = f"http://127.0.0.1:{port}/"
        _wait_until(lambda: _answers(url), processes[-1])
        if program == DJANGO:  # its worker is a program of its own
            _wait_until(lambda: "Ready." in printed.read_text(), processes[-1])
        return url

    yield start
    for process in processes:
        process.terminate()
        process.wait(_WAIT_SECONDS)
    ports.close()


def _wait_until(condition, process):
    ends_at = time.monotonic() + _WAIT_SECONDS
    while not condition():
        assert process.poll() is None, "the example has ended"
        assert time.monotonic() < ends_at, "the example is not ready"
        time.sleep(0.05)


def _answers(url):
    with suppress(OSError), urllib.request.urlopen(url):
        return True
    return False


@pytest.fixture(params=["fastapi_photos/app.py", DJANGO, f"{DJANGO} --asgi"])
def example(request, start):
    """The address of an example with the photographs and the report."""
    if request.param.startswith(DJANGO):
        pytest.importorskip("lilota_django")
    return start(*request.param.split())


@pytest.fixture
def enter(example):
    """Return what lets somebody into the example: with Django, by an account."""

    def enter(visitor, name="ann"):
        visitor.forgiven.append("status of 406")  # there are no streams under WSGI; the browser notes it
        page = visitor.open(example)
        if "/accounts/" in page.url:
            page.get_by_role("link", name="Make an account").click()
            page.get_by_label("Username").fill(name)
            page.get_by_label("Password", exact=False).nth(0).fill("harbour-lights")
            page.get_by_label("Password confirmation").fill("harbour-lights")
            button(page, "Make an account").click()
        return page

    return enter


@pytest.fixture
def photos(tmp_path):
    """Some photographs, as large as those of a telephone."""
    paths = [tmp_path / f"harbour-{number}.jpg" for number in range(1, 4)]
    for path in paths:
        Image.effect_noise((2000, 1500), 80).save(path, "JPEG")
    return paths


def test_photographs_become_thumbnails(enter, visitor, photos):
    """They are uploaded, followed, and the thumbnails are downloaded."""
    page = enter(visitor)
    page.get_by_label("Photographs").set_input_files(photos)
    button(page, "Make thumbnails").click()
    expect(part(page, "title")).to_have_text("Thumbnails")
    expect(part(page, "state")).to_have_text("Done")

    with page.expect_download() as download:
        page.get_by_role("link", name="thumbnails.zip").click()

    with zipfile.ZipFile(io.BytesIO(download.value.path().read_bytes())) as packed:
        assert packed.namelist() == ["001.jpg", "002.jpg", "003.jpg"]
        with packed.open("001.jpg") as stream:
            assert Image.open(stream).size == (320, 240)
    button(page, "Log").click()
    expect(part(page, "log")).to_contain_text("harbour-3.jpg is done")


def test_a_report_is_watched_and_downloaded(enter, visitor):
    """Its bar moves month by month."""
    page = enter(visitor)
    button(page, "Order a report").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(part(page, "details")).to_contain_text("of 12")
    expect(part(page, "state")).to_have_text("Done")

    with page.expect_download() as download:
        page.get_by_role("link", name="report-2026.csv").click()

    assert download.value.path().read_bytes().splitlines()[-1].startswith(b"2026-12,")


def test_an_order_is_cancelled(enter, visitor):
    """By who has given it."""
    page = enter(visitor)
    button(page, "Order a report").click()
    expect(part(page, "state")).to_have_text("Running")

    button(page, "Cancel").click()

    expect(part(page, "state")).to_have_text("Cancelled")


def test_everybody_sees_their_own_tasks(example, enter, new_visitor):
    """Not even with a reference does one see those of somebody else."""
    ann, bob = new_visitor(), new_visitor()
    page = enter(ann)
    button(page, "Order a report").click()
    expect(part(page, "title")).to_have_count(1)
    ref = page.locator("lilota-task").get_attribute("ref")

    elsewhere = enter(bob, "bob")
    expect(elsewhere.get_by_text("No tasks yet.")).to_be_visible()

    bob.forgiven.append("404")
    assert bob.context.request.get(f"{example}tasks/{ref}").status == 404
    assert ann.context.request.get(f"{example}tasks/{ref}").status == 200


def test_without_a_script_the_page_of_a_task_refreshes_itself(example, enter, new_visitor):
    """Until its file is there."""
    ann, without_script = new_visitor(), new_visitor(java_script_enabled=False)
    page = enter(ann)
    button(page, "Order a report").click()
    ref = page.locator("lilota-task").get_attribute("ref")
    without_script.context.add_cookies(ann.context.cookies())

    page = without_script.open(f"{example}tasks/{ref}")

    expect(page.get_by_role("link", name="report-2026.csv")).to_be_visible()


def test_the_small_example_works_too(start, visitor):
    """With Flask, by long polls."""
    visitor.forgiven.append("status of 406")
    page = visitor.open(start("flask_small/app.py"))
    page.get_by_label("Pages").fill("4")
    button(page, "Order a report").click()
    expect(part(page, "state")).to_have_text("Done")

    with page.expect_download() as download:
        page.get_by_role("link", name="report.txt").click()

    assert download.value.path().read_bytes() == b"page\n" * 4


def test_axe_finds_nothing_grave(enter, visitor):
    """On the page with its forms and a task."""
    page = enter(visitor)
    button(page, "Order a report").click()
    expect(part(page, "state")).to_be_visible()

    assert visitor.grave_findings(page) == []


def test_photographs_are_sound_in_each_look(enter, new_visitor, photos, request):
    """A task that is ready, one that runs, and the forms."""
    name = request.node.callspec.id.partition("_")[0]
    wrong = {}
    for look, options in LOOKS.items():
        window = new_visitor(**options, reduced_motion="reduce", locale="en-GB")
        page = enter(window, f"ann-{look}")
        page.get_by_label("Photographs").set_input_files(photos)
        button(page, "Make thumbnails").click()
        expect(part(page, "state")).to_have_text("Done")
        button(page, "Order a report").click()
        expect(part(page, "details").first).to_contain_text(re.compile(r"step ([4-9]|1[01]) of 12"))
        wrong[look] = look_at(window, page, f"{name}-{look}")

    assert {look: found for look, found in wrong.items() if found} == {}


def test_the_small_example_is_sound_in_each_look(start, new_visitor):
    """Its form, and a task that runs."""
    address = start("flask_small/app.py")
    wrong = {}
    for look, options in LOOKS.items():
        window = new_visitor(**options, reduced_motion="reduce", locale="en-GB")
        window.forgiven.append("status of 406")
        page = window.open(address)
        page.get_by_label("Pages").fill("100")
        button(page, "Order a report").click()
        expect(part(page, "details").first).to_contain_text("of 100")
        wrong[look] = look_at(window, page, f"flask-{look}")
        button(page, "Cancel").first.click()
        expect(part(page, "state").first).to_have_text("Cancelled")

    assert {look: found for look, found in wrong.items() if found} == {}
