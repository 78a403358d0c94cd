"""send_emails logs in with any letters, in each of three ways, and shows no password."""

from __future__ import annotations

import base64
import json
import logging
import smtplib
import socketserver
import threading

import pytest
from aiosmtpd.smtp import AuthResult
from lilota_example_tasks.demo.mail_server import HOST, running_mail_server
from lilota_example_tasks.send_emails.login import log_in

from lilota.errors import InvalidInputError

PASSWORD = "pässwörd→ 李"
PEOPLE = [{"address": "bob@example.org", "name": "Bob", "amount": 1}]


@pytest.fixture
def account(mailbox, tls, tmp_path):
    """Return a server that wants a name and a password outside ASCII, which are in a file."""

    def authenticate(server, session, envelope, mechanism, data):
        return AuthResult(success=(data.login, data.password) == ("jürgen".encode(), PASSWORD.encode()), handled=False)

    (tmp_path / "secret").write_bytes(PASSWORD.encode() + b"\r\n")
    with running_mail_server(mailbox, tls_context=tls, auth_required=True, authenticator=authenticate) as port:
        yield {
            "host": HOST,
            "port": port,
            "username": "jürgen",
            "password_file": str(tmp_path / "secret"),
            "ca_file": str(tmp_path / "ca.pem"),
        }


def test_name_and_password_may_have_any_letters(make_mailing, account, mailbox):
    """They travel as UTF-8 (RFC 4616)."""
    make_mailing(account, PEOPLE).run()

    assert mailbox.recipients == ["bob@example.org"]


@pytest.mark.parametrize("content", [b"p\xe4ssw0rd", b"w\xc3\xa4rong"])
def test_a_password_that_can_not_be_used_is_final_and_not_shown(make_mailing, account, tmp_path, caplog, content):
    """Not even a letter of it, wherever the trouble is."""
    caplog.set_level(logging.DEBUG)
    (tmp_path / "secret").write_bytes(content)
    task = make_mailing(account, PEOPLE)

    with pytest.raises(InvalidInputError, match=r"not in UTF-8|refuses the login") as caught:
        task.run()
    told = repr(caught.value) + repr(caught.value.__cause__) + caplog.text + json.dumps(task.outputs)
    assert not any(part in told for part in ("ssw0rd", "rong", "xe4", base64.b64encode(content).decode()))


def test_a_server_that_repeats_the_password_does_not_get_it_into_the_output(make_mailing, account, mailbox):
    """Whatever it means by that."""
    mailbox.answers["RCPT", "bob@example.org"] = "550 Not with " + base64.b64encode(PASSWORD.encode()).decode()
    people = [*PEOPLE, {**PEOPLE[0], "address": "eve@example.org"}]

    output = make_mailing(account, people).run()

    assert output["failed"][0]["reason"] == "550 Not with ***"


class OldServer(socketserver.StreamRequestHandler):
    """Gives the answers of its class in `script`, and keeps what it was told in `heard`."""

    def handle(self):
        self.wfile.write(b"220 old\r\n")
        for answer in self.script:
            self.heard.append(self.rfile.readline())
            self.wfile.write(answer)


@pytest.fixture
def old_server():
    """Return what talks to a server with a script."""
    servers = []

    def talk(*script):
        handler = type("Scripted", (OldServer,), {"script": script, "heard": []})
        server = socketserver.ThreadingTCPServer((HOST, 0), handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        smtp = smtplib.SMTP(HOST, server.server_address[1], timeout=60)
        smtp.ehlo()
        return smtp, handler.heard

    yield talk
    for server in servers:
        server.shutdown()
        server.server_close()


def encoded(text):
    return base64.b64encode(text.encode())


@pytest.mark.parametrize(
    ("offer", "script", "lines"),
    [
        (b"LOGIN", (b"334 VXNlcg==\r\n", b"235 ok\r\n"), [b"AUTH LOGIN " + encoded("jürgen"), encoded(PASSWORD)]),
        (b"PLAIN LOGIN", (b"235 ok\r\n",), [b"AUTH PLAIN " + encoded(f"\0jürgen\0{PASSWORD}")]),
        (b"LOGIN", (b"535 no\r\n",), [b"AUTH LOGIN " + encoded("jürgen")]),
    ],
)
def test_each_way_to_log_in_takes_any_letters(old_server, offer, script, lines):
    """A refusal ends it; nothing more is told."""
    smtp, heard = old_server(b"250-old\r\n250 AUTH " + offer + b"\r\n", *script)
    with smtp:
        code = log_in(smtp, "jürgen", PASSWORD)

    assert code == int(script[-1][:3])
    assert [line.strip() for line in heard[1 : len(lines) + 1]] == lines


def test_cram_md5_is_there_for_old_servers(old_server):
    """The example of RFC 2195."""
    challenge = base64.b64encode(b"<1896.697170952@postoffice.reston.mci.net>")
    smtp, heard = old_server(b"250-old\r\n250 AUTH CRAM-MD5\r\n", b"334 " + challenge + b"\r\n", b"235 ok\r\n")
    with smtp:
        log_in(smtp, "tim", "tanstaaftanstaaf")

    assert base64.b64decode(heard[2]) == b"tim b913a602c7eda7a495b4e6e7334d3890"


def test_a_server_that_knows_none_of_these_ways_is_refused(old_server):
    """Final: it will know no more of them later."""
    smtp, _ = old_server(b"250-old\r\n250 AUTH GSSAPI\r\n")
    with smtp, pytest.raises(InvalidInputError, match="no login by PLAIN"):
        log_in(smtp, "ada", PASSWORD)


def test_a_login_that_is_refused_for_now_is_tried_again(make_mailing, account, mailbox, monkeypatch):
    """454 is no wrong password."""
    monkeypatch.setattr("lilota_example_tasks.send_emails.opening.log_in", lambda *_: 454)

    with pytest.raises(ConnectionError, match="refuses the login of 'jürgen' with code 454"):
        make_mailing(account, PEOPLE).run()
