"""The store: what it promises, what is wrong, and what `lilota doctor` finds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lilota.client import TaskClient
from lilota.contract import COMMANDS, Commands, StoreCapabilities
from lilota.diagnosis import examine
from lilota.errors import LilotaError
from lilota.stores import open_store
from lilota.texts.secrets import redacted
from lilota_dashboard.data.records.store import StorePage
from lilota_dashboard.data.records.troubles import Trouble
from lilota_dashboard.data.texts import line
from lilota_dashboard.data.troubles import quick_troubles

_TEXT: Final = 4000


def store_page(client: TaskClient, commands: Commands = COMMANDS) -> StorePage:
    """Return what the store promises, and what is wrong as far as that can be told at once.

    Args:
        commands: what somebody types here.
    """
    promises = client.store.capabilities()
    return StorePage(
        description=line(promises.description),
        url=line(redacted(client.registry.plugins.settings.store)) if is_configured(client) else "",
        promises=tuple(_promises(promises)),
        supports=tuple(sorted(map(line, promises.supports))),
        findings=quick_troubles(client.store, commands),
    )


def doctor(client: TaskClient, commands: Commands = COMMANDS) -> tuple[Trouble, ...]:
    """Return all that `lilota doctor` finds here, problems first. It starts processes, and takes some seconds."""
    settings = client.registry.plugins.settings
    found = [
        Trouble(level=finding.status, check=line(finding.check), text=line(finding.text, _TEXT))
        for finding in examine(load=lambda: settings, commands=commands)
    ]
    if not is_configured(client):
        looked_at = line(redacted(settings.store))
        text = f"This looks at the store of the settings, {looked_at}; the dashboard shows another one."
        found.append(Trouble(level="warning", check="settings", text=text))
    return tuple(sorted(found, key=lambda trouble: ("problem", "warning", "ok").index(trouble.level)))


def is_configured(client: TaskClient) -> bool:
    """Tell whether the store of the client is that of its settings, as its description says."""
    plugins = client.registry.plugins
    try:
        configured = open_store(plugins.settings.store, plugins=plugins)
    except LilotaError:
        return False
    try:
        return configured.capabilities().description == client.store.capabilities().description
    finally:
        configured.close()


def _promises(promises: StoreCapabilities) -> Iterator[tuple[str, bool, str]]:
    """Give each promise with what holds: the word for the other case would be read as the promise."""
    for what, holds, kept, not_kept in (
        (
            "durable",
            promises.durable,
            "What was added survives crashes and power cuts.",
            "What was added in the last second may be lost in a crash or a power cut.",
        ),
        (
            "kept",
            not promises.forgets,
            "Tasks are kept when its process ends.",
            "Tasks are gone when its process ends.",
        ),
        (
            "processes",
            promises.multi_process,
            "Several processes can use it at the same time.",
            "Only one process can use it.",
        ),
        (
            "hosts",
            promises.multi_host,
            "Several machines can use it at the same time.",
            "Only one machine can use it.",
        ),
        (
            "transactions",
            promises.takes_connection,
            "Tasks can be added in a transaction of the application's.",
            "Tasks can't be added in a transaction of the application's.",
        ),
    ):
        yield what, holds, kept if holds else not_kept
