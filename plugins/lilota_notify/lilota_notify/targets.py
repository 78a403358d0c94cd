"""Who is to be told: the URL of a webhook, or an address of mail, taken apart and checked as a text."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from lilota.errors import InvalidInputError

_LONGEST: Final = 2000
_LABEL: Final = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
_HOST: Final = re.compile(rf"{_LABEL}(\.{_LABEL})*", re.ASCII)
#: One mailbox, and nothing that a mail server or a header could read as more, such as `=?utf-8?q?...?=`.
_MAILBOX: Final = re.compile(r"[A-Za-z0-9.!#$&'*+/=^_`{|}~-]{1,64}", re.ASCII)
_MAILTO: Final = "mailto:"


class WebTarget(NamedTuple):
    """A webhook: `host` is in small letters, as names on the wire are; `path` begins with "/" and has the query."""

    is_encrypted: bool
    host: str
    port: int
    path: str


class MailTarget(NamedTuple):
    """A mailbox, as `user@domain`; `domain` is in small letters."""

    user: str
    domain: str

    def __str__(self) -> str:
        return f"{self.user}@{self.domain}"


def target_of(text: str) -> WebTarget | MailTarget:
    """Take a target apart: `https://hooks.example.com/done`, `mailto:ann@example.com`.

    Raises:
        InvalidInputError: it is none; the message does not repeat a URL, which may have a password in it.
    """
    if len(text) > _LONGEST or not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        raise InvalidInputError(
            f"A target must be a URL of at most {_LONGEST} printable ASCII characters: write others as %C3%A9."
        )
    if text.startswith(_MAILTO):
        return _mail_target(text.removeprefix(_MAILTO))
    return _web_target(text)


def _web_target(text: str) -> WebTarget:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise InvalidInputError(f"The URL of a target can't be read: {error}.") from None
    if parts.scheme not in {"https", "http"}:
        raise InvalidInputError("A target must begin with 'https://' or 'mailto:'.")
    if "@" in parts.netloc:
        raise InvalidInputError("The URL of a target can't hold a user or a password: requests are signed instead.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    is_encrypted = parts.scheme == "https"
    return WebTarget(is_encrypted, _host(parts.hostname or ""), port or (443 if is_encrypted else 80), path)


def _mail_target(text: str) -> MailTarget:
    user, _, domain = text.rpartition("@")
    if not _MAILBOX.fullmatch(user) or not _HOST.fullmatch(domain.lower()):
        raise InvalidInputError("A target of mail must be one address: 'mailto:ann@example.com'.")
    return MailTarget(user, domain.lower())


def _host(host: str) -> str:
    """Return a host if it is a name or an address; names of other alphabets come as `xn--`, since all is ASCII."""
    host = host.removesuffix(".")
    if _HOST.fullmatch(host) and len(host) <= 253:
        return host
    try:
        return str(ip_address(host))
    except ValueError:
        raise InvalidInputError("The host in the URL of a target is neither a name nor an address.") from None
