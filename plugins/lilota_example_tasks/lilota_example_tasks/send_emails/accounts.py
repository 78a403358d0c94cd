"""The mail server of an input, or the one that the operator has set aside under a name, with its password."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from lilota.errors import InvalidInputError
from lilota_example_tasks.shared import existing_file

#: The environment variable of the worker with the file in which the operator keeps the accounts.
ACCOUNTS_VARIABLE: Final = "LILOTA_MAIL_ACCOUNTS"


class OpenServer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An SMTP server without a login, as an input may name it; see `MailServer`."""

    host: str
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] | None = None
    security: Literal["starttls", "tls", "none"] = "starttls"
    ca_file: str | None = None
    timeout_seconds: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 60.0


class MailServer(OpenServer, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The SMTP server to send through, as the operator sets it aside under a name.

    Server and password come from one hand: whoever may add a task could otherwise send any variable or file of the
    worker to a server of his own.

    Attributes:
        port: 587, 465 or 25, according to the security, when left out.
        security: "starttls" (begin in clear, then encrypt), "tls" (encrypt from the start) or "none".
        username: who logs in, or None for no login; needs a password and encryption.
        password_env: the name of the environment variable with the password.
        password_file: the file with the password, in UTF-8.
        ca_file: a PEM file with the certificate authorities to trust instead of the system's.
        timeout_seconds: how long to wait for an answer of the server.
    """

    username: str | None = None
    password_env: str | None = None
    password_file: str | None = None


def chosen_server(account: str | None, server: OpenServer | None) -> MailServer:
    """Return the server of the input, or what the operator has set aside under the name in it.

    Raises:
        InvalidInputError: there is none, or it can't be used.
    """
    if (account is None) == (server is None):
        raise InvalidInputError("Give either 'account', set aside by the operator, or a 'server' without a login.")
    if server is not None:
        return MailServer(**msgspec.structs.asdict(server))
    path = os.environ.get(ACCOUNTS_VARIABLE)
    if not path:
        raise InvalidInputError(f"account: the worker has no {ACCOUNTS_VARIABLE}, which names the file with accounts.")
    try:
        accounts = msgspec.toml.decode(Path(path).read_bytes(), type=dict[str, MailServer])
    except (OSError, ValueError) as error:  # of which msgspec's errors are some; none repeats a value
        raise InvalidInputError(f"account: the file in {ACCOUNTS_VARIABLE} can't be used: {error}.") from None
    if account not in accounts:
        raise InvalidInputError(f"account: there is no '{account}' in the file that {ACCOUNTS_VARIABLE} names.")
    _check_login(accounts[account])
    return accounts[account]


def read_password(server: MailServer) -> str:
    """Return the password from where the account says it is; an error names the place, never the password."""
    if server.password_file is not None:
        try:
            text = existing_file(server.password_file, "server.password_file").read_text(encoding="utf-8")
        except OSError as error:
            message = f"server.password_file: '{server.password_file}' can't be read: {error.strerror}."
            raise InvalidInputError(message) from error
        except UnicodeError:
            # Without its text, which shows a byte of the password and its place.
            raise InvalidInputError(f"server.password_file: '{server.password_file}' is not in UTF-8.") from None
        return text.rstrip("\r\n")
    password = os.environ.get(server.password_env or "")
    if not password:
        raise InvalidInputError(f"server.password_env: the worker has no environment variable '{server.password_env}'.")
    return password


def _check_login(server: MailServer) -> None:
    if server.username is not None and (server.password_env is None) == (server.password_file is None):
        raise InvalidInputError("server: with 'username', give either 'password_env' or 'password_file'.")
    if server.username is not None and server.security == "none":
        raise InvalidInputError("server: the password would travel readable. Set 'security' to 'starttls' or 'tls'.")
