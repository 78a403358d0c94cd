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
from typing import Annotated, ClassVar, Final, Literal, Self

import msgspec

from lilota.errors import InvalidInputError, listed
from lilota.models import TaskBase
from lilota.retry import Backoff
from lilota_example_tasks.shared import existing_file, parse_input

RECIPIENTS_LIMIT: Final = 20_000
PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}
#: "Service not available, closing transmission channel".
CLOSING: Final = 421

Recipient = dict[str, str | int | float | bool | None]


#: The environment variable of the worker with the file in which the operator keeps the accounts.
ACCOUNTS_VARIABLE: Final = "LILOTA_MAIL_ACCOUNTS"


class OpenServer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An SMTP server without a login, as an input may name it; see `MailServer`."""

    host: str
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] | None = None
    security: Literal["starttls", "tls", "none"] = "starttls"
    ca_file: str | None = None
    timeout_seconds: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 60.0


class MailServer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The SMTP server to send through, as the operator sets it aside under a name.

    Server and password come from one hand: whoever may add a task could otherwise send any variable or file of the
    worker to a server of his own.

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


class SendEmailsInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which mails to send.

    Attributes:
        account: the name of a server that the operator has set aside, with its login.
        server: instead, a server without a login.
        sender: "name@example.org" or "Name <name@example.org>".
        subject: a template: `$field` stands for a field of the recipient, `$$` for a dollar.
        body: a template, plain text.
        recipients: objects with an `address` and the fields that the templates use.
        recipients_csv: instead, a CSV file in UTF-8 whose columns are those fields.
    """

    account: str | None = None
    server: OpenServer | None = None
    sender: str
    subject: str
    body: str
    recipients: list[Recipient] | None = None
    recipients_csv: str | None = None


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

    Input: see `SendEmailsInput` and `OpenServer`; the accounts of the operator are `MailServer`s.
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
        _check(job)
        server = _server(job)
        sender = _parse_sender(job.sender)
        recipients = _read_recipients(job)
        record = self._record_of_earlier_attempt(len(recipients))
        self._save(record)
        with MailConnection(server) as connection:
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
            connection.send(_make_message(job, sender, recipient, message_id))
        except NoMailError as error:
            self.logger.warning("No mail to %r: %s", address, error)
            record.failed.append(Failure(address, str(error)))
        else:
            self.logger.info("Sent a mail to %s", address)
            record.sent.append(address)

    def _save(self, record: Record) -> None:
        self.set_output(self.task_info.id, msgspec.to_builtins(record))
        self.set_progress(self.task_info.id, 100 * record.handled / max(record.total, 1))


class NoMailError(Exception):
    """This recipient gets no mail, others may; the text says why."""


# --- the input


def _check(job: SendEmailsInput) -> None:
    """Raise InvalidInputError if no mail could be sent with this input, whoever the recipient is."""
    for key, template in (("subject", job.subject), ("body", job.body)):
        if not Template(template).is_valid():
            raise InvalidInputError(f"{key}: a '$' begins no name of a field. Write '$$' for a dollar.")
    if "\n" in job.subject or "\r" in job.subject:
        raise InvalidInputError("subject: it must be one line.")
    if (job.recipients is None) == (job.recipients_csv is None):
        raise InvalidInputError("Give either 'recipients' or 'recipients_csv'.")
    if (job.account is None) == (job.server is None):
        raise InvalidInputError("Give either 'account', set aside by the operator, or a 'server' without a login.")


def _server(job: SendEmailsInput) -> MailServer:
    """Return the server of the input, or what the operator has set aside under the name in it."""
    if job.server is not None:
        return MailServer(**msgspec.structs.asdict(job.server))
    path = os.environ.get(ACCOUNTS_VARIABLE)
    if not path:
        raise InvalidInputError(f"account: the worker has no {ACCOUNTS_VARIABLE}, which names the file with accounts.")
    try:
        accounts = msgspec.toml.decode(Path(path).read_bytes(), type=dict[str, MailServer])
    except (OSError, ValueError) as error:  # of which msgspec's errors are some; none repeats a value
        raise InvalidInputError(f"account: the file in {ACCOUNTS_VARIABLE} can't be used: {error}.") from None
    if job.account not in accounts:
        raise InvalidInputError(f"account: there is no '{job.account}' in the file that {ACCOUNTS_VARIABLE} names.")
    server = accounts[job.account]
    _check_login(server)
    return server


def _check_login(server: MailServer) -> None:
    if server.username is not None and (server.password_env is None) == (server.password_file is None):
        raise InvalidInputError("server: with 'username', give either 'password_env' or 'password_file'.")
    if server.username is not None and server.security == "none":
        raise InvalidInputError("server: the password would travel readable. Set 'security' to 'starttls' or 'tls'.")


def _read_recipients(job: SendEmailsInput) -> list[Recipient]:
    recipients = _read_csv(job.recipients_csv or "") if job.recipients is None else job.recipients
    if len(recipients) > RECIPIENTS_LIMIT:
        message = f"{len(recipients):,} recipients; a task sends to at most {RECIPIENTS_LIMIT:,}. Add several tasks."
        raise InvalidInputError(message)
    return recipients


def _read_csv(path: str) -> list[Recipient]:
    try:
        with existing_file(path, "recipients_csv").open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restkey="")
            columns, rows = list(reader.fieldnames or ()), list(reader)
    except (UnicodeError, csv.Error) as error:
        raise InvalidInputError(f"recipients_csv: '{path}' is not a CSV file in UTF-8: {error}.") from error
    if "address" not in columns:
        raise InvalidInputError(f"recipients_csv: '{path}' has no column 'address'. There are: {listed(columns)}.")
    return [{name: value for name, value in row.items() if name and value is not None} for row in rows]


# --- the messages


def _parse_sender(sender: str) -> Address:
    message = EmailMessage(policy=SMTP)
    try:
        message["From"] = sender
        (address,) = message["From"].addresses
        return Address(display_name=address.display_name, addr_spec=_checked_address(address.addr_spec))
    except (ValueError, NoMailError) as error:
        raise InvalidInputError(f"sender: {sender!r} is not one address like 'Name <name@example.org>'.") from error


def _make_message(job: SendEmailsInput, sender: Address, recipient: Recipient, message_id: str) -> EmailMessage:
    """Return the message for one recipient.

    Raises:
        NoMailError: the address is missing or wrong, the templates want a field that the recipient does not have, or a
            field would break out of its header line.
    """
    address = _checked_address(recipient.get("address"))
    subject = _fill(job.subject, recipient)
    if len(subject.splitlines()) > 1 or subject != subject.strip("\r\n"):
        raise NoMailError("a field makes the subject longer than one line")
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
        raise NoMailError("it has no 'address'")
    if any(not letter.isprintable() for letter in address):
        raise NoMailError("the address contains a line end or another control character")
    with contextlib.suppress(ValueError, IndexError, HeaderParseError):
        parsed = Address(addr_spec=address.strip())
        if parsed.username and parsed.domain:
            return parsed.addr_spec
    raise NoMailError("the address is not like 'name@example.org'")


def _fill(template: str, recipient: Recipient) -> str:
    fields = {name: value for name, value in recipient.items() if value is not None}
    try:
        return Template(template).substitute(fields)
    except KeyError as error:
        raise NoMailError(f"the template wants the field '{error.args[0]}', which it does not have") from error


# --- the server


class MailConnection:
    """A connection to a server, made when it is first needed. What a method raises holds no password."""

    def __init__(self, server: MailServer) -> None:
        self._server = server
        self._smtp: smtplib.SMTP | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
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
            NoMailError: the server does not take this message.
            InvalidInputError: the server takes no message with these settings.
            OSError: the server can't be reached now, or does not answer in time.
        """
        try:
            self._send_once(message)
        except _HungUpError:
            try:
                self._send_once(message)
            except _HungUpError as error:
                raise NoMailError(f"the server hung up twice while it was sent: {error}") from error

    def _send_once(self, message: EmailMessage) -> None:
        if self._smtp is None:
            self._smtp = _connect(self._server)
        try:
            self._smtp.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            ((code, text),) = error.recipients.values()
            raise self._refusal(code, text) from error
        except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
            sender = error.sender if isinstance(error, smtplib.SMTPSenderRefused) else None
            raise self._refusal(error.smtp_code, error.smtp_error, sender) from error
        except smtplib.SMTPNotSupportedError as error:
            raise NoMailError(str(error)) from error
        except OSError as error:  # of which smtplib's "server disconnected" is one
            self._drop()
            # smtplib calls a silent server disconnected; only the context knows better.
            if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
                raise TimeoutError(f"The mail server {self._server.host} stopped answering: {error}") from error
            raise _HungUpError(str(error)) from error

    def _refusal(self, code: int, text: bytes | str, sender: str | None = None) -> Exception:
        """Return the error for an answer to one message, or to the sender of all."""
        shown = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        answer = f"{code} {' '.join(shown.split())}"
        if code == CLOSING:
            self._drop()
            return _HungUpError(answer)
        if sender is None:
            return NoMailError(answer)
        if code >= 500:
            return InvalidInputError(f"The mail server refuses the sender '{sender}': {answer}")
        return ConnectionError(f"The mail server refuses the sender '{sender}' for now: {answer}")

    def _drop(self) -> None:
        if self._smtp is not None:
            self._smtp.close()
            self._smtp = None


class _HungUpError(Exception):
    """The server closed the connection."""


def _connect(server: MailServer) -> smtplib.SMTP:
    """Return a connection that is encrypted and logged in, as the settings say."""
    host, port = server.host, server.port or PORTS[server.security]
    try:
        context = ssl.create_default_context(cafile=server.ca_file)
    except OSError as error:
        raise InvalidInputError(f"server.ca_file: '{server.ca_file}' can't be used: {error}.") from error
    with contextlib.ExitStack() as on_failure:
        try:
            if server.security == "tls":
                smtp: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=server.timeout_seconds, context=context)
            else:
                smtp = smtplib.SMTP(host, port, timeout=server.timeout_seconds)
            on_failure.callback(smtp.close)
            if server.security == "starttls":
                smtp.starttls(context=context)
            if server.username is not None:
                _log_in(smtp, server.username, _password(server))
        except ssl.SSLCertVerificationError as error:
            message = f"The certificate of the mail server {host}:{port} is not trusted: {error.verify_message}. "
            raise InvalidInputError(f"{message}If it is your own, name its authority as 'ca_file'.") from error
        except smtplib.SMTPNotSupportedError as error:
            raise InvalidInputError(f"The mail server {host}:{port}: {error} Check 'security' and 'port'.") from error
        except OSError as error:
            raise ConnectionError(f"The mail server {host}:{port} can't be reached: {error}") from error
        on_failure.pop_all()
    return smtp


def _log_in(smtp: smtplib.SMTP, username: str, password: str) -> None:
    try:
        smtp.login(username, password)
    except smtplib.SMTPAuthenticationError as error:
        # Without the server's text and the cause: it may repeat what was sent.
        message = f"The mail server refuses the login of '{username}' with code {error.smtp_code}."
        raise (InvalidInputError if error.smtp_code >= 500 else ConnectionError)(message) from None


def _password(server: MailServer) -> str:
    """Return the password from where the input says it is; an error names the place, never the password."""
    if server.password_file is not None:
        return existing_file(server.password_file, "server.password_file").read_text().rstrip("\r\n")
    password = os.environ.get(server.password_env or "")
    if not password:
        raise InvalidInputError(f"server.password_env: the worker has no environment variable '{server.password_env}'.")
    return password
