"""The mail for one recipient, from the templates, as the bytes that travel."""

from __future__ import annotations

import hashlib
import html
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from string import Template
from typing import Final

from lilota.errors import InvalidInputError
from lilota_example_tasks.send_emails.addresses import has_control, parse_named
from lilota_example_tasks.send_emails.answers import NoMailError
from lilota_example_tasks.send_emails.attachments import read_attachments
from lilota_example_tasks.send_emails.connection import Letter
from lilota_example_tasks.send_emails.mail import Mail
from lilota_example_tasks.send_emails.recipients import Fields, Recipient

#: Every server takes seven bits. Long lines and other letters are encoded, and a line that begins with "From " is not
#: changed.
_POLICY: Final = SMTP.clone(cte_type="7bit", mangle_from_=False)
_INTERNATIONAL: Final = _POLICY.clone(utf8=True)
#: A longer line breaks the rules of mail (RFC 5322); a header can't always be folded.
_SUBJECT_LIMIT: Final = 900


class Letters:
    """Writes the mails of one task.

    Raises:
        InvalidInputError: sender, reply_to or attachments can't be used.
    """

    def __init__(self, mail: Mail, batch: str) -> None:
        self._mail = mail
        self._batch = batch
        self._sender = _own_address("sender", mail.sender)
        self._reply_to = None if mail.reply_to is None else _own_address("reply_to", mail.reply_to)
        self._attachments = read_attachments(mail.attachments)
        own = (self._sender, self._reply_to or self._sender)
        self._sender_is_international = not all(address.username.isascii() for address in own)

    def letter_for(self, recipient: Recipient) -> Letter:
        """Return the mail for a recipient: the same one, with the same Message-ID, whenever it is asked for.

        Raises:
            NoMailError: the address is missing or wrong, the templates want a field that the recipient does not have,
                or a field would break out of its place.
        """
        if recipient.address is None:
            raise NoMailError(recipient.fault)
        is_international = self._sender_is_international or not recipient.address.username.isascii()
        message = EmailMessage(policy=_INTERNATIONAL if is_international else _POLICY)
        self._write_head(message, recipient, recipient.address)
        self._write_content(message, recipient.fields)
        return Letter(
            sender=self._sender.addr_spec,
            recipient=recipient.address.addr_spec,
            content=message.as_bytes(),
            is_international=is_international,
            sender_is_international=self._sender_is_international,
        )

    def _write_head(self, message: EmailMessage, recipient: Recipient, address: Address) -> None:
        subject = _filled(self._mail.subject, recipient.fields)
        if has_control(subject):
            raise NoMailError("a field makes the subject longer than one line, or puts a control character into it")
        if len(subject) > _SUBJECT_LIMIT:
            raise NoMailError(f"the subject is longer than {_SUBJECT_LIMIT} characters")
        message["From"] = self._sender
        message["To"] = address
        if self._reply_to is not None:
            message["Reply-To"] = self._reply_to
        message["Subject"] = subject
        message["Date"] = datetime.now(UTC)
        # By the address, not the place in the list, which may move; short, so that the header is one line.
        digest = hashlib.sha256(f"{self._batch} {recipient.key}".encode()).hexdigest()[:14]
        message["Message-ID"] = f"<{self._batch}.{digest}@{self._sender.domain}>"

    def _write_content(self, message: EmailMessage, fields: Fields) -> None:
        message.set_content(_filled(self._mail.body, fields))
        if self._mail.html is not None:
            escaped: Fields = {
                name: value if value is None else html.escape(str(value)) for name, value in fields.items()
            }
            message.add_alternative(_filled(self._mail.html, escaped), subtype="html")
        for name, maintype, subtype, content in self._attachments:
            message.add_attachment(content, maintype=maintype, subtype=subtype, filename=name)


def _own_address(key: str, text: str) -> Address:
    try:
        return parse_named(text)
    except NoMailError as error:
        raise InvalidInputError(f"{key}: {text!r} is not one address like 'Name <name@example.org>'.") from error


def _filled(template: str, fields: Fields) -> str:
    given = {name: value for name, value in fields.items() if value is not None}
    try:
        text = Template(template).substitute(given)
    except KeyError as error:
        raise NoMailError(f"the template wants the field '{error.args[0]}', which it does not have") from error
    if "\0" in text:
        raise NoMailError("a field holds a NUL character, which a mail can't")
    return text
