"""Find mistakes in the settings when they are read, and not when the first notification fails."""

from __future__ import annotations

from email.utils import parseaddr
from ipaddress import ip_network
from string import Template

from lilota.errors import ConfigurationError, LilotaError
from lilota_notify.allowing import check_allowed
from lilota_notify.events import MAIL_FIELDS
from lilota_notify.settings import Mail, NotifySettings, Webhooks
from lilota_notify.signing import check_key


def check_settings(settings: NotifySettings, path: str) -> None:
    """Make sure that settings can be used.

    Raises:
        ConfigurationError: they can't; the message says where, and shows no key.
    """
    place = path
    try:
        for host, webhooks in settings.webhooks.items():
            place = f"webhooks.{host!r} in {path}"
            _check_webhooks(webhooks)
        place = f"mail in {path}"
        if settings.mail is not None:
            _check_mail(settings.mail)
        place = f"rules in {path}"
        for target in [target for rule in settings.rules for target in rule.to]:
            check_allowed(target, settings)
    except (LilotaError, ValueError) as error:
        raise ConfigurationError(f"{place}: {error}") from None


def _check_webhooks(webhooks: Webhooks) -> None:
    for key in webhooks.keys:
        check_key(key)
    for network in webhooks.networks:
        ip_network(network)


def _check_mail(mail: Mail) -> None:
    if "@" not in parseaddr(mail.sender)[1] or not mail.sender.isprintable():
        raise ConfigurationError("'sender' must be an address: 'Tasks <tasks@example.com>'.")
    if (mail.username is None) != (mail.password is None):
        raise ConfigurationError("'username' and 'password' go together.")
    if mail.username is not None and mail.security == "none":
        raise ConfigurationError("The password would travel readable: set 'security' to 'starttls' or 'tls'.")
    for name, text in (("subject", mail.subject), ("text", mail.text)):
        template = Template(text)
        unknown = [field for field in template.get_identifiers() if field not in MAIL_FIELDS]
        if not template.is_valid() or unknown:
            raise ConfigurationError(
                f"{name!r} has a '$' before what is no field. There are: {', '.join(MAIL_FIELDS)}."
            )
