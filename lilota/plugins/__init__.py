"""Find, judge and load what installed distributions bring: stores, tasks and hooks."""

from __future__ import annotations

from lilota.plugins.manager import Plugins
from lilota.plugins.records import PinnedEntry, PluginRecord, PluginState

__all__ = ["PinnedEntry", "PluginRecord", "PluginState", "Plugins"]
