"""The token that opens the dashboard, and the cookie for which a browser exchanges it."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
from pathlib import Path
from typing import Final

from lilota.errors import ConfigurationError

#: How long a browser need not show the token again.
COOKIE_SECONDS: Final = 12 * 3600
#: 32 random bytes are 43 characters; somebody's own token must not be much easier to guess.
_SHORTEST: Final = 32
_LONGEST: Final = 1024


class Token:
    """A secret that only those know who may see the dashboard; it shows itself to nobody by accident.

    The cookie is made from it, so no list of sessions is kept, and whoever starts the dashboard with another token has
    ended them all.

    Args:
        text: at least 32 characters.

    Raises:
        ConfigurationError: it is shorter, or has characters that do not travel in a URL.
    """

    def __init__(self, text: str | None = None) -> None:
        self.text: str = secrets.token_urlsafe(32) if text is None else _checked(text)
        self._key = hmac.digest(self.text.encode(), b"lilota dashboard: cookie", "sha256")

    def __repr__(self) -> str:
        return "Token(***)"

    def matches(self, given: str) -> bool:
        """Tell whether this is the token. It takes as long for every guess."""
        return hmac.compare_digest(_hash(given), _hash(self.text))

    def cookie(self, now: float) -> str:
        """Return what a browser shows from now on; `now` is in seconds since the epoch."""
        issued = str(int(now))
        return f"{issued}.{self._signature(issued)}"

    def accepts(self, cookie: str, now: float) -> bool:
        """Tell whether this token has issued a cookie, and not too long ago."""
        issued, _, signature = cookie.partition(".")
        if not hmac.compare_digest(signature.encode(errors="replace"), self._signature(issued).encode()):
            return False
        return 0 <= now - int(issued) + 60 <= COOKIE_SECONDS + 60

    def _signature(self, issued: str) -> str:
        return hmac.new(self._key, issued.encode(errors="replace"), hashlib.sha256).hexdigest()


def token_in_file(path: Path) -> Token:
    """Return the token that a file holds; where there is no file, make it, with a new token.

    Raises:
        ConfigurationError: it can't be read or made, others may read it, or what it holds is no token.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        return Token(_read(path))
    except OSError as error:
        raise ConfigurationError(f"The token file {path} can't be made: {error.strerror}.") from error
    token = Token()
    with open(descriptor, "w", encoding="ascii") as file:
        file.write(f"{token.text}\n")
    return token


def _read(path: Path) -> str:
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), encoding="utf-8", errors="replace") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise ConfigurationError(f"Others may read the token file {path}: type chmod 600 {path}")
            return file.read(_LONGEST + 2).strip()
    except OSError as error:
        raise ConfigurationError(f"The token file {path} can't be read: {error.strerror}.") from error


def _checked(text: str) -> str:
    if not _SHORTEST <= len(text) <= _LONGEST or not text.isascii() or not text.isprintable() or " " in text:
        raise ConfigurationError(
            f"A token has {_SHORTEST} to {_LONGEST} characters without spaces, as `openssl rand -hex 32` prints them."
        )
    return text


def _hash(text: str) -> bytes:
    """Return as many bytes for every text: the length of a guess tells nothing either."""
    return hashlib.sha256(text.encode(errors="replace")).digest()
