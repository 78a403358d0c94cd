"""What installed packages bring, and what became of it: as `lilota plugins` tells."""

from __future__ import annotations

from typing import Final

from lilota.client import TaskClient
from lilota_dashboard.data.records.store import PluginRow, PluginsPage
from lilota_dashboard.data.texts import line

_BAD: Final = frozenset({"failed", "conflict"})


def plugins(client: TaskClient) -> PluginsPage:
    """Return what is installed here, the broken first. Nothing is loaded for that, so most is "not loaded"."""
    installed = client.registry.plugins
    remarks = installed.remarks()  # asks plugins for what is only known at run time, too: before the records are read
    rows = [
        PluginRow(
            kind=record.kind,
            name=line(record.name),
            value=line(record.value),
            distribution=line(record.distribution),
            version=line(record.version),
            state=record.state,
            error=line(record.trouble, 2000),
            remark=line(record.remark or "", 2000),
            hooks=tuple(map(line, record.hooks)),
        )
        for record in installed.records()
    ]
    rows.sort(key=lambda row: (row.state not in _BAD, not row.remark, row.kind, row.name))
    return PluginsPage(
        rows=tuple(rows),
        broken=sum(row.state in _BAD for row in rows),
        remarks=tuple(line(remark, 2000) for remark in remarks),
    )
