"""The task `send_emails`: one mail per recipient, from templates, through an SMTP server."""

from __future__ import annotations

import contextlib
import csv
import os
import smtplib
import ssl
import uuid
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from string import Template
from types import TracebackType
from typing import Annotated, ClassVar, Literal, Self

import msgspec

from lilota.errors import InvalidInputError
from lilota.models import TaskBase
from lilota.retry import Backoff
from lilota_example_tasks.shared import existing_file, parse_input

RECIPIENTS_LIMIT = 20_000
PORTS = {"starttls": 587, "tls": 465, "none": 25}

Recipient = dict[str, str | int | float | bool | None]


class MailServer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The SMTP server to send through.

    A password never stands in the input, which is stored and shown: it is read from the worker's environment or a file.

    Attributes:
        port: 587, 465 or 25, according to the security, when left out.
        security: "starttls" (begin in clear, then encrypt), "tls" (encrypt from the start) or "none".
        username: who logs in, or None for no login; needs a password and encryption.
        password_env: the name of the environment variable with the password.
        password_file: the file with the password.
        ca_file: a PEM file with the certificate authorities to trust instead of the system's.
        timeout_seconds: how long to wait for an answer of the server.
    """

    host: str
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] | None = None
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str | None = None
    password_env: str | None = None
    password_file: str | None = None
    ca_file: str | None = None
    timeout_seconds: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 60.0

    @property
    def address(self) -> tuple[str, int]:
        return self.host, self.port or PORTS[self.security]

    def password(self) -> str:
        """Return the password from where the input says it is.

        Raises:
            InvalidInputError: it is not there. The message names the place, never the password.
        """
        if self.password_file is not None:
            return existing_file(self.password_file, "server.password_file").read_text().rstrip("\r\n")
        password = os.environ.get(self.password_env or "")
        if not password:
            message = f"server.password_env: the worker has no environment variable '{self.password_env}'."
            raise InvalidInputError(message)
        return password


class SendEmailsInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which mails to send.

    Attributes:
        server: see `MailServer`.
        sender: "name@example.org" or "Name <name@example.org>".
        subject: a template: `$field` stands for a field of the recipient, `$$` for a dollar.
        body: a template, plain text.
        recipients: objects with an `address` and the fields that the templates use.
        recipients_csv: instead, a CSV file in UTF-8 whose columns are those fields.
    """

    server: MailServer
    sender: str
    subject: str
    body: str
    recipients: list[Recipient] | None = None
    recipients_csv: str | None = None


def check(job: SendEmailsInput) -> None:
    """Raise InvalidInputError if no mail could be sent with this input, whoever the recipient is."""
    server = job.server
    for key, template in (("subject", job.subject), ("body", job.body)):
        if not Template(template).is_valid():
            raise InvalidInputError(f"{key}: a '$' begins no name of a field. Write '$$' for a dollar.")
    if "\n" in job.subject or "\r" in job.subject:
        raise InvalidInputError("subject: it must be one line.")
    if (job.recipients is None) == (job.recipients_csv is None):
        raise InvalidInputError("Give either 'recipients' or 'recipients_csv'.")
    if server.username is not None and (server.password_env is None) == (server.password_file is None):
        raise InvalidInputError("server: with 'username', give either 'password_env' or 'password_file'.")
    if server.username is not None and server.security == "none":
        raise InvalidInputError("server: the password would travel readable. Set 'security' to 'starttls' or 'tls'.")


def read_recipients(job: SendEmailsInput) -> list[Recipient]:
    """Return the recipients in the order in which they are given.

    Raises:
        InvalidInputError: the file is missing, not UTF-8 or has no column `address`, or there are too many.
    """
    recipients = job.recipients if job.recipients is not None else _read_csv(job.recipients_csv or "")
    if len(recipients) > RECIPIENTS_LIMIT:
        message = f"{len(recipients):,} recipients; a task sends to at most {RECIPIENTS_LIMIT:,}. Add several tasks."
        raise InvalidInputError(message)
    return recipients


def _read_csv(path: str) -> list[Recipient]:
    file = existing_file(path, "recipients_csv")
    try:
        return _rows(file)
    except (UnicodeError, csv.Error) as error:
        raise InvalidInputError(f"recipients_csv: '{path}' is not a CSV file in UTF-8: {error}.") from error


def _rows(file: Path) -> list[Recipient]:
    with file.open(encoding="utf-8-sig", newline="") as text:
        reader = csv.DictReader(text, restkey="")
        if "address" not in (reader.fieldnames or ()):
            columns = ", ".join(f"'{name}'" for name in reader.fieldnames or ())
            raise InvalidInputError(
                f"recipients_csv: '{file}' has no column 'address'. There are: {columns or 'none'}."
            )
        return [{name: value for name, value in row.items() if name and value is not None} for row in reader]


class UnsendableError(Exception):
    """No message can be made for this recipient; the text says why."""


def parse_sender(sender: str) -> Address:
    """Return the sender's address.

    Raises:
        InvalidInputError: it is not exactly one valid address.
    """
    message = EmailMessage(policy=SMTP)
    try:
        message["From"] = sender
        (address,) = message["From"].addresses
        return Address(display_name=address.display_name, addr_spec=_checked_address(address.addr_spec))
    except (ValueError, UnsendableError) as error:
        raise InvalidInputError(f"sender: {sender!r} is not one address like 'Name <name@example.org>'.") from error


def make_message(job: SendEmailsInput, sender: Address, recipient: Recipient, message_id: str) -> EmailMessage:
    """Return the message for one recipient.

    Raises:
        UnsendableError: the address is missing or wrong, the templates want a field that the recipient does not have,
            or a field would break out of its header line.
    """
    address = _checked_address(recipient.get("address"))
    subject = _fill(job.subject, recipient)
    if len(subject.splitlines()) > 1 or subject != subject.strip("\r\n"):
        raise UnsendableError("a field makes the subject longer than one line")
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = Address(addr_spec=address)
    message["Subject"] = subject
    message["Date"] = datetime.now(UTC)
    message["Message-ID"] = message_id
    message.set_content(_fill(job.body, recipient))
    return message


def _checked_address(address: object) -> str:
    if not isinstance(address, str) or not address.strip():
        raise UnsendableError("it has no 'address'")
    if any(not letter.isprintable() for letter in address):
        raise UnsendableError("the address contains a line end or another control character")
    try:
        parsed = Address(addr_spec=address.strip())
    except (ValueError, IndexError, HeaderParseError) as error:
        raise UnsendableError("the address is not like 'name@example.org'") from error
    if not parsed.username or not parsed.domain:
        raise UnsendableError("the address is not like 'name@example.org'")
    return parsed.addr_spec


def _fill(template: str, recipient: Recipient) -> str:
    fields = {name: value for name, value in recipient.items() if value is not None}
    try:
        return Template(template).substitute(fields)
    except KeyError as error:
        raise UnsendableError(f"the template wants the field '{error.args[0]}', which it does not have") from error


#: "Service not available, closing transmission channel".
CLOSING = 421


class RefusedError(Exception):
    """The server did not take this one message, but may take others; the text says why."""


class MailConnection:
    """A connection to a server, made when it is first needed. What a method raises holds no password."""

    def __init__(self, server: MailServer) -> None:
        self._server = server
        self._smtp: smtplib.SMTP | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._smtp is not None and error is None:
            # All mails are with the server: how it takes the farewell does not matter.
            with contextlib.suppress(OSError):
                self._smtp.quit()
        self._drop()

    def send(self, message: EmailMessage) -> None:
        """Send a message; once more over a new connection if the server hangs up.

        A server may hang up after it took the message and before it said so: then it gets the message twice, with the
        same Message-ID.

        Raises:
            RefusedError: the server does not take this message.
            InvalidInputError: the server takes no message with these settings.
            OSError: the server can't be reached now, or does not answer in time.
        """
        with contextlib.suppress(_HungUpError):
            self._send_once(message)
            return
        try:
            self._send_once(message)
        except _HungUpError as error:
            raise RefusedError(f"the server hung up twice while it was sent: {error}") from error

    def _send_once(self, message: EmailMessage) -> None:
        smtp = self._connected()
        try:
            smtp.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            ((code, text),) = error.recipients.values()
            raise self._refusal(code, text) from error
        except smtplib.SMTPDataError as error:
            raise self._refusal(error.smtp_code, error.smtp_error) from error
        except smtplib.SMTPSenderRefused as error:
            raise self._sender_refusal(error) from error
        except smtplib.SMTPNotSupportedError as error:
            raise RefusedError(str(error)) from error
        except OSError as error:  # of which smtplib's "server disconnected" is one
            self._drop()
            # smtplib calls a silent server disconnected; only the context knows better.
            if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
                raise TimeoutError(f"The mail server {self._server.host} stopped answering: {error}") from error
            raise _HungUpError(str(error)) from error

    def _refusal(self, code: int, text: bytes | str) -> Exception:
        """Return the error for an answer to one message."""
        if code == CLOSING:
            self._drop()
            return _HungUpError(_answer(code, text))
        return RefusedError(_answer(code, text))

    def _sender_refusal(self, error: smtplib.SMTPSenderRefused) -> Exception:
        answer = _answer(error.smtp_code, error.smtp_error)
        if error.smtp_code == CLOSING:
            self._drop()
            return _HungUpError(answer)
        if error.smtp_code >= 500:
            return InvalidInputError(f"The mail server refuses the sender '{error.sender}': {answer}")
        return ConnectionError(f"The mail server refuses the sender '{error.sender}' for now: {answer}")

    def _connected(self) -> smtplib.SMTP:
        if self._smtp is None:
            self._smtp = connect(self._server)
        return self._smtp

    def _drop(self) -> None:
        if self._smtp is not None:
            self._smtp.close()
            self._smtp = None


def connect(server: MailServer) -> smtplib.SMTP:
    """Return a connection that is encrypted and logged in, as the settings say.

    Raises:
        InvalidInputError: the certificate is not trusted, or the server offers no encryption or refuses the login.
        OSError: the server can't be reached now.
    """
    host, port = server.address
    context = _tls_context(server)
    with contextlib.ExitStack() as on_failure:
        try:
            smtp = _open(server, context)
            on_failure.callback(smtp.close)
            if server.security == "starttls":
                smtp.starttls(context=context)
            if server.username is not None:
                _log_in(smtp, server.username, server.password())
        except ssl.SSLCertVerificationError as error:
            message = f"The certificate of the mail server {host}:{port} is not trusted: {error.verify_message}. "
            raise InvalidInputError(f"{message}If it is your own, name its authority as 'ca_file'.") from error
        except smtplib.SMTPNotSupportedError as error:
            raise InvalidInputError(f"The mail server {host}:{port}: {error} Check 'security' and 'port'.") from error
        except OSError as error:
            raise ConnectionError(f"The mail server {host}:{port} can't be reached: {error}") from error
        on_failure.pop_all()
    return smtp


def _tls_context(server: MailServer) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=server.ca_file)
    except OSError as error:
        raise InvalidInputError(f"server.ca_file: '{server.ca_file}' can't be used: {error}.") from error


def _open(server: MailServer, context: ssl.SSLContext) -> smtplib.SMTP:
    host, port = server.address
    if server.security == "tls":
        return smtplib.SMTP_SSL(host, port, timeout=server.timeout_seconds, context=context)
    return smtplib.SMTP(host, port, timeout=server.timeout_seconds)


def _log_in(smtp: smtplib.SMTP, username: str, password: str) -> None:
    try:
        smtp.login(username, password)
    except smtplib.SMTPAuthenticationError as error:
        # Without the server's text and the cause: it may repeat what was sent.
        message = f"The mail server refuses the login of '{username}' with code {error.smtp_code}."
        raise (InvalidInputError if error.smtp_code >= 500 else ConnectionError)(message) from None


def _answer(code: int, text: bytes | str) -> str:
    shown = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"{code} {' '.join(shown.split())}"


class _HungUpError(Exception):
    """The server closed the connection."""


class Failure(msgspec.Struct, frozen=True):
    """A recipient who gets no mail, and why."""

    address: str
    reason: str


class Record(msgspec.Struct, kw_only=True):
    """What was done so far: the output of the task.

    Attributes:
        batch: random; part of each Message-ID, so that a mail that is sent again is the same mail.
        total: how many recipients there are.
    """

    batch: str
    total: int
    sent: list[str] = []
    failed: list[Failure] = []

    @property
    def handled(self) -> int:
        return len(self.sent) + len(self.failed)


class SendEmails(TaskBase):
    """Send a mail to each recipient.

    Recipients are handled in order, and the output is set after each, so that the next attempt goes on where this one
    stopped. A mail is sent at least once: if the worker dies between sending one and saying so, it is sent again, with
    the same Message-ID.

    Input: see `SendEmailsInput` and `MailServer`.
    Output: `sent` (addresses), `failed` (a list of `address` and `reason`), `total`, `batch`.
    Errors: InvalidInputError for an input that can't work, a login or sender that is refused, a certificate that is
        not trusted: final. ConnectionError or TimeoutError when the server can't be reached: tried again, five times
        in about 20 minutes. A recipient who fails is no error, but reported in the output.
    """

    max_attempts: ClassVar[int] = 5
    backoff: ClassVar[Backoff] = Backoff(first_seconds=30, factor=3, max_seconds=900)
    never_retry_on: ClassVar[tuple[type[BaseException], ...]] = (InvalidInputError,)

    def run(self) -> None:
        job = parse_input(self.task_info, SendEmailsInput)
        check(job)
        sender = parse_sender(job.sender)
        recipients = read_recipients(job)
        record = self._record_of_earlier_attempt(len(recipients))
        self._save(record)
        with MailConnection(job.server) as connection:
            for recipient in recipients[record.handled :]:
                self._handle(recipient, job, sender, connection, record)
                self._save(record)
        self.logger.info("Sent %d mails, %d failed", len(record.sent), len(record.failed))

    def _record_of_earlier_attempt(self, total: int) -> Record:
        if not hasattr(self.task_info, "output"):
            return Record(batch=uuid.uuid4().hex, total=total)
        record = msgspec.convert(self.task_info.output, Record)
        if record.total != total:
            raise InvalidInputError(
                f"There are {total} recipients now and were {record.total} when the task began: who got a mail can't "
                "be told any more. Add a new task for the others; the output says who was sent one."
            )
        self.logger.info("Going on after %d of %d recipients", record.handled, total)
        return record

    def _handle(
        self, recipient: Recipient, job: SendEmailsInput, sender: Address, connection: MailConnection, record: Record
    ) -> None:
        """Send one mail and note in the record what became of it."""
        address = str(recipient.get("address", ""))
        message_id = f"<{record.batch}.{record.handled}@{sender.domain}>"
        try:
            connection.send(make_message(job, sender, recipient, message_id))
        except (UnsendableError, RefusedError) as error:
            self.logger.warning("No mail to %r: %s", address, error)
            record.failed.append(Failure(address, str(error)))
        else:
            self.logger.info("Sent a mail to %s", address)
            record.sent.append(address)

    def _save(self, record: Record) -> None:
        self.set_output(self.task_info.id, msgspec.to_builtins(record))
        self.set_progress(self.task_info.id, 100 * record.handled / max(record.total, 1))
