"""Hide the secrets in what is shown to people: one list of telling names, for all who show something.

The command line, log lines, errors, Django's admin and the URLs of stores are all masked here. The texts come from
whoever may add a task, so every pattern takes time in proportion to the text: it begins only where a word begins, and
its repetitions give nothing back (`++`, `*+`).
"""

from __future__ import annotations

import re
from typing import Final

from lilota.texts.patterns import Pattern

MASK: Final = "***"

_SECRET_NAME: Final = Pattern(
    r"pass(?!ed|es$|ing|ive|age|enger)|pwd|secret|token|jwt|bearer|cookie|credential|private|signature"
    r"|auth(?!or)|authori[sz]|(?:access|account|api|client|encryption|master|service|shared|signing|storage)[-_]?key",
    re.IGNORECASE,
)
#: In the query of a URL, a key is a secret far more often than the key of a map.
_SECRET_PARAMETER: Final = Pattern(rf"{_SECRET_NAME.text}|key|^sig$", re.IGNORECASE)

#: Without one of these, in small letters, there is nothing to hide; most texts have none, and this is quick to see.
_HINTS: Final = (
    *(
        "://",
        "eyj",
        "pass",
        "pwd",
        "secret",
        "token",
        "jwt",
        "bearer",
        "cookie",
        "credential",
        "private",
        "sig",
        "auth",
    ),
    "key",
)

_WORD: Final = Pattern(r"\S++")
#: What stands before a password in a URL; an "@" may be part of the user's name.
_USER: Final = Pattern(r"://[^\s:/?#]*+:")
#: The same where all is one URL, which may be badly written, or have no scheme.
_USER_OF_ADDRESS: Final = Pattern(r"://[^:?#]*+:")
_USER_WITHOUT_SCHEME: Final = Pattern(r"\A[^:?#=]*+:")

_CREDENTIALS: Final = Pattern(
    r"(?<![\w-])(bearer[ \t]++(?=[a-z.-]*+[\d_~+/=])|(?:proxy-)?authorization[ \t]*+:[ \t]*+(?:\w++[ \t]++)?)"
    r"[\w.~+/=-]{8,}",
    re.IGNORECASE,
)
_JSON_WEB_TOKEN: Final = Pattern(r"(?<![\w-])eyJ[\w-]++\.[\w-]++\.[\w-]*+")

#: A name and the sign behind it: `name=`, `name = `, `headers[name]=`, `"name": `, `\"name\": `.
_ASSIGNMENT: Final = Pattern(
    r"""(?<![\w-])([\w-]++)(?:["'\]]*+[ \t]*+=(?!=)|\\*+["'][ \t]*+:)[ \t]*+""",
)
_QUOTED: Final = Pattern(r"""(['"])(?:(?!\1)[^\\\n]|\\.)*+\1(?![^\s,;:)\]}&])""")
_UNQUOTED: Final = Pattern(r"[^\s&]++")


def mask_text(text: str) -> str:
    """Hide what a text gives away: passwords in URLs, what stands behind a telling name, tokens of logins.

    >>> mask_text("postgresql://ann:hunter2@db/app?sslpassword=x&mode=1 refused password='a b'")
    "postgresql://ann:***@db/app?sslpassword=***&mode=1 refused password='***'"
    """
    lowered = text.lower()
    if not any(hint in lowered for hint in _HINTS):
        return text
    if "://" in text:
        text = _WORD.compiled.sub(lambda word: _mask_password(word.group(), _USER), text)
    text = _CREDENTIALS.compiled.sub(rf"\1{MASK}", text)
    text = _JSON_WEB_TOKEN.compiled.sub(MASK, text)
    return _mask_assignments(text)


def mask_secrets(value: object) -> object:
    """Return a decoded JSON value without what telling keys hold, at any depth; other texts as `mask_text` does.

    Keys are texts of strangers, too: where two of them differ in nothing but a secret, one is shown.
    """
    if isinstance(value, dict):
        return {
            mask_text(key): MASK if _SECRET_NAME.compiled.search(key) else mask_secrets(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [mask_secrets(item) for item in value]
    return mask_text(value) if isinstance(value, str) else value


def redacted(url: str) -> str:
    """Return a URL without the secrets in it, for people to read.

    Unlike in a text, all of it is one URL: a password may hold any character, even where it should have been quoted.
    """
    return mask_text(_mask_password(url, _USER_OF_ADDRESS if "://" in url else _USER_WITHOUT_SCHEME))


def _mask_password(url: str, user: Pattern) -> str:
    """Hide what stands between the user and the last "@": at worst with the host."""
    at = url.rfind("@")
    found = user.compiled.search(url) if at >= 0 else None
    return url if found is None or at < found.end() else f"{url[: found.end()]}{MASK}{url[at:]}"


def _mask_assignments(text: str) -> str:
    parts, done = [], 0
    for found in _ASSIGNMENT.compiled.finditer(text):
        is_parameter = text[found.start() - 1 : found.start()] in {"?", "&", ";"}
        if found.start() < done or not (_SECRET_PARAMETER if is_parameter else _SECRET_NAME).compiled.search(found[1]):
            continue
        quoted = _QUOTED.compiled.match(text, found.end())
        value = quoted or _UNQUOTED.compiled.match(text, found.end())
        if value is not None:
            quote = quoted[1] if quoted else ""
            parts += [text[done : found.end()], quote, MASK, quote]
            done = value.end()
    return "".join([*parts, text[done:]])
