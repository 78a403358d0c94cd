"""Fixtures for send_emails: a real mail server that answers and behaves as a test wants."""

from __future__ import annotations

import asyncio
import email
import email.policy
import json
import ssl
import threading

import pytest
import trustme
from aiosmtpd.smtp import AuthResult
from lilota_example_tasks.demo.mail_server import HOST, running_mail_server
from lilota_example_tasks.send_emails import SendEmails

PASSWORD = "correct horse"
HANG_UP = "hang up"
SILENCE = "silence"


class Mailbox:
    """Keeps the mails that the server takes.

    Attributes:
        answers: (step, address) -> what the server says at MAIL, RCPT or DATA, or does: "hang up", "silence". A list is
            used up from the front; after it the server takes the mail. At DATA it has the mail then, whatever it says.
            The address of MAIL is the sender's.
    """

    def __init__(self):
        self.mails = []
        self.contents = []
        self.recipients = []
        self.senders = []
        self.options = []
        self.answers = {}
        self.got_mail = threading.Condition()

    async def handle_MAIL(self, server, session, envelope, address, options):  # noqa: N802 - aiosmtpd's name
        envelope.mail_from = address
        self.senders.append(address)
        self.options.append(options)
        return await self._answer(server, "MAIL", address)

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 - aiosmtpd's name
        answer = await self._answer(server, "RCPT", address)
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name
        address = envelope.rcpt_tos[0]
        planned = self.answers.get(("DATA", address)) or "250"
        if not (planned[0] if isinstance(planned, list) else planned).startswith(("4", "5")):
            with self.got_mail:
                self.mails.append(email.message_from_bytes(envelope.original_content, policy=email.policy.default))
                self.contents.append(envelope.original_content)
                self.recipients.append(address)
                self.got_mail.notify_all()
        return await self._answer(server, "DATA", address)

    @property
    def addresses(self):
        return [mail["To"] for mail in self.mails]

    async def _answer(self, server, step, address):
        answer = self.answers.get((step, address), "250 OK")
        if isinstance(answer, list):
            answer = answer.pop(0) if answer else "250 OK"
        if answer == SILENCE:
            await asyncio.Event().wait()
        if answer == HANG_UP:
            server.transport.abort()
        return answer


@pytest.fixture
def mailbox():
    return Mailbox()


@pytest.fixture
def authority(tmp_path):
    """Return a certificate authority; its certificate is in ca.pem."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return authority


@pytest.fixture
def tls(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(context)
    return context


def authenticate(server, session, envelope, mechanism, data):
    return AuthResult(success=(data.login, data.password) == (b"ada", PASSWORD.encode()), handled=False)


@pytest.fixture
def secure_server(mailbox, tls, tmp_path, monkeypatch):
    """Return how to reach a server that wants STARTTLS and a login."""
    monkeypatch.setenv("MAIL_PASSWORD", PASSWORD)
    options = {"tls_context": tls, "require_starttls": True, "auth_required": True, "authenticator": authenticate}
    with running_mail_server(mailbox, **options) as port:
        yield {
            "host": HOST,
            "port": port,
            "username": "ada",
            "password_env": "MAIL_PASSWORD",
            "ca_file": str(tmp_path / "ca.pem"),
        }


@pytest.fixture
def server(mailbox):
    """Return how to reach a server without encryption."""
    with running_mail_server(mailbox) as port:
        yield {"host": HOST, "port": port, "security": "none"}


@pytest.fixture
def make_mailing(make_task, tmp_path, monkeypatch):
    """Return what makes the task for a server and recipients; further keys of the input can be given."""

    def make(server, recipients, earlier_output=None, **keys):
        place = {"server": server}
        if server and "username" in server:
            lines = [f"{key} = {json.dumps(value)}" for key, value in server.items()]
            (tmp_path / "accounts.toml").write_text("\n".join(["[shop]", *lines]))
            monkeypatch.setenv("LILOTA_MAIL_ACCOUNTS", str(tmp_path / "accounts.toml"))
            place = {"account": "shop"}
        data = {
            **place,
            "sender": "Ada <ada@example.org>",
            "subject": "Hello $name",
            "body": "Dear $name,\nyou owe $$$amount.\n",
            "recipients": recipients,
            **keys,
        }
        return make_task(SendEmails, "send_emails", data, earlier_output)

    return make
