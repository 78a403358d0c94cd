"""Who gets a mail: the list of an input or of a CSV file, each mailbox once."""

from __future__ import annotations

import csv
import itertools
from email.headerregistry import Address
from typing import Final, NamedTuple

from lilota.errors import InvalidInputError, listed
from lilota_example_tasks.send_emails.addresses import ADDRESS_LIMIT, key_of, parse_address
from lilota_example_tasks.send_emails.answers import NoMailError
from lilota_example_tasks.shared import bounded_lines, existing_file

RECIPIENTS_LIMIT: Final = 20_000
_LINE_LIMIT: Final = 1024 * 1024

Fields = dict[str, str | int | float | bool | None]


class Recipient(NamedTuple):
    """Somebody on the list.

    Attributes:
        written: the address as the list has it.
        key: the same for two spellings of one mailbox.
        address: None if there can be no such address; `fault` says why.
        fields: what the templates can use.
    """

    written: str
    key: str
    address: Address | None
    fault: str
    fields: Fields


def read_recipients(given: list[Fields] | None, csv_path: str | None) -> list[Recipient]:
    """Return the recipients in the order of the list; of several lines for one address, the first.

    Raises:
        InvalidInputError: there is no list, or two; the file can't be read, or there are too many.
    """
    if (given is None) == (csv_path is None):
        raise InvalidInputError("Give either 'recipients' or 'recipients_csv'.")
    rows = _read_csv(csv_path or "") if given is None else given
    if len(rows) > RECIPIENTS_LIMIT:
        raise InvalidInputError(f"A task sends to at most {RECIPIENTS_LIMIT:,} recipients. Add several tasks.")
    seen: set[str] = set()
    unique = []
    for recipient in map(as_recipient, rows):
        if recipient.key not in seen:
            seen.add(recipient.key)
            unique.append(recipient)
    return unique


def as_recipient(fields: Fields) -> Recipient:
    """Return whom a line of the list means."""
    written = str(fields.get("address", ""))[:ADDRESS_LIMIT]
    try:
        address = parse_address(fields.get("address"))
    except NoMailError as error:
        return Recipient(written, written, None, str(error), fields)
    return Recipient(written, key_of(address), address, "", fields)


def _read_csv(path: str) -> list[Fields]:
    try:
        with existing_file(path, "recipients_csv").open(encoding="utf-8-sig", newline="") as file:
            complaint = f"recipients_csv: a line is longer than {_LINE_LIMIT:,} characters."
            reader = csv.DictReader(bounded_lines(file, _LINE_LIMIT, complaint), restkey="")
            columns = list(reader.fieldnames or ())
            # One more than there may be: who names an endless file shall not fill the memory.
            rows = list(itertools.islice(reader, RECIPIENTS_LIMIT + 1))
    except OSError as error:
        raise InvalidInputError(f"recipients_csv: '{path}' can't be read: {error.strerror}.") from error
    except (UnicodeError, csv.Error) as error:
        raise InvalidInputError(f"recipients_csv: '{path}' is not a CSV file in UTF-8: {error}.") from error
    if "address" not in columns:
        raise InvalidInputError(f"recipients_csv: '{path}' has no column 'address'. There are: {listed(columns)}.")
    return [{name: value for name, value in row.items() if name and value is not None} for row in rows]
