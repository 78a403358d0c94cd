"""The task that sends a mail."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from string import Template
from typing import Final

from lilota import TaskContext, task
from lilota.errors import InvalidInputError
from lilota_notify.allowing import mail_for
from lilota_notify.asking import MAIL
from lilota_notify.errors import NotDeliveredError, UndeliverableError
from lilota_notify.events import MAIL_FIELDS, Event
from lilota_notify.posting import ATTEMPTS, PATIENCE, PATIENCE_SECONDS
from lilota_notify.settings import Mail, load_settings
from lilota_notify.targets import MailTarget, target_of

_PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}


@task(
    name=MAIL,
    max_attempts=ATTEMPTS,
    backoff=PATIENCE,
    deadline_seconds=PATIENCE_SECONDS,
    timeout_seconds=300,  # a server may answer each command just in time
    retry_on=(Exception,),
    never_retry_on=(UndeliverableError, InvalidInputError),
)
def mail(ctx: TaskContext, url: str, event: Event) -> None:
    """Send an event by mail.

    Args:
        url: the mailbox, as "mailto:ann@example.com".
        event: what happened.
    """
    target = target_of(url)
    if not isinstance(target, MailTarget):
        raise UndeliverableError("A webhook is no mailbox.")
    settings = load_settings()
    with_server = mail_for(target, settings)
    send(letter(event, target, with_server), with_server, settings.timeout_seconds)
    ctx.logger.info("The mail server has taken it.")


def letter(event: Event, target: MailTarget, mail: Mail) -> EmailMessage:
    """Return the mail; whatever a task is called, no header is made of it but the subject."""
    data = event["data"]
    error = data["error"]
    said = {**data, "error": f"{error['type']}: {error['message']}" if error else ""}
    fields = {name: str(said.get(name, "")) for name in MAIL_FIELDS}
    message = EmailMessage()
    message["Subject"] = _one_line(Template(mail.subject).substitute(fields))
    message["From"] = mail.sender
    message["To"] = str(target)
    message["Date"] = formatdate()
    # The same each time: mail programs show a mail once that has come twice.
    message["Message-ID"] = f"<{event['id']}@{parseaddr(mail.sender)[1].rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(Template(mail.text).substitute(fields))
    return message


def _one_line(text: str) -> str:
    """Return a text that is one header and no more.

    `EmailMessage` refuses line ends, but in Python 3.11 and 3.12 it makes one of what is encoded as one: a task that is
    called `=?utf-8?q?a=0ABcc:...?=` would have written a header of its own.
    """
    return " ".join(text.replace("=?", "= ?").split())


def send(message: EmailMessage, mail: Mail, seconds: float) -> None:
    """Hand a mail to the server.

    Raises:
        UndeliverableError: the server does not know the mailbox.
        NotDeliveredError: it did not take it this time.
    """
    try:
        with _logged_in(mail, seconds) as server:
            server.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        [(code, _)] = error.recipients.values()
        kind = UndeliverableError if code // 100 == 5 else NotDeliveredError
        raise kind(f"The mail server refuses the recipient with code {code}.") from None
    except smtplib.SMTPResponseException as error:
        # Without the server's text: it may repeat what was sent.
        raise NotDeliveredError(f"The mail server refuses to serve with code {error.smtp_code}.") from None
    except OSError as error:  # of which the errors of smtplib and ssl are some
        raise NotDeliveredError(f"The mail server can't be used: {error}.") from error


def _logged_in(mail: Mail, seconds: float) -> smtplib.SMTP:
    port, context = mail.port or _PORTS[mail.security], ssl.create_default_context()
    server: smtplib.SMTP = (
        smtplib.SMTP_SSL(mail.server, port, timeout=seconds, context=context)
        if mail.security == "tls"
        else smtplib.SMTP(mail.server, port, timeout=seconds)
    )
    try:
        if mail.security == "starttls":
            server.starttls(context=context)
        if mail.username is not None and mail.password is not None:
            server.login(mail.username, mail.password)
    except BaseException:
        server.close()
        raise
    return server
