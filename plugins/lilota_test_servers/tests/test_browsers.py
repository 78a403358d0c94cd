"""Visitors: what of a page they complain about, and what they count and find."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import pytest
from lilota_test_servers.browsers import open_chromium
from lilota_test_servers.errors import ServerUnavailableError


class Answer(BaseHTTPRequestHandler):
    """Answers with the page that stands in the address, and with a strict Content-Security-Policy."""

    def do_GET(self) -> None:
        main = unquote(urlsplit(self.path).query)
        body = f"<!doctype html><html lang=en><title>T</title><main>{main}</main>".encode()
        self.send_response(200)
        self.send_header("Content-Security-Policy", "default-src 'self'; style-src 'self'; img-src *")
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def forgive_all(visitor) -> None:
    visitor.forgiven.append("")


def test_a_page_without_faults_is_no_complaint(visitor, url):
    """What is shown can be asked for, and the fixture has nothing to say afterwards."""
    page = visitor.open(url + "?<h1>Hello</h1>")

    assert page.get_by_role("heading").text_content() == "Hello"
    assert visitor.unforgiven() == []


def test_inline_script_and_style_are_complaints(visitor, url):
    """A strict policy refuses them, and both are noted."""
    forgive_all(visitor)
    page = visitor.open(url + "?<p style='color: red'>A<script>1</script>")

    for refused in ("style-src-attr refused inline", "script-src-elem refused inline"):
        expected = f"Console: Content-Security-Policy: {refused}"
        visitor.until(page, lambda text=expected: any(text in one for one in visitor.complaints), expected)


def test_an_uncaught_exception_is_a_complaint(visitor, url):
    """Also one that comes later."""
    forgive_all(visitor)
    page = visitor.open(url)
    page.evaluate("() => { setTimeout(() => { throw new Error('ouch') }, 0) }")

    visitor.until(page, lambda: visitor.complaints, "a complaint")

    assert visitor.complaints == ["Uncaught: ouch"]


def test_a_request_to_another_host_is_a_complaint(visitor, url):
    """Another port is another host; the address is named."""
    forgive_all(visitor)
    page = visitor.open(url + "?<img alt='' src='http://127.0.0.1:9/a.png'>")

    expected = "Request to another host: http://127.0.0.1:9/a.png"
    visitor.until(page, lambda: expected in visitor.complaints, expected)


def test_requests_are_counted(visitor, url):
    """By a part of the method and the address."""
    page = visitor.open(url + "?<img alt='' src='/one.png'><img alt='' src='/two.png'>")

    visitor.until(page, lambda: visitor.count_requests("GET") == 3, "three requests")
    assert visitor.count_requests(f"GET {url}one.png") == 1


def test_axe_finds_what_is_serious(visitor, url):
    """An image without a text for those who can't see it, also below a policy that refuses scripts."""
    page = visitor.open(url + "?<h1>A</h1><img src='/one.png'>")

    (finding,) = visitor.grave_findings(page)

    assert "image-alt" in finding


def test_visitors_share_nothing(new_visitor, url):
    """Each has cookies and a window of their own."""
    first, second = new_visitor(viewport={"width": 360, "height": 640}), new_visitor()
    page = first.open(url)
    page.evaluate("document.cookie = 'a=1'")

    assert page.evaluate("innerWidth") == 360
    assert second.open(url).evaluate("document.cookie") == ""


def test_pictures_are_taken_on_demand(visitor, url, tmp_path, monkeypatch):
    """Into the folder that the variable names, and only then."""
    page = visitor.open(url)
    monkeypatch.delenv("LILOTA_TEST_PICTURES", raising=False)
    visitor.photograph(page, "no")
    monkeypatch.setenv("LILOTA_TEST_PICTURES", str(tmp_path))
    visitor.photograph(page, "yes")

    assert [path.name for path in tmp_path.iterdir()] == ["yes.png"]


def test_without_chromium_the_error_names_the_remedy(monkeypatch, tmp_path):
    """The tests that need it are skipped with this reason."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ServerUnavailableError, match="Install Debian's `chromium`"), open_chromium():
        pass


def test_a_loop_runs_while_the_browser_is_there(chromium):
    """That is why it is there for one module of tests only."""
    coroutine = asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="running event loop"):
        asyncio.run(coroutine)
    coroutine.close()
