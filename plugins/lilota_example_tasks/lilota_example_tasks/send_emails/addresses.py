"""Addresses of mailboxes: what is one, and how it is written where only ASCII may travel."""

from __future__ import annotations

import re
import unicodedata
from email.errors import HeaderParseError
from email.headerregistry import Address
from typing import Final

from lilota_example_tasks.send_emails.answers import NoMailError

#: Longer than any address can be (RFC 5321 allows 254 characters).
ADDRESS_LIMIT: Final = 320

_ATOM: Final = r"[^\x00-\x20\x7f()<>\[\]:;@\\,.\"]+"
_PLAIN: Final = re.compile(rf"({_ATOM}(?:\.{_ATOM})*)@([^\x00-\x2c\x2f:-@\[-^`{{-\x7f]+)")
_NAMED: Final = re.compile(r"(.*?)\s*<([^<>]+)>")
_NOT_IN_A_LINE: Final = {"Cc", "Zl", "Zp"}


def parse_address(text: object) -> Address:
    """Return an address, with its domain as it is written in ASCII.

    Raises:
        NoMailError: it is none.
    """
    if not isinstance(text, str) or not text.strip():
        raise NoMailError("it has no 'address'")
    if len(text) > ADDRESS_LIMIT:
        raise NoMailError(f"the address is longer than {ADDRESS_LIMIT} characters")
    if any(not letter.isprintable() for letter in text):
        raise NoMailError("the address contains a line end or another control character")
    username, domain = _split(unicodedata.normalize("NFC", text.strip()))
    return Address(username=username, domain=_ascii_domain(domain))


def parse_named(text: str) -> Address:
    """Return an address that may have a name: "Name <name@example.org>".

    Raises:
        NoMailError: it is no single address.
    """
    if has_control(text):
        raise NoMailError("it contains a line end or another control character")
    named = _NAMED.fullmatch(text.strip())
    name, address = named.groups() if named else ("", text)
    if name.startswith('"') and name.endswith('"') and len(name) > 1:
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    parsed = parse_address(address)
    return Address(display_name=name, username=parsed.username, domain=parsed.domain)


def key_of(address: Address) -> str:
    """Return what is the same for two spellings of one mailbox; what stands before the @ is the server's to compare."""
    return f"{address.username}@{address.domain.lower()}"


def has_control(text: str) -> bool:
    """Tell whether a text can't stand in one line of a header."""
    return any(unicodedata.category(letter) in _NOT_IN_A_LINE for letter in text)


def _split(text: str) -> tuple[str, str]:
    plain = _PLAIN.fullmatch(text)
    if plain is not None:
        return plain[1], plain[2]
    try:
        parsed = Address(addr_spec=text)  # knows quoted names and addresses in brackets
    except (ValueError, IndexError, HeaderParseError):
        parsed = Address()
    if not (parsed.username and parsed.domain and text.isascii()):
        raise NoMailError("the address is not like 'name@example.org'")
    return parsed.username, parsed.domain


def _ascii_domain(domain: str) -> str:
    if domain.isascii():
        return domain
    try:
        # Python's codec follows the rules of 2003, by which "straße.example" is "strasse.example": another owner's.
        if any(letter in domain for letter in "ßς"):
            return ".".join(map(_ascii_label, domain.lower().split(".")))
        return domain.encode("idna").decode()
    except UnicodeError:
        raise NoMailError(f"there can be no domain '{domain}'") from None


def _ascii_label(label: str) -> str:
    encoded = label if label.isascii() else f"xn--{unicodedata.normalize('NFKC', label).encode('punycode').decode()}"
    if not 0 < len(encoded) < 64:
        raise UnicodeError("a label of a domain has 1 to 63 letters")
    return encoded
