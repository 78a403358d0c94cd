"""The Django project of the how-to, made of what stands there and nothing else, in a browser."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest
from lilota_test_servers import held_port
from looking import button, part

pytest.importorskip("lilota_django")
expect = pytest.importorskip("playwright.sync_api").expect

PAGE = Path(__file__).parents[4] / "docs/how-to/status-pages.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE_LINE = re.compile(r"(?:# |<!-- )([\w/]+\.\w+)(, at its end)?(?: -->)?\n")
PERSON = {
    "DJANGO_SUPERUSER_USERNAME": "ann",
    "DJANGO_SUPERUSER_PASSWORD": "harbour",
    "DJANGO_SUPERUSER_EMAIL": "a@b.de",
}
#: Programs import much before they answer, and the machine may have much else to do.
_WAIT_SECONDS = 150

pytestmark = [
    pytest.mark.skipif(not PAGE.exists(), reason="the documentation is not here"),
    pytest.mark.timeout(400),
]


@pytest.fixture
def port():
    with held_port() as number:
        yield number


@pytest.fixture
def processes():
    """What was started; it ends with the test, also where it never answered."""
    started = []
    yield started
    for process in started:
        process.terminate()
    for process in started:
        process.wait(_WAIT_SECONDS)


@pytest.fixture
def site(tmp_path, port, processes):
    """Do what the page says, and return the address of the site that runs then."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "LILOTA_"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{own.get('PATH', os.defpath)}"
    given = {"cwd": tmp_path, "env": {**own, **PERSON, "PATH": path, "PYTHONDONTWRITEBYTECODE": "1"}}
    for command in _written(tmp_path):
        if command.endswith("runserver"):
            processes.append(subprocess.Popen([*command.split(), "--noreload", str(port)], **given))
        else:
            silent = ["--noinput"] if command.endswith("createsuperuser") else []
            subprocess.run([*command.split(), *silent], check=True, **given)
    printed = tmp_path / "printed"
    with printed.open("w") as output:
        worker = ["python", "-u", "manage.py", "lilota_worker", "--processes", "1"]
        processes.append(subprocess.Popen(worker, stdout=output, **given))
    url = f"http://127.0.0.1:{port}/"
    _wait_until(lambda: _answers(url), processes)
    _wait_until(lambda: "Ready." in printed.read_text(), processes)
    return url


def _written(folder):
    """Write the files of the section, one by one, and give the commands between them."""
    section = PAGE.read_text(encoding="utf-8").partition("## Django\n")[2].partition("\n## ")[0]
    for language, text in BLOCK.findall(section):
        if language == "console":
            yield from (line[2:] for line in text.splitlines())
            continue
        name = FILE_LINE.match(text)
        path = folder / name[1]
        path.parent.mkdir(exist_ok=True)
        path.write_text((path.read_text() if name[2] else "") + text[name.end() :])


def _wait_until(condition, processes):
    ends_at = time.monotonic() + _WAIT_SECONDS
    while not condition():
        assert all(process.poll() is None for process in processes), "one of them has ended"
        assert time.monotonic() < ends_at, "they are not ready"
        time.sleep(0.05)


def _answers(url):
    with suppress(OSError), urllib.request.urlopen(url):
        return True
    return False


def test_the_django_project_of_the_page_works(site, visitor, tmp_path):
    """A text is uploaded, followed, and downloaded in capitals; a long one is cancelled."""
    visitor.forgiven.append("status of 406")  # under WSGI there are no streams; the browser notes it
    page = visitor.open(site)
    page.get_by_label("Username").fill("ann")
    page.get_by_label("Password").fill("harbour")
    button(page, "Log in").click()

    _upload(page, tmp_path / "short.txt", "the harbour\nat night")
    expect(part(page, "state")).to_have_text("Done")
    with page.expect_download() as download:
        page.get_by_role("link", name="capitals.txt").click()
    assert download.value.path().read_text() == "THE HARBOUR\nAT NIGHT"

    _upload(page, tmp_path / "long.txt", "a line\n" * 3600)
    expect(part(page, "state")).to_have_text(["Running", "Done"])
    expect(page.get_by_role("progressbar")).to_be_visible()
    button(page, "Cancel").click()
    expect(part(page, "state")).to_have_text(["Cancelled", "Done"])


def _upload(page, path, text):
    path.write_text(text)
    page.get_by_label("Text").set_input_files(path)
    button(page, "Make capitals").click()
