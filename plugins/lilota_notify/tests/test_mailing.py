"""A mail is sent by a real server, and says what happened, in one mail to one mailbox."""

from __future__ import annotations

import ssl

import pytest
import trustme
from aiosmtpd.smtp import AuthResult
from lilota_notify.errors import NotDeliveredError, UndeliverableError
from lilota_notify.mailing import mail
from receivers import HOST, MailServer

from lilota.models import TaskState
from lilota.testing import run_task

URL = "mailto:ann@example.com"
HEADERS = {
    *("Subject", "From", "To", "Date", "Message-ID", "Auto-Submitted"),
    *("Content-Type", "Content-Transfer-Encoding", "MIME-Version"),
}


@pytest.fixture
def configure(settings):
    """Return what names a mail server; more lines may follow."""

    def write(port, security="none", more="", recipients=("@example.com",)):
        settings(
            f"[mail]\nserver = '{HOST}'\nport = {port}\nsecurity = '{security}'\nsender = 'Tasks <tasks@example.com>'\n"
            f"recipients = {list(recipients)}\n{more}\n"
        )

    return write


def test_a_mail_says_what_happened(mailbox, configure, event):
    with MailServer(mailbox) as server:
        configure(server.port)
        result = run_task(mail, url=URL, event=event)

    [sent] = mailbox.mails
    assert result.state is TaskState.SUCCEEDED
    assert mailbox.envelopes == [["ann@example.com"]]
    assert (sent["From"], sent["To"]) == ("Tasks <tasks@example.com>", "ann@example.com")
    assert sent["Subject"] == "Task 17 (make_report): failed"
    assert "ValueError: no March" in sent.get_content()
    assert sent["Message-ID"] == "<lilota-17-1@example.com>"
    assert sent["Auto-Submitted"] == "auto-generated"


def test_the_words_are_the_operators(mailbox, configure, event):
    more = "subject = '$name is $state'\ntext = 'See $page, it costs $$5'"
    with MailServer(mailbox) as server:
        configure(server.port, more=more)
        event = {**event, "data": {**event["data"], "page": "https://app.example.com/17"}}
        run_task(mail, url=URL, event=event)

    [sent] = mailbox.mails
    assert sent["Subject"] == "make_report is failed"
    assert sent.get_content().rstrip() == "See https://app.example.com/17, it costs $5"


@pytest.mark.parametrize(
    "text",
    [
        "a\r\nBcc: eve@example.org",
        "=?utf-8?q?=0D=0A=0D=0Abody?=",
        "=?utf-8?b?YQpCY2M6IGV2ZUBleGFtcGxlLm9yZw==?=",
        "a\n\nbody",
        "=?utf-8?q?a=0ABcc?=",
        "é\u2028Bcc: x",
    ],
)
def test_a_text_of_a_task_makes_no_header_and_no_recipient(text, mailbox, configure, event):
    with MailServer(mailbox) as server:
        configure(server.port)
        data = {**event["data"], "name": text, "error": {"type": text, "message": text}}
        result = run_task(mail, url=URL, event={**event, "data": data})

    [sent] = mailbox.mails
    assert result.state is TaskState.SUCCEEDED
    assert mailbox.envelopes == [["ann@example.com"]]
    assert sent["Bcc"] is None
    assert {name for name in sent if not name.startswith("X-")} == HEADERS


@pytest.mark.parametrize("url", ["mailto:eve@example.org", "mailto:ann@example.com.evil.org", "mailto:bob@example.net"])
def test_a_mailbox_that_is_not_allowed_gets_nothing(url, mailbox, configure, event):
    with MailServer(mailbox) as server:
        configure(server.port, recipients=("@example.com", "ann@example.net"))
        result = run_task(mail, url=url, event=event)

    assert (result.state, mailbox.mails) == (TaskState.FAILED, [])
    assert "the operator has not allowed it" in result.error.message


def test_without_a_server_nobody_is_told_by_mail(settings, event):
    settings("")

    assert "named no server" in run_task(mail, url=URL, event=event).error.message


@pytest.fixture
def tls(tmp_path, monkeypatch):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(context)
    return context


def authenticate(server, session, envelope, mechanism, data):
    return AuthResult(success=(data.login, data.password) == (b"ada", b"hunter2"), handled=False)


LOGIN = "username = 'ada'\npassword = 'hunter2'"


def test_a_server_that_wants_encryption_and_a_login_gets_both(mailbox, tls, configure, event):
    options = {"tls_context": tls, "require_starttls": True, "auth_required": True, "authenticator": authenticate}
    with MailServer(mailbox, **options) as server:
        configure(server.port, "starttls", LOGIN)
        result = run_task(mail, url=URL, event=event)

    assert (result.state, len(mailbox.mails)) == (TaskState.SUCCEEDED, 1)


def test_a_login_that_is_refused_shows_no_password(mailbox, tls, configure, event):
    options = {"tls_context": tls, "require_starttls": True, "auth_required": True, "authenticator": authenticate}
    with MailServer(mailbox, **options) as server:
        configure(server.port, "starttls", LOGIN.replace("hunter2", "correct horse"))
        result = run_task(mail, url=URL, event=event)

    assert result.state is TaskState.PENDING
    assert result.error.message == "The mail server refuses to serve with code 535."


def test_a_server_without_encryption_gets_no_mail_where_it_is_wanted(mailbox, configure, event):
    with MailServer(mailbox) as server:
        configure(server.port, "starttls")
        result = run_task(mail, url=URL, event=event)

    assert (result.state, mailbox.mails) == (TaskState.PENDING, [])


@pytest.mark.parametrize(("answer", "kind"), [("550 No such", UndeliverableError), ("451 Later", NotDeliveredError)])
def test_a_recipient_that_is_refused_for_now_is_tried_again(answer, kind, mailbox, configure, event):
    mailbox.refusals.append(answer)
    with MailServer(mailbox) as server:
        configure(server.port)
        result = run_task(mail, url=URL, event=event)

    assert (result.state is TaskState.FAILED) == (kind is UndeliverableError)
    assert f"code {answer[:3]}" in result.error.message


def test_a_server_that_is_away_is_tried_again(mailbox, configure, event):
    with MailServer(mailbox) as server:
        port = server.port
    configure(port)

    assert run_task(mail, url=URL, event=event).state is TaskState.PENDING
