"""Log in to a mail server, with any letters in name and password; `smtplib` knows only ASCII there."""

from __future__ import annotations

import base64
import hmac
import smtplib
from typing import Final

from lilota.errors import InvalidInputError

#: "Go on": the server waits for the next part of the login.
CONTINUE: Final = 334


def log_in(smtp: smtplib.SMTP, username: str, password: str) -> int:
    """Log in by the first way that the server offers of PLAIN, LOGIN and CRAM-MD5, and return the code of its answer.

    Without the text of the answer: it may repeat what was sent.

    Raises:
        InvalidInputError: the server knows none of these ways.
    """
    offered = smtp.esmtp_features.get("auth", "").upper().split()
    # Surrogates are bytes of an environment variable that is not in UTF-8.
    name, secret = username.encode("utf-8", "surrogateescape"), password.encode("utf-8", "surrogateescape")
    if b"\0" in name + secret:
        raise InvalidInputError("server: a username or a password can't contain a NUL character.")
    if "PLAIN" in offered:
        code, _ = smtp.docmd("AUTH", "PLAIN " + _encoded(b"\0" + name + b"\0" + secret))
    elif "LOGIN" in offered:
        code, _ = smtp.docmd("AUTH", f"LOGIN {_encoded(name)}")
        if code == CONTINUE:
            code, _ = smtp.docmd(_encoded(secret))
    elif "CRAM-MD5" in offered:
        code, challenge = smtp.docmd("AUTH", "CRAM-MD5")
        if code == CONTINUE:
            digest = hmac.new(secret, base64.b64decode(challenge), "md5").hexdigest()
            code, _ = smtp.docmd(_encoded(name + b" " + digest.encode()))
    else:
        raise InvalidInputError("The mail server offers no login by PLAIN, LOGIN or CRAM-MD5. Check 'security'.")
    return code


def hide(text: str, password: str) -> str:
    """Return what a server said without the password, whatever it had in mind when it repeated that."""
    secret = password.encode("utf-8", "surrogateescape")
    for each in (password, _encoded(secret)):
        text = text.replace(each, "***") if each else text
    return text


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
