"""Whether the operator allows a target, as far as its text says; where its host is, is looked at when it is told."""

from __future__ import annotations

from lilota_notify.errors import UndeliverableError
from lilota_notify.settings import Mail, NotifySettings, Webhooks
from lilota_notify.targets import MailTarget, WebTarget, target_of


def check_allowed(text: str, settings: NotifySettings) -> None:
    """Make sure that a target may be told.

    Raises:
        UndeliverableError: the operator does not allow it; the message names the host or the address.
        InvalidInputError: it is none.
    """
    target = target_of(text)
    if isinstance(target, WebTarget):
        webhooks_for(target, settings)
    else:
        mail_for(target, settings)


def webhooks_for(target: WebTarget, settings: NotifySettings) -> Webhooks:
    """Return what may be sent to a target: what is said of the host itself, else of the nearest domain above it.

    Raises:
        UndeliverableError: nothing.
    """
    known = settings.webhooks
    labels = target.host.split(".")
    above = (".".join(["*", *labels[count:]]) for count in range(1, len(labels)))
    found = next((known[name] for name in (target.host, *above, "*") if name in known), None)
    if found is None:
        raise UndeliverableError(f"The host {target.host!r} is told of no task: the operator has not allowed it.")
    if not (target.is_encrypted or found.http):
        raise UndeliverableError(f"The host {target.host!r} is told by 'https://' only.")
    if target.port not in found.ports:
        raise UndeliverableError(f"The host {target.host!r} is not told on the port {target.port}.")
    return found


def mail_for(target: MailTarget, settings: NotifySettings) -> Mail:
    """Return by which server, and with what, a mailbox is told.

    Raises:
        UndeliverableError: by none.
    """
    if settings.mail is None:
        raise UndeliverableError("Nobody is told by mail: the operator has named no server for it.")
    allowed = settings.mail.recipients
    if not {"*", f"@{target.domain}", str(target)}.intersection(allowed):
        raise UndeliverableError(f"The mailbox {str(target)!r} is told of no task: the operator has not allowed it.")
    return settings.mail
