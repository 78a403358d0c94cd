"""What an answer of a mail server means: for now or for ever, for one recipient or for all.

| answer | at the connection, EHLO, STARTTLS, login | at MAIL FROM | at RCPT TO, DATA, the end of the mail |
|---|---|---|---|
| 4xx | all, for now | all, for now; after other mails, once more over a new connection | this one, for now |
| 5xx | all, for ever | all, for ever | this one, for ever |
| 552 | | this one, for ever: the mail is too large | at RCPT TO for now (RFC 5321, 4.5.3.1.10) |
| 421, hung up, nonsense | all, for now | once more over a new connection, then this one, for now | the same |
| silence | all, for now | this one, for now | the same |
"""

from __future__ import annotations

from typing import Final, Literal

from lilota.errors import InvalidInputError

#: "Service not available, closing transmission channel".
CLOSING: Final = 421
#: Of the storage of a mailbox, or of a mail.
EXCEEDED: Final = 552
_SHOWN_CHARACTERS: Final = 300

Step = Literal["MAIL", "RCPT", "DATA"]


class NoMailError(Exception):
    """This recipient gets no mail, others may; the text says why."""


class LaterError(Exception):
    """This recipient gets no mail now, but perhaps later; the text says why."""


class NoAnswerError(LaterError):
    """The server hung up, or said nothing. It may be because of this recipient, or it is in trouble itself."""


class RecipientsDeferredError(Exception):
    """Some recipients are to be tried again in the next attempt."""


class NobodyServedError(Exception):
    """No recipient got a mail, and none will."""


def shown(code: int, text: bytes | str) -> str:
    """Return an answer as one line."""
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"{code} {' '.join(words.split())}"[:_SHOWN_CHARACTERS]


def is_yes(code: int) -> bool:
    """Tell whether a command was obeyed."""
    return code // 100 == 2


def about_one(step: Step, code: int, answer: str) -> Exception:
    """Return the error for an answer about one mail."""
    if code == CLOSING or code // 100 not in {4, 5}:
        return NoAnswerError(answer)
    if code // 100 == 4 or (code == EXCEEDED and step == "RCPT"):
        return LaterError(answer)
    return NoMailError(answer)


def about_all(what: str, code: int, answer: str) -> Exception:
    """Return the error for an answer that every mail would get."""
    if code // 100 == 5:
        return InvalidInputError(f"{what}: {answer}")
    return ConnectionError(f"{what} for now: {answer}")
