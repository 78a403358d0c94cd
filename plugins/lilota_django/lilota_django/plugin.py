"""The entry point: `django`, or `django://alias` for another database than the default one.

This module and `store.py` import nothing of Django's, so that `lilota plugins` works without a project.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote, urlsplit

from lilota.errors import ConfigurationError
from lilota_django.store import DjangoTaskStore

DEFAULT_ALIAS: Final = "default"

_FORMS: Final = "Use 'django' or 'django://ALIAS', where ALIAS is a key of DATABASES in the settings of the project."


def open_django_store(url: str) -> DjangoTaskStore:
    """Return a store in the database of a Django project that a URL names, without connecting to it yet.

    Raises:
        ConfigurationError: the URL has another form, or an option: a database is configured in the settings.
    """
    if "://" not in url:
        return DjangoTaskStore(DEFAULT_ALIAS)
    parts = urlsplit(url)
    if parts.query:
        option = parts.query.partition("&")[0].partition("=")[0]
        raise ConfigurationError(
            f"A Django store has no option '{unquote(option)}': set it under DATABASES in the settings of the project."
        )
    if "@" in parts.netloc or ":" in parts.netloc:
        # Not repeated in the message: there may be a password in it.
        raise ConfigurationError(f"The URL of a Django store names an alias, not a server. {_FORMS}")
    if parts.path.strip("/") or parts.fragment:
        raise ConfigurationError(f"'{url}' has something behind the alias. {_FORMS}")
    return DjangoTaskStore(unquote(parts.netloc) or DEFAULT_ALIAS)
