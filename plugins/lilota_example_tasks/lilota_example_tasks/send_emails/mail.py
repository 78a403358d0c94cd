"""What all recipients are sent, checked as far as that is possible before anything is sent."""

from __future__ import annotations

from string import Template
from typing import NamedTuple

from lilota.errors import InvalidInputError
from lilota_example_tasks.send_emails.addresses import has_control


class Mail(NamedTuple):
    """The templates of the mails, and what they have in common; see `SendEmails.run`."""

    sender: str
    reply_to: str | None
    subject: str
    body: str
    html: str | None
    attachments: tuple[str, ...]


def check_mail(mail: Mail) -> None:
    """Make sure that a mail could be made of the templates, if the recipient is one.

    Raises:
        InvalidInputError: none could.
    """
    for key, template in (("subject", mail.subject), ("body", mail.body), ("html", mail.html or "")):
        if not Template(template).is_valid():
            raise InvalidInputError(f"{key}: a '$' begins no name of a field. Write '$$' for a dollar.")
        if "\0" in template:
            raise InvalidInputError(f"{key}: a mail can't hold a NUL character.")
    if has_control(mail.subject):
        raise InvalidInputError("subject: it must be one line, without control characters.")
