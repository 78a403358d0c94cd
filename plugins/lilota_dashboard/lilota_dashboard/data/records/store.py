"""What is installed, and the store."""

from __future__ import annotations

from typing import Literal

from lilota.models import Record
from lilota_dashboard.data.records.troubles import Trouble


class PluginRow(Record, frozen=True, kw_only=True):
    """What an installed package brings; see `lilota.plugins.PluginRecord`."""

    kind: str
    name: str
    value: str
    distribution: str
    version: str
    state: Literal["not loaded", "loaded", "failed", "disabled", "conflict"]
    error: str
    remark: str
    hooks: tuple[str, ...]


class PluginsPage(Record, frozen=True, kw_only=True):
    """All plugins, the broken ones first; `remarks` are about the settings."""

    rows: tuple[PluginRow, ...]
    broken: int
    remarks: tuple[str, ...]


class StorePage(Record, frozen=True, kw_only=True):
    """The store: what it promises.

    Attributes:
        promises: (what, whether, in words): durable, for several processes, for several hosts, ...
        url: where the settings say it is, without secrets; "" if the client was given a store.
        findings: what is wrong as far as that can be told at once, problems first.
    """

    description: str
    url: str
    promises: tuple[tuple[str, bool, str], ...]
    supports: tuple[str, ...]
    findings: tuple[Trouble, ...]
