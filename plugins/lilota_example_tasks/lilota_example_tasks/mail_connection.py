"""Talk to the SMTP server: connect, encrypt, log in, send, and connect again when the server hung up."""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from email.message import EmailMessage
from types import TracebackType
from typing import Self

from lilota.errors import InvalidInputError
from lilota_example_tasks.mail_input import MailServer

#: "Service not available, closing transmission channel".
CLOSING = 421


class RefusedError(Exception):
    """The server did not take this one message, but may take others; the text says why."""


class MailConnection:
    """A connection to a server, made when it is first needed. What a method raises holds no password."""

    def __init__(self, server: MailServer) -> None:
        self._server = server
        self._smtp: smtplib.SMTP | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._smtp is not None and error is None:
            # All mails are with the server: how it takes the farewell does not matter.
            with contextlib.suppress(OSError):
                self._smtp.quit()
        self._drop()

    def send(self, message: EmailMessage) -> None:
        """Send a message; once more over a new connection if the server hangs up.

        A server may hang up after it took the message and before it said so: then it gets the message twice, with the
        same Message-ID.

        Raises:
            RefusedError: the server does not take this message.
            InvalidInputError: the server takes no message with these settings.
            OSError: the server can't be reached now, or does not answer in time.
        """
        with contextlib.suppress(_HungUpError):
            self._send_once(message)
            return
        try:
            self._send_once(message)
        except _HungUpError as error:
            raise RefusedError(f"the server hung up twice while it was sent: {error}") from error

    def _send_once(self, message: EmailMessage) -> None:
        smtp = self._connected()
        try:
            smtp.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            ((code, text),) = error.recipients.values()
            raise self._refusal(code, text) from error
        except smtplib.SMTPDataError as error:
            raise self._refusal(error.smtp_code, error.smtp_error) from error
        except smtplib.SMTPSenderRefused as error:
            raise self._sender_refusal(error) from error
        except smtplib.SMTPNotSupportedError as error:
            raise RefusedError(str(error)) from error
        except OSError as error:  # of which smtplib's "server disconnected" is one
            self._drop()
            # smtplib calls a silent server disconnected; only the context knows better.
            if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
                raise TimeoutError(f"The mail server {self._server.host} stopped answering: {error}") from error
            raise _HungUpError(str(error)) from error

    def _refusal(self, code: int, text: bytes | str) -> Exception:
        """Return the error for an answer to one message."""
        if code == CLOSING:
            self._drop()
            return _HungUpError(_answer(code, text))
        return RefusedError(_answer(code, text))

    def _sender_refusal(self, error: smtplib.SMTPSenderRefused) -> Exception:
        answer = _answer(error.smtp_code, error.smtp_error)
        if error.smtp_code == CLOSING:
            self._drop()
            return _HungUpError(answer)
        if error.smtp_code >= 500:
            return InvalidInputError(f"The mail server refuses the sender '{error.sender}': {answer}")
        return ConnectionError(f"The mail server refuses the sender '{error.sender}' for now: {answer}")

    def _connected(self) -> smtplib.SMTP:
        if self._smtp is None:
            self._smtp = connect(self._server)
        return self._smtp

    def _drop(self) -> None:
        if self._smtp is not None:
            self._smtp.close()
            self._smtp = None


def connect(server: MailServer) -> smtplib.SMTP:
    """Return a connection that is encrypted and logged in, as the settings say.

    Raises:
        InvalidInputError: the certificate is not trusted, or the server offers no encryption or refuses the login.
        OSError: the server can't be reached now.
    """
    host, port = server.address
    context = _tls_context(server)
    with contextlib.ExitStack() as on_failure:
        try:
            smtp = _open(server, context)
            on_failure.callback(smtp.close)
            if server.security == "starttls":
                smtp.starttls(context=context)
            if server.username is not None:
                _log_in(smtp, server.username, server.password())
        except ssl.SSLCertVerificationError as error:
            message = f"The certificate of the mail server {host}:{port} is not trusted: {error.verify_message}. "
            raise InvalidInputError(f"{message}If it is your own, name its authority as 'ca_file'.") from error
        except smtplib.SMTPNotSupportedError as error:
            raise InvalidInputError(f"The mail server {host}:{port}: {error} Check 'security' and 'port'.") from error
        except OSError as error:
            raise ConnectionError(f"The mail server {host}:{port} can't be reached: {error}") from error
        on_failure.pop_all()
    return smtp


def _tls_context(server: MailServer) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=server.ca_file)
    except OSError as error:
        raise InvalidInputError(f"server.ca_file: '{server.ca_file}' can't be used: {error}.") from error


def _open(server: MailServer, context: ssl.SSLContext) -> smtplib.SMTP:
    host, port = server.address
    if server.security == "tls":
        return smtplib.SMTP_SSL(host, port, timeout=server.timeout_seconds, context=context)
    return smtplib.SMTP(host, port, timeout=server.timeout_seconds)


def _log_in(smtp: smtplib.SMTP, username: str, password: str) -> None:
    try:
        smtp.login(username, password)
    except smtplib.SMTPAuthenticationError as error:
        # Without the server's text and the cause: it may repeat what was sent.
        message = f"The mail server refuses the login of '{username}' with code {error.smtp_code}."
        raise (InvalidInputError if error.smtp_code >= 500 else ConnectionError)(message) from None


def _answer(code: int, text: bytes | str) -> str:
    shown = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"{code} {' '.join(shown.split())}"


class _HungUpError(Exception):
    """The server closed the connection."""
