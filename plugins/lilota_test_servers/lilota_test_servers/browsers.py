"""A real browser for tests: Debian's Chromium, driven by playwright, and visitors who note what goes wrong in it."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack
from urllib.parse import urlsplit

from lilota_test_servers.errors import ServerUnavailableError

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, ViewportSize

_WAIT_SECONDS = 30
_POLL_MILLISECONDS = 50
_ARGUMENTS = (
    "--no-sandbox",  # it refuses to be run by root otherwise
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
#: A browser tells a violation of the Content-Security-Policy to the page; the page tells us.
_TELL_VIOLATIONS = """document.addEventListener("securitypolicyviolation", event => console.error(
    `Content-Security-Policy: ${event.effectiveDirective} refused ${event.blockedURI || "inline"} ${event.sample}`))"""
#: What axe calls serious or worse.
_GRAVE = ("serious", "critical")


@contextmanager
def open_chromium() -> Iterator[Browser]:
    """Start a browser, and end it. About a second.

    Meanwhile an event loop runs in this thread, so that `asyncio.run` is refused there.

    Raises:
        ServerUnavailableError: playwright, axe or Chromium is not installed.
    """
    program = _chromium()
    try:
        import axe_playwright_python  # noqa: F401 - asked for here, not at the first page that is checked
        from playwright.sync_api import expect, sync_playwright
    except ImportError as error:
        raise ServerUnavailableError(
            "The Python packages `playwright` and `axe-playwright-python` are not installed. "
            "Install lilota-test-servers[browsers]."
        ) from error
    expect.set_options(timeout=_WAIT_SECONDS * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(_ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


def _chromium() -> str:
    program = shutil.which("chromium")
    if program is None:
        raise ServerUnavailableError("Chromium is not installed. Install Debian's `chromium`.")
    return program


class Window(TypedDict, total=False):
    """What a visitor's window is like, in the words of playwright's `new_context`."""

    viewport: ViewportSize
    device_scale_factor: float
    color_scheme: Literal["light", "dark"]
    reduced_motion: Literal["reduce", "no-preference"]
    java_script_enabled: bool
    locale: str
    timezone_id: str
    extra_http_headers: dict[str, str]
    ignore_https_errors: bool


class Visitor:
    """Somebody with a browser of their own: cookies, window, colours. All that goes wrong in it is noted.

    Args:
        browser: where the window is opened.
        options: see `Window`.

    >>> visitor.open(f"{url}/tasks/{ref}").get_by_role("button", name="Cancel").click()  # doctest: +SKIP
    """

    def __init__(self, browser: Browser, **options: Unpack[Window]) -> None:
        #: What may be in a complaint that is no reason to fail: parts of texts. A browser looks for an icon by itself.
        self.forgiven: list[str] = ["/favicon.ico"]
        #: Errors in the console, uncaught exceptions, violations of the Content-Security-Policy, other hosts.
        self.complaints: list[str] = []
        #: Every request of every page, as "GET http://...", in order.
        self.requests: list[str] = []
        self._origins: set[str] = set()
        self.context: BrowserContext = browser.new_context(**options)
        self.context.set_default_timeout(_WAIT_SECONDS * 1000)
        self.context.add_init_script(_TELL_VIOLATIONS)
        self.context.on("console", self._note_message)
        self.context.on("weberror", lambda error: self.complaints.append(f"Uncaught: {error.error}"))
        self.context.on("request", self._note_request)

    def open(self, url: str) -> Page:
        """Open an address in a new page. Its host is one of ours from then on; requests to others are complaints."""
        self._origins.add(_origin(url))
        page = self.context.new_page()
        page.goto(url)
        return page

    def count_requests(self, part: str) -> int:
        """Return how many requests had this in their method and address."""
        return sum(part in request for request in self.requests)

    def until(self, page: Page, condition: Callable[[], Any], what: str) -> None:
        """Wait until something holds that is outside the page, such as a state in the store.

        Raises:
            TimeoutError: it did not within half a minute.
        """
        deadline = time.monotonic() + _WAIT_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"Waited {_WAIT_SECONDS} s in vain: {what}. The page:\n{page.content()[:2000]}")
            # Unlike time.sleep, this lets the browser's news come in.
            page.wait_for_timeout(_POLL_MILLISECONDS)

    def grave_findings(self, page: Page) -> list[str]:
        """Return what axe finds on a page that is serious or critical, shadow roots included: a line each."""
        from axe_playwright_python.sync_playwright import Axe

        violations = Axe().run(page).response["violations"]
        return [_finding(item) for item in violations if item["impact"] in _GRAVE]

    def photograph(self, page: Page, name: str, *, whole: bool = True) -> None:
        """Take a picture of the page, as NAME.png in the folder that LILOTA_TEST_PICTURES names, if it does.

        Args:
            whole: also of what is below the window; without it, only what a visitor sees at first.
        """
        if folder := os.environ.get("LILOTA_TEST_PICTURES"):
            page.screenshot(path=Path(folder, f"{name}.png"), full_page=whole, animations="disabled", caret="hide")

    def unforgiven(self) -> list[str]:
        """Return the complaints that a test did not expect."""
        return [text for text in self.complaints if not any(part in text for part in self.forgiven)]

    def _note_message(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(f"Console: {message.text} ({message.location.get('url')})")

    def _note_request(self, request: Request) -> None:
        self.requests.append(f"{request.method} {request.url}")
        is_remote = urlsplit(request.url).scheme not in ("data", "blob", "about")
        if is_remote and _origin(request.url) not in self._origins:
            self.complaints.append(f"Request to another host: {request.url}")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _finding(violation: dict[str, Any]) -> str:
    places = ", ".join(str(node["target"]) for node in violation["nodes"])
    return f"{violation['impact']}: {violation['help']} ({violation['id']}) at {places}"
