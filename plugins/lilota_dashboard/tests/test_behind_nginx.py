"""The dashboard behind a real nginx with the configurations of the documentation, in a real browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lilota_test_servers import NginxServer, available_or_skip, make_certificates

expect = pytest.importorskip("playwright.sync_api").expect

PAGE = Path(__file__).parents[3] / "docs/how-to/behind-nginx.md"
FILE = re.compile(r"^```nginx\n# file: (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the documentation is not here")


@pytest.fixture
def nginx(tmp_path):
    """Return what starts nginx with a file of the page, before the dashboards that take the place of its ports."""
    running = []

    def start(name, **ports):
        text = dict(FILE.findall(PAGE.read_text(encoding="utf-8")))[name]
        text = re.sub(r"/etc/ssl/private/\w+\.(pem|key)", r"server.\1", text)
        for written, port in ports.items():
            text = text.replace(f"127.0.0.1:{written.lstrip('p')}", f"127.0.0.1:{port}")
        certificates = make_certificates(tmp_path)
        running.append(
            available_or_skip(
                lambda: NginxServer(lambda port: re.sub(r"listen \d+", f"listen 127.0.0.1:{port}", text), certificates)
            )
        )
        return running[-1]

    yield start
    for server in running:
        server.close()


@pytest.fixture
def window(new_visitor):
    """Somebody who takes the certificate of the test, and whose first answer is the form for the token."""
    visitor = new_visitor(ignore_https_errors=True)
    visitor.forgiven += [
        "the server responded with a status of 401",
        "ERR_INCOMPLETE_CHUNKED_ENCODING",
        "status of 502",
    ]
    return visitor


def enter(window, address, token):
    page = window.open(f"{address}/#token={token}")
    expect(page.locator(".tiles")).to_be_visible()
    return page


def watch(page, address, runner, folder):
    """Follow a new task through the proxy."""
    task = runner.add("steps", "Copy", {"folder": str(folder), "title": "maps"})
    page.goto(f"{address}/tasks/{task.id}")
    expect(page.locator("#task")).to_contain_text("Copying maps, part 1")
    expect(page.locator("#live")).to_have_text("live")
    return task


def test_on_a_host_of_its_own_with_tls_it_is_live_and_acts(start, nginx, window, runner, tmp_path):
    """Progress comes through at once, a task is cancelled, and the cookie is for TLS and no script."""
    board = start("--allow-actions", "--trusted-proxy", "127.0.0.1")
    address = f"https://localhost:{nginx('dashboard.conf', p8765=board.port).port}"
    page = enter(window, address, board.token)
    (cookie,) = window.context.cookies()

    watch(page, address, runner, tmp_path)
    tmp_path.joinpath("1").touch()
    expect(page.locator("#task")).to_contain_text("Copying maps, part 2")
    page.get_by_role("button", name="Cancel").first.click()

    expect(page.locator("#task .state").first).to_have_text("cancelled")
    assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, True, "Strict", "/")


def test_a_page_goes_on_after_nginx_was_started_again(start, nginx, window, runner, tmp_path):
    """It says that there is no connection, and then is live again."""
    window.forgiven.append("net::ERR_")  # which one depends on how far a connection was when nginx ended
    board = start("--trusted-proxy", "127.0.0.1")
    server = nginx("dashboard.conf", p8765=board.port)
    address = f"https://localhost:{server.port}"
    page = enter(window, address, board.token)
    watch(page, address, runner, tmp_path)

    server.stop()
    expect(page.locator("#live")).not_to_have_text("live")
    tmp_path.joinpath("1").touch()
    server.start()

    expect(page.locator("#task")).to_contain_text("Copying maps, part 2")
    expect(page.locator("#live")).to_have_text("live")


def test_two_below_paths_of_one_host_share_no_cookie(start, nginx, window, runner, tmp_path):
    """Each is used by its own token, one after the other and side by side."""
    first = start("--root-path", "/ops/lilota", "--trusted-proxy", "127.0.0.1")
    second = start("--root-path", "/ops/reports", "--trusted-proxy", "127.0.0.1")
    server = nginx("paths.conf", p8765=first.port, p8766=second.port)
    addresses = [f"https://localhost:{server.port}/ops/{name}" for name in ("lilota", "reports")]

    pages = [enter(window, *each) for each in zip(addresses, (first.token, second.token), strict=True)]
    for page, address in zip(pages, addresses, strict=True):
        watch(page, address, runner, tmp_path)
        page.get_by_role("link", name="Names", exact=True).first.click()
        expect(page).to_have_url(f"{address}/names")

    cookies = window.context.cookies()
    assert {cookie["path"] for cookie in cookies} == {"/ops/lilota", "/ops/reports"}
    assert len({cookie["name"] for cookie in cookies}) == 2


@pytest.mark.parametrize("trusted", [True, False])
def test_where_the_proxy_changes_host_only_a_trusted_origin_acts(start, nginx, trusted):
    """The origin of the page is not the host that was asked."""
    # The address of nginx is known only once it runs, and the dashboard has to know it when it starts.
    origin = "http://board.example.org"
    board = start("--allow-actions", *(("--trusted-origin", origin) if trusted else ()))
    proxied = nginx("another-name.conf", p8765=board.port)
    board.port = proxied.port

    answers = [
        board.post("/login", {"Sec-Fetch-Site": site, "Origin": given}, token=board.token).status
        for site, given in [
            (None, origin),
            ("same-origin", origin),
            (None, "http://evil.example"),
            ("cross-site", origin),
        ]
    ]

    assert answers == ([303, 303, 403, 403] if trusted else [403, 403, 403, 403])


@pytest.mark.parametrize("origin", ["board.example.org", "https://board.example.org/path", "ftp://x", "*", "null"])
def test_a_trusted_origin_that_is_none_is_refused(start, origin):
    """The sentence says what to write."""
    with pytest.raises(AssertionError, match=r"is no origin\. Write"):
        start("--trusted-origin", origin)


def test_who_is_no_proxy_is_not_believed(start):
    """Neither the scheme nor the address that a stranger tells counts by default."""
    board = start()
    answer = board.post("/login", {"X-Forwarded-Proto": "https"}, token=board.token)

    assert "secure" not in answer.headers["set-cookie"].lower()
