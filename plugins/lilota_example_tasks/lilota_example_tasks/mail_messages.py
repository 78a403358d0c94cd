"""Fill the templates: from a recipient to a message that can be sent."""

from __future__ import annotations

from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from string import Template

from lilota.errors import InvalidInputError
from lilota_example_tasks.mail_input import Recipient, SendEmailsInput


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
