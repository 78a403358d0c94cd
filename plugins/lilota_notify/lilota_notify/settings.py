"""What the operator allows and sets aside: the file that `LILOTA_NOTIFY` names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec

from lilota.errors import ConfigurationError
from lilota_notify.asking import Wish

VARIABLE: Final = "LILOTA_NOTIFY"

_Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]
_Port = Annotated[int, msgspec.Meta(ge=1, le=65_535)]


class _Private(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A record with keys or passwords, which no log and no traceback shows."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return []


class Webhooks(_Private, frozen=True, kw_only=True):
    """What may be sent to the hosts of one pattern.

    Attributes:
        keys: each signs; a receiver needs one of them. Put a new one beside the old one, and take the old one away when
            the receivers have it. Give hosts that do not belong together keys of their own.
        ports: those that URLs may name.
        http: requests may go without encryption.
        networks: internal addresses that these hosts may have, as "10.0.5.0/24"; without, only those of the internet.
    """

    keys: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    ports: tuple[_Port, ...] = (443,)
    http: bool = False
    networks: tuple[str, ...] = ()


class Mail(_Private, frozen=True, kw_only=True):
    """The mail server, who may get mail, and what is written.

    Attributes:
        recipients: addresses, domains as "@example.com", or "*" for all.
        security: "starttls" (begin in clear, then encrypt), "tls" (encrypt from the start) or "none".
        subject, text: templates, with the fields `$id`, `$ref`, `$name`, `$state`, `$error`, `$finished_at`, `$page`.
    """

    server: str
    sender: str
    recipients: tuple[str, ...]
    port: _Port | None = None
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str | None = None
    password: str | None = None
    subject: str = "Task $id ($name): $state"
    text: str = "The task $id ($name) ended at $finished_at. It is $state.\n$error\n$page\n"


class Rule(Wish, frozen=True, kw_only=True):
    """Who is told of the tasks of some names, whether these ask for it or not; a name may be a family, "reports:*"."""

    names: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]

    def is_about(self, name: str) -> bool:
        """Tell whether a task of this name is meant."""
        return any(name == each or (each.endswith("*") and name.startswith(each[:-1])) for each in self.names)


class NotifySettings(_Private, frozen=True, kw_only=True):
    """All of the file.

    Attributes:
        webhooks: host -> what may be sent there. "*.example.com" stands for all below it, "*" for any host.
        page: the address of the page of a task, with "{ref}" or "{id}" in it, or None.
        queue: where deliveries wait; None takes the queue of the task that has ended.
        timeout_seconds: how long a receiver may take for everything: to be found, to connect, to answer.
        look_seconds: how often somebody looks for ends of which no runner was there to tell.
        look_back_seconds: how long ago a task may have ended that is still told of by a runner that starts.
    """

    webhooks: dict[str, Webhooks] = {}
    mail: Mail | None = None
    rules: tuple[Rule, ...] = ()
    page: str | None = None
    queue: str | None = None
    timeout_seconds: _Seconds = 15.0
    look_seconds: _Seconds = 30.0
    look_back_seconds: Annotated[float, msgspec.Meta(gt=0, le=31_622_400)] = 86_400.0


def settings_path() -> str | None:
    """Return where the settings are, None where nobody is to be told of anything by this process."""
    return os.environ.get(VARIABLE, "").strip() or None


def load_settings() -> NotifySettings:
    """Read the settings; a worker does for each delivery, so that a new key counts at once.

    Raises:
        ConfigurationError: there are none, or they can't be used; no key or password is repeated.
    """
    path = settings_path()
    if path is None:
        raise ConfigurationError(f"Nobody can be told: set {VARIABLE} to the path of a TOML file with the settings.")
    try:
        found = msgspec.toml.decode(Path(path).read_bytes(), type=NotifySettings)
    except (OSError, ValueError) as error:  # of which msgspec's errors are some; none repeats a value
        raise ConfigurationError(f"The settings {path} in {VARIABLE} can't be used: {error}.") from None
    from lilota_notify.checking import check_settings  # noqa: PLC0415 - it imports what only this needs

    check_settings(found, path)
    return found
