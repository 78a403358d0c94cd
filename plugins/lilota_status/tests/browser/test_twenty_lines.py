"""The application of twenty lines that the how-to prints: copied into a folder, started as it says, and used."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from lilota_test_servers import held_port
from looking import bar, button, part
from servers import until

expect = pytest.importorskip("playwright.sync_api").expect

PAGE = Path(__file__).parents[4] / "docs/how-to/status-pages.md"
#: As many are numbered in a second, and in two minutes.
FEW, MANY = 10, 1200
_WAIT_SECONDS = 60

pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the documentation is not here")


def printed():
    """Return what the page has a reader copy, the name of its file, and what he is to type."""
    section = PAGE.read_text(encoding="utf-8").partition("\n## Twenty lines\n")[2].partition("\n## ")[0]
    name, program = re.search(r"^```python\n# file: (\S+)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL).groups()
    return name, program, re.search(r"^\$ (uvicorn .*)$", section, re.MULTILINE)[1]


@pytest.fixture
def url(tmp_path):
    """Start it in a new folder, and return its address."""
    pytest.importorskip("fastapi")
    name, program, command = printed()
    (tmp_path / name).write_text(program, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LILOTA_")}
    with held_port() as port:
        environment["UVICORN_PORT"] = str(port)
        with subprocess.Popen([sys.executable, "-m", *command.split()], cwd=tmp_path, env=environment) as process:
            until(lambda: _listens(port, process), bool)
            yield f"http://127.0.0.1:{port}/"
            process.terminate()
            process.wait(_WAIT_SECONDS)


def _listens(port, process):
    assert process.poll() is None, "the application has ended"
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.fixture
def write(tmp_path):
    """Return what writes a text of so many lines to upload."""

    def write(lines):
        path = tmp_path / f"harbour-{lines}.txt"
        path.write_text("".join(f"ship {number}\n" for number in range(lines)))
        return path

    return write


def upload(page, text):
    page.get_by_label("A text").set_input_files(text)
    button(page, "Number its lines").click()


def test_it_is_no_longer_than_it_says():
    """Imports and the page are not counted."""
    program = re.sub(r'""".*?"""', '""', printed()[1], flags=re.DOTALL)
    lines = [line for line in program.splitlines() if line.strip() and not re.match(r"(import|from) ", line)]

    assert len(lines) <= 20


def test_an_upload_is_downloaded_whole(url, visitor, write):
    """When it is done."""
    text = write(FEW)
    page = visitor.open(url)
    upload(page, text)
    expect(part(page, "state")).to_have_text("Done")

    with page.expect_download() as download:
        page.get_by_role("link", name="numbered.txt").click()

    wanted = "".join(f"{number} {line}" for number, line in enumerate(text.read_text().splitlines(keepends=True), 1))
    assert download.value.path().read_text() == wanted


def test_an_upload_is_followed_and_cancelled(url, visitor, write):
    """The bar moves while nobody does anything; in the end, the page has nothing to download."""
    page = visitor.open(url)
    upload(page, write(MANY))
    expect(bar(page)).to_have_attribute("aria-valuenow", re.compile(r"\d"))
    first = bar(page).get_attribute("aria-valuenow")
    expect(bar(page)).not_to_have_attribute("aria-valuenow", first)
    expect(part(page, "message")).to_have_text("Numbering")
    visitor.photograph(page, "twenty-lines")
    expect(part(page, "state")).to_have_text("Running")

    button(page, "Cancel").click()

    expect(part(page, "state")).to_have_text("Cancelled")
    expect(page.get_by_role("link", name="numbered.txt")).to_have_count(0)


def test_who_opens_it_sees_a_form_and_no_empty_task(url, visitor):
    """And what somebody writes into the address is text."""
    page = visitor.open(url)
    expect(page.get_by_label("A text")).to_be_visible()
    visitor.photograph(page, "twenty-lines-empty")
    assert page.locator("lilota-task").inner_text() == ""

    page.goto(f"{url}?ref=%22%3E%3Cimg src=x onerror=alert(1)%3E")

    expect(page.locator("img")).to_have_count(0)
