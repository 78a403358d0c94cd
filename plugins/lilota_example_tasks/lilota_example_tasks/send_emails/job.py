"""The input of the task, checked as far as that is possible before anything is sent."""

from __future__ import annotations

from string import Template
from typing import Annotated

import msgspec

from lilota.errors import InvalidInputError
from lilota_example_tasks.send_emails.accounts import OpenServer
from lilota_example_tasks.send_emails.addresses import has_control
from lilota_example_tasks.send_emails.recipients import Fields


class SendEmailsInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which mails to send.

    Attributes:
        account: the name of a server that the operator has set aside, with its login.
        server: instead, a server without a login.
        sender: "name@example.org" or "Name <name@example.org>".
        reply_to: the same, for whom answers are.
        subject: a template: `$field` stands for a field of the recipient, `$$` for a dollar.
        body: a template, plain text.
        html: a template, the same as HTML; what fields hold is text in it, whatever they hold.
        attachments: files in the folder that the operator has set aside for that.
        recipients: objects with an `address` and the fields that the templates use.
        recipients_csv: instead, a CSV file in UTF-8 whose columns are those fields.
        mails_per_minute: no more than that, one after the other at even distances.
    """

    account: str | None = None
    server: OpenServer | None = None
    sender: str
    reply_to: str | None = None
    subject: str
    body: str
    html: str | None = None
    attachments: list[str] = []
    recipients: list[Fields] | None = None
    recipients_csv: str | None = None
    mails_per_minute: Annotated[float, msgspec.Meta(gt=0)] | None = None


def check_job(job: SendEmailsInput) -> None:
    """Make sure that a mail could be sent with this input, if the recipient is one.

    Raises:
        InvalidInputError: none could.
    """
    for key, template in (("subject", job.subject), ("body", job.body), ("html", job.html or "")):
        if not Template(template).is_valid():
            raise InvalidInputError(f"{key}: a '$' begins no name of a field. Write '$$' for a dollar.")
        if "\0" in template:
            raise InvalidInputError(f"{key}: a mail can't hold a NUL character.")
    if has_control(job.subject):
        raise InvalidInputError("subject: it must be one line, without control characters.")
    if (job.recipients is None) == (job.recipients_csv is None):
        raise InvalidInputError("Give either 'recipients' or 'recipients_csv'.")
    if (job.account is None) == (job.server is None):
        raise InvalidInputError("Give either 'account', set aside by the operator, or a 'server' without a login.")
