"""The input of `send_emails`: what it may contain, and the checks that need no server."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from string import Template
from typing import Annotated, Literal

import msgspec

from lilota.errors import InvalidInputError
from lilota_example_tasks.inputs import existing_file

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
