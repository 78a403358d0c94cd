"""Open a connection to a mail server, encrypted and logged in."""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from typing import Final

from lilota.errors import InvalidInputError
from lilota_example_tasks.send_emails.accounts import MailServer
from lilota_example_tasks.send_emails.answers import about_all, is_yes, shown
from lilota_example_tasks.send_emails.login import log_in

PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}


def connect(server: MailServer, password: str) -> smtplib.SMTP:
    """Return a connection that is encrypted and logged in, as the settings say.

    Raises:
        InvalidInputError: it will never come about with these settings.
        ConnectionError: it does not come about now.
    """
    place = f"{server.host}:{server.port or PORTS[server.security]}"
    code = 0
    with contextlib.ExitStack() as on_failure:
        try:
            smtp = _open(server, on_failure)
            smtp.ehlo_or_helo_if_needed()
            if server.username is not None:
                code = log_in(smtp, server.username, password)
        except ssl.SSLCertVerificationError as error:
            message = f"The certificate of the mail server {place} is not trusted: {error.verify_message}. "
            raise InvalidInputError(f"{message}If it is your own, name its authority as 'ca_file'.") from error
        except smtplib.SMTPNotSupportedError as error:
            raise InvalidInputError(f"The mail server {place}: {error} Check 'security' and 'port'.") from error
        except smtplib.SMTPResponseException as error:
            answer = shown(error.smtp_code, error.smtp_error)
            raise about_all(f"The mail server {place} refuses to serve", error.smtp_code, answer) from error
        except OSError as error:
            raise ConnectionError(f"The mail server {place} can't be reached: {error}") from error
        if server.username is not None and not is_yes(code):
            # Without the server's text: it may repeat what was sent.
            kind = InvalidInputError if code // 100 == 5 else ConnectionError
            raise kind(f"The mail server refuses the login of '{server.username}' with code {code}.")
        on_failure.pop_all()
    return smtp


def _open(server: MailServer, on_failure: contextlib.ExitStack) -> smtplib.SMTP:
    try:
        context = ssl.create_default_context(cafile=server.ca_file)
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"server.ca_file: '{server.ca_file}' can't be used: {error}.") from error
    port = server.port or PORTS[server.security]
    if server.security == "tls":
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(server.host, port, timeout=server.timeout_seconds, context=context)
    else:
        smtp = smtplib.SMTP(server.host, port, timeout=server.timeout_seconds)
    on_failure.callback(smtp.close)
    if server.security == "starttls":
        smtp.starttls(context=context)
    return smtp
