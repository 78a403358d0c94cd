"""Attacks on the dashboard, each by its number in the list of cases, against a real server over real sockets."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from urllib.parse import quote

import pytest
from lilota_dashboard import dashboard_app
from running import serving
from starlette.applications import Starlette

from lilota.errors import ConfigurationError

EVIL = '"><svg onload=alert(1)>'
PAGES = ("/", "/tasks", "/names", "/plugins", "/store")


@pytest.fixture
def board(shared):
    """A dashboard that only shows, of which nobody has the cookie."""
    return shared.shows.log_out()


@pytest.fixture
def acting(shared):
    """One that may change tasks, and shows its pages to us."""
    return shared.acts.log_in()


@pytest.fixture
def client(shared):
    """A client of the store of both."""
    return shared.client


# --- 7: the token


@pytest.mark.parametrize("path", [*PAGES, "/tasks/1", "/tasks/1/log", "/tasks/1/stack", "/palette", "/events"])
def test_7_no_page_is_shown_without_the_cookie(board, path):
    """Each answers with the form for the token, and with nothing of the store."""
    answer = board.get(path)

    assert answer.status == 401
    assert "Show the token" in answer.text
    assert "lilota.db" not in answer.text


@pytest.mark.parametrize("given", ["", "x", "short", "a" * 43, "\0", "é" * 43])
def test_7_a_wrong_token_is_refused(board, given):
    """Nobody gets a cookie for it."""
    answer = board.post("/login", token=given)

    assert answer.status in {401, 429}
    assert "set-cookie" not in answer.headers


def test_7_a_token_in_the_query_opens_nothing(board):
    """It would stand in logs and histories."""
    assert board.get(f"/?token={board.token}").status == 401
    assert board.ask("POST", f"/login?token={board.token}", "", Sec_Fetch_Site="same-origin").status == 415
    assert board.post(f"/login?token={board.token}").status in {401, 429}


def test_7_after_ten_guesses_in_a_minute_further_ones_are_refused_and_the_token_is_not(start):
    """Whoever has the token is not locked out by who has not."""
    board = start()
    statuses = [board.post("/login", token=f"guess {number}").status for number in range(30)]

    assert statuses[:10] == [401] * 10
    assert statuses[10:] == [429] * 20
    assert board.log_in().get("/").status == 200


@pytest.mark.parametrize(
    "change", [lambda cookie: cookie[:-1], lambda cookie: cookie.replace(".", "0."), lambda _: "x"]
)
def test_7_a_cookie_that_was_changed_opens_nothing(board, change):
    """Its signature does not fit."""
    name, _, value = board.log_in().cookie.partition("=")
    board.cookie = f"{name}={change(value)}"

    assert board.get("/").status == 401


def test_7_the_cookie_is_for_this_site_and_not_for_scripts(board):
    """It is the one that the promise names."""
    answer = board.post("/login", token=board.token)

    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "SameSite=strict" in answer.headers["set-cookie"]


def test_7_leaving_takes_the_cookie_back(board):
    """The browser is told to forget it."""
    board.log_in()

    assert "Max-Age=0" in board.post("/logout").headers["set-cookie"]


def test_7_a_dashboard_that_others_reach_does_not_start_without_a_token_of_its_own(start):
    """The sentence says what to type."""
    with pytest.raises(AssertionError, match=r"can be reached from other machines.*--token-file"):
        start("--host", "0.0.0.0")


def test_7_a_token_file_that_others_may_read_is_refused(start, tmp_path):
    """And one that is a link (28): somebody may have put it there."""
    readable, link = tmp_path / "readable", tmp_path / "link"
    readable.write_text("x" * 43)
    readable.chmod(0o644)
    link.symlink_to(readable)

    with pytest.raises(AssertionError, match="Others may read"):
        start("--token-file", str(readable))
    with pytest.raises(AssertionError, match="can't be read"):
        start("--token-file", str(link))


def test_7_the_token_file_is_made_for_its_owner_alone(start, tmp_path):
    """It holds the token that is printed, at each start."""
    path = tmp_path / "token"
    first, second = start("--token-file", str(path)), start("--token-file", str(path))

    assert path.stat().st_mode & 0o777 == 0o600
    assert first.token == second.token == path.read_text().strip()


# --- 8: hosts


@pytest.mark.parametrize(
    "lines",
    [
        b"Host: evil.com",
        b"Host: 127.0.0.1.evil.com",
        b"Host: [::1]evil",
        b"Host: localhost@evil.com",
        b"Host: ",
        b"",
        b"Host: localhost\r\nHost: evil.com",
        b"Host: evil.com\r\nX-Forwarded-Host: localhost",
    ],
)
def test_8_another_host_is_refused(board, lines):
    """Also none, two, and what only begins or ends like ours."""
    received = board.send_raw(b"GET /tasks HTTP/1.1\r\n" + lines + b"\r\nConnection: close\r\n\r\n")

    assert received.startswith(b"HTTP/1.1 400 ")


def test_8_a_request_line_with_a_whole_address_is_refused(board):
    """Its host could be another one than that of the header."""
    request = b"GET http://evil.com/tasks HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

    assert board.send_raw(request).startswith(b"HTTP/1.1 400 ")


def test_8_a_name_that_was_allowed_is_served(start):
    """`--allowed-host` adds one."""
    board = start("--allowed-host", "board.example")

    assert board.get("/health", Host="board.example:8443").status == 200
    assert board.get("/health", Host="other.example").status == 400


# --- 9, 10, 11: other pages in the same browser


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": None},
        {"Sec-Fetch-Site": None, "Origin": "null"},
        {"Sec-Fetch-Site": None, "Origin": "http://evil.com"},
        {"Sec-Fetch-Site": None, "Origin": "http://127.0.0.1:1"},
        {"Origin": "http://evil.com"},
    ],
)
def test_9_what_another_page_sends_changes_nothing(acting, client, headers):
    """Neither by a form nor by a beacon, also where the browser shows the cookie."""
    task = client.add("endless")

    assert acting.post(f"/tasks/{task.id}/cancel", headers).status == 403
    assert task.info().state == "pending"


@pytest.mark.parametrize("content_type", ["text/plain", "application/json", "multipart/form-data; boundary=x", ""])
def test_9_only_forms_as_pages_send_them_are_taken(acting, client, content_type):
    """What a beacon or a form of somebody else's can send without asking is something else."""
    task = client.add("endless")

    assert acting.post(f"/tasks/{task.id}/cancel", {"Content-Type": content_type}).status == 415
    assert task.info().state == "pending"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_9_no_other_method_acts(acting, client, method):
    """An image of somebody else's page may have the address of an action."""
    task = client.add("endless")

    assert acting.ask(method, f"/tasks/{task.id}/cancel", Sec_Fetch_Site="same-origin").status in {404, 405}
    assert task.info().state == "pending"


def test_9_an_old_browser_that_names_its_origin_is_served(acting, client):
    """One that knows no Sec-Fetch-Site."""
    task = client.add("endless")
    headers = {"Sec-Fetch-Site": None, "Origin": f"http://{acting.host}"}

    assert acting.post(f"/tasks/{task.id}/cancel", headers).status == 303
    assert task.info().state == "cancelled"


def test_9_a_dashboard_that_only_shows_refuses_every_action(board, client):
    """And says what lets it."""
    task = client.add("endless")
    board.log_in()

    answer = board.post(f"/tasks/{task.id}/cancel")

    assert answer.status == 403
    assert "--allow-actions" in answer.text
    assert board.post("/tasks/all", action="cancel", state="pending", below_id="99").status == 403
    assert board.post("/names/endless").status == 403
    assert task.info().state == "pending"


@pytest.mark.parametrize("path", ["/", "/static/x/lilota.js", "/login", "/events", "/tasks/1/cancel"])
def test_10_no_other_origin_may_read(board, path):
    """Neither a preflight nor an answer has a header that would let it."""
    asked = {"Origin": "http://evil.com", "Access-Control-Request-Method": "POST"}

    for answer in (board.ask("OPTIONS", path, **asked), board.get(path, Origin="http://evil.com")):
        assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", [*PAGES, "/nothing", "/health", "/tasks/x", "/static/x/y.js"])
def test_11_every_answer_has_the_headers_that_protect(board, path):
    """In no frame, no script or style but ours, nothing kept. Errors as well."""
    board.log_in()

    headers = board.get(path).headers

    assert headers["content-security-policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    )
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers


# --- 13: HTML and headers from strangers (12: test_hostile_texts.py)


@pytest.mark.parametrize(
    "path",
    [
        f"/tasks?{{}}={quote(EVIL)}".format(key)
        for key in ("q", "name", "queue", "owner", "error", "since", "before", "state", "after", "limit", quote(EVIL))
    ]
    + [f"/{quote(EVIL)}", f"/tasks/{quote(EVIL)}", f"/names/{quote(EVIL)}", f"/tasks/1/log?after={quote(EVIL)}"]
    + [f"/tasks/all?action={quote(EVIL)}", f"/tasks/all?action=cancel&name={quote(EVIL)}"],
)
def test_13_no_parameter_comes_back_as_html(acting, path):
    """Wherever it is shown, it is text."""
    answer = acting.get(path)

    assert answer.status < 500
    assert "<svg onload" not in answer.text


@pytest.mark.parametrize("key", ["q", "name", "after", "state"])
def test_13_no_parameter_becomes_a_header(acting, key):
    """Line ends stay where they are."""
    answer = acting.get(f"/tasks?{key}=a%0d%0aSet-Cookie:%20evil=1", HX_Request="true")

    assert "set-cookie" not in answer.headers


# --- 14: paths


@pytest.mark.parametrize(
    "name",
    [
        "../app.py",
        "..%2fapp.py",
        "..%252fapp.py",
        "%2e%2e/app.py",
        "....//app.py",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "..\\app.py",
        "lilota.css%00.js",
        "vendor/htmx.LICENSE",
        "vendor",
        "",
    ],
)
def test_14_no_path_leads_out_of_the_static_files(board, name):
    """Only what was read at the start is there."""
    version = board.log_in().get("/").text.partition("/static/")[2].partition("/")[0]

    assert board.get(f"/static/{version}/lilota.css").status == 200
    assert board.get(f"/static/{version}/{name}").status in {400, 404}


# --- 15: what costs


@pytest.mark.slow  # twenty seconds
def test_15_a_client_that_sends_nothing_is_let_go(board):
    """A connection without a request is closed, and others are served meanwhile."""
    with socket.create_connection(("127.0.0.1", board.port), timeout=60) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        assert board.get("/health").status == 200

        assert slow.recv(1) == b""


def test_15_ten_thousand_header_lines_are_refused(board):
    """And a hundred and one as well."""
    many = b"".join(b"X-%d: 1\r\n" % number for number in range(10_000))
    some = b"".join(b"X-%d: 1\r\n" % number for number in range(101))

    assert board.send_raw(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + many + b"\r\n").startswith(b"HTTP/1.1 4")
    assert board.send_raw(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + some + b"\r\n").startswith(b"HTTP/1.1 431")


def test_15_a_body_of_a_hundred_megabytes_is_refused(acting):
    """It is not read to its end, whether a header says its length or not."""
    head = (
        f"POST /names/x HTTP/1.1\r\nHost: {acting.host}\r\nCookie: {acting.cookie}\r\nSec-Fetch-Site: same-origin\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
    ).encode()
    megabyte = b"x" * 1_000_000

    sized = acting.send_raw(head + b"Content-Length: 100000000\r\n\r\nraw=" + megabyte * 3)
    chunk = b"%x\r\n" % len(megabyte) + megabyte + b"\r\n"
    chunked = acting.send_raw(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 3)

    assert sized.startswith(b"HTTP/1.1 413")
    assert chunked.startswith(b"HTTP/1.1 413")
    assert acting.get("/health").status == 200


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /",
        b"POST /login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nnonsense\r\n\r\n",
        b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
    ],
)
def test_15_what_can_be_read_in_two_ways_is_refused(board, request_bytes):
    """Two lengths, chunks that are none, bytes that are no HTTP: the connection ends with it."""
    received = board.send_raw(request_bytes)

    assert received.startswith(b"HTTP/1.1 4") or received == b""
    assert received.count(b"HTTP/1.1") <= 1


def test_15_so_many_streams_are_open_at_a_time_and_pages_are_still_served(acting, client):
    """Further ones are refused; a stream that ends makes place for another."""
    request = f"GET /events HTTP/1.1\r\nHost: {acting.host}\r\nCookie: {acting.cookie}\r\n\r\n".encode()
    streams = []
    try:
        statuses = []
        for _ in range(60):
            streams.append(socket.create_connection(("127.0.0.1", acting.port), timeout=60))
            streams[-1].sendall(request)
            statuses.append(streams[-1].recv(12))
        assert statuses == [b"HTTP/1.1 200"] * 50 + [b"HTTP/1.1 429"] * 10
        assert acting.get("/tasks").status == 200
        assert acting.post(f"/tasks/{client.add('endless').id}/cancel").status == 303
    finally:
        for stream in streams:
            stream.close()


# --- 16: bounds


@pytest.mark.parametrize(
    "query",
    [
        "limit=1000000000",
        "limit=-1",
        "after=-1",
        "after=99999999999999999999999999",
        "after=1e9",
        "since=999999999999999d",
        "since=2026-99-99",
        "before=%00",
        "state=nothing",
        "q=" + "(a%2B)%2B" * 50,
        "q=%25_%5C%27%22--",
        "q=" + "x" * 7000,
        "&".join(f"name=n{number}" for number in range(500)),
    ],
)
def test_16_what_is_asked_for_is_bounded(acting, client, query):
    """It is answered with a page of usual length, or with a sentence; nothing is a pattern."""
    client.add_many([{"name": "endless"}] * 300)

    answer = acting.get(f"/tasks?{query}")

    assert answer.status in {200, 400}
    assert answer.text.count("<tr data-href") <= 200


def test_16_an_address_that_is_too_long_is_refused(acting):
    """Before anybody looks at what it asks for."""
    assert acting.get("/tasks?q=" + "x" * 9000).status == 414


# --- 17, 18, 19


@pytest.mark.parametrize("where", ["//evil.com", "http://evil.com", "/\\evil.com", "%2f%2fevil.com"])
def test_17_logging_in_leads_to_the_first_page_whatever_somebody_asks_for(board, where):
    """There is no parameter that says where to go."""
    answer = board.post(f"/login?next={where}", token=board.token, next=where)

    assert answer.headers["location"] == "/"


def test_18_who_has_no_token_learns_nothing(board, shared):
    """Errors, the health and the form say neither paths nor versions nor the store."""
    secrets = [
        shared.store_url.removeprefix("sqlite:///"),
        "site-packages",
        "Traceback",
        "Starlette",
        "uvicorn",
        "2.0.0",
    ]

    for path in (*PAGES, "/health", "/nothing", "/tasks/x/y/z", "/static/x/y"):
        text = board.get(path).text
        assert not [secret for secret in secrets if secret in text]


def test_18_a_store_that_is_broken_is_no_traceback_on_the_page(start, store_url):
    """Whoever sees the page is told what is wrong in a sentence."""
    acting = start().log_in()
    Path(store_url.removeprefix("sqlite:///")).write_bytes(b"no database at all" * 1000)

    answer = acting.get("/tasks")

    assert answer.status in {500, 503}
    assert "Traceback" not in answer.text


def test_19_mounted_without_asking_who_may_it_refuses_to_be_made(client):
    """The application learns it when it starts."""
    with pytest.raises(ConfigurationError, match="authorize="):
        dashboard_app(client)


@pytest.mark.parametrize("answer", [False, None, "", 0, 1, []])
def test_19_mounted_it_shows_nothing_to_whom_the_application_does_not_let_in(client, answer):
    """Only True, and the name of somebody, let in."""
    application = Starlette()
    application.mount("/board", dashboard_app(client, authorize=lambda _request: answer, allow_actions=True))
    task = client.add("endless")

    with serving(application) as site:
        assert site.get("/board/").status == 401
        assert site.post(f"/board/tasks/{task.id}/cancel").status == 401

    assert task.info().state == "pending"


# --- 20, 21, 29: secrets


def test_20_an_address_of_the_store_is_masked_on_its_page(acting):
    """`/store` says where it is, and not how to get in."""
    answer = acting.get("/store")

    assert answer.status == 200
    assert "SQLite" in answer.text


def test_21_and_29_the_token_is_in_no_argument_environment_or_log(board):
    """Only who saw it printed has it, or may read its file."""
    board.log_in().get("/")
    process = Path("/proc", str(board.process.pid))

    for name in ("cmdline", "environ"):
        assert board.token not in process.joinpath(name).read_bytes().decode(errors="replace")
    assert board.token not in board.log()
    assert board.token not in json.dumps(dict(os.environ))
