"""A connection to a mail server, made when it is first needed, and made again when the server hangs up."""

from __future__ import annotations

import contextlib
import smtplib
from collections.abc import Callable
from typing import NamedTuple, Self

from lilota.errors import InvalidInputError
from lilota_example_tasks.send_emails.accounts import MailServer, read_password
from lilota_example_tasks.send_emails.answers import (
    CLOSING,
    EXCEEDED,
    NoAnswerError,
    NoMailError,
    Step,
    about_all,
    about_one,
    is_yes,
    shown,
)
from lilota_example_tasks.send_emails.login import hide
from lilota_example_tasks.send_emails.opening import connect


class Letter(NamedTuple):
    """A mail as it travels.

    Attributes:
        is_international: an address in it has letters outside ASCII before the @, which only some servers take.
        sender_is_international: this is so for every recipient.
    """

    sender: str
    recipient: str
    content: bytes
    is_international: bool
    sender_is_international: bool


class MailConnection:
    """Sends letters to one server. What a method raises holds no password."""

    def __init__(self, server: MailServer) -> None:
        self._server = server
        self._password = "" if server.username is None else read_password(server)
        self._smtp: smtplib.SMTP | None = None
        #: How many letters this connection has taken.
        self._taken = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if self._smtp is not None and error is None:
            # All mails are with the server: how it takes the farewell does not matter.
            with contextlib.suppress(OSError):
                self._smtp.quit()
        self._drop()

    def send(self, letter: Letter, before_content: Callable[[], object] = lambda: None) -> None:
        """Send a letter; once more over a new connection if the server hangs up.

        A server may hang up, or stay silent, after it took the letter and before it said so: then it gets the letter
        twice, with the same Message-ID.

        Args:
            before_content: called when nothing but the content is missing; what it raises stops the letter.

        Raises:
            NoMailError: the server does not take this letter.
            LaterError: it does not take it now. `NoAnswerError`: it hung up twice, or does not answer in time.
            InvalidInputError: the server takes no letter with these settings.
            OSError: it can't be reached now, or takes no letter now.
        """
        try:
            self._send_once(letter, before_content)
        except _HungUpError:
            try:
                self._send_once(letter, before_content)
            except _HungUpError as error:
                raise NoAnswerError(f"the server hung up twice while it was sent: {error}") from error

    def _send_once(self, letter: Letter, before_content: Callable[[], object]) -> None:
        try:
            smtp = self._connected()
            self._name_sender(smtp, letter)
            self._check("RCPT", *smtp.docmd("RCPT", f"TO:<{letter.recipient}>"))
            before_content()
            self._check("DATA", *_send_content(smtp, letter.content))
        except smtplib.SMTPServerDisconnected as error:
            self._drop()
            # smtplib calls a silent server disconnected; only the context knows better.
            if isinstance(error.__context__, TimeoutError):
                raise NoAnswerError(f"the server stopped answering: {self._hidden(str(error))}") from error
            raise _HungUpError(self._hidden(str(error))) from error
        except TimeoutError as error:
            self._drop()
            raise NoAnswerError(f"the server stopped answering: {error}") from error
        except smtplib.SMTPResponseException as error:  # a line without an end
            self._drop()
            raise _HungUpError(self._hidden(shown(error.smtp_code, error.smtp_error))) from error
        self._taken += 1

    def _connected(self) -> smtplib.SMTP:
        if self._smtp is None:
            self._smtp, self._taken = connect(self._server, self._password), 0
        return self._smtp

    def _name_sender(self, smtp: smtplib.SMTP, letter: Letter) -> None:
        options = ""
        if letter.is_international:
            self._check_international(smtp, letter)
            smtp.command_encoding = "utf-8"
            options = " SMTPUTF8 BODY=8BITMIME"
        code, text = smtp.docmd("MAIL", f"FROM:<{letter.sender}>{options}")
        is_refused = code // 100 in {4, 5} and code != CLOSING
        if is_refused and self._taken and code // 100 == 4:
            self._drop()  # some servers take so many letters over one connection
            raise _HungUpError(self._answer(code, text))
        if is_refused and code != EXCEEDED and not options:
            what = f"The mail server {self._server.host} refuses the sender '{letter.sender}'"
            raise about_all(what, code, self._answer(code, text))
        self._check("MAIL", code, text)

    def _check_international(self, smtp: smtplib.SMTP, letter: Letter) -> None:
        if smtp.has_extn("smtputf8"):
            return
        reason = "the mail server takes only letters of ASCII before the @ (it does not offer SMTPUTF8)"
        if letter.sender_is_international:
            raise InvalidInputError(f"sender, reply_to: {reason}.")
        raise NoMailError(reason)

    def _check(self, step: Step, code: int, text: bytes) -> None:
        """Raise what a refusal means, and make the connection ready for the next letter."""
        if is_yes(code):
            return
        error = about_one(step, code, self._answer(code, text))
        if isinstance(error, NoAnswerError):
            self._drop()
            raise _HungUpError(str(error))
        # If even this fails, the connection is good for nothing more; what was said of the letter stays.
        with contextlib.suppress(OSError):
            if self._smtp is not None and is_yes(self._smtp.rset()[0]):
                raise error
        self._drop()
        raise error

    def _answer(self, code: int, text: bytes) -> str:
        return self._hidden(shown(code, text))

    def _hidden(self, text: str) -> str:
        return hide(text, self._password)

    def _drop(self) -> None:
        if self._smtp is not None:
            self._smtp.close()
            self._smtp = None


class _HungUpError(Exception):
    """The server closed the connection, or makes no sense any more."""


def _send_content(smtp: smtplib.SMTP, content: bytes) -> tuple[int, bytes]:
    try:
        return smtp.data(content)
    except smtplib.SMTPDataError as error:  # refused before the content was sent
        text = error.smtp_error
        return error.smtp_code, text if isinstance(text, bytes) else text.encode()
