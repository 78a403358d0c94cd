"""Decide which entries may be used: the switches of the settings, and names that several distributions claim."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

from lilota.config import Settings
from lilota.plugins.records import Entry, normalized


def apply_switches(entries: Iterable[Entry], settings: Settings) -> None:
    """Disable what the off switch, the block-list or the allow-list excludes."""
    for entry in entries:
        reason = _reason_to_disable(entry, settings)
        if reason:
            entry.state, entry.error = "disabled", reason


def settle_claims(entries: Iterable[Entry], settings: Settings) -> list[Entry]:
    """Mark the names that several distributions claim, unless the settings choose one; return the marked.

    Which distribution was installed first, or comes first on the path, never counts.
    """
    claims: defaultdict[tuple[str, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.state == "conflict":  # judged anew: another claim may have come or gone
            entry.state, entry.error = "loaded" if entry.contributor else "not loaded", None
        if entry.is_usable:
            claims[entry.pinned.group, entry.pinned.name].append(entry)
    return [entry for rivals in claims.values() for entry in _settle(rivals, settings)]


def _reason_to_disable(entry: Entry, settings: Settings) -> str | None:
    is_own = entry.owner == "lilota"  # its executor is a part of it, which may be blocked, but need not be allowed
    if settings.plugins_off and not is_own:
        return f"all plugins are switched off by plugins_off ({settings.source_of('plugins_off')})"
    if _is_named(entry, settings.plugins_blocked):
        return f"it is blocked by plugins_blocked ({settings.source_of('plugins_blocked')})"
    if settings.plugins_allowed is not None and not (is_own or _is_named(entry, settings.plugins_allowed)):
        return f"it is not among plugins_allowed ({settings.source_of('plugins_allowed')})"
    return None


def _is_named(entry: Entry, patterns: Collection[str]) -> bool:
    """Tell whether a list names this entry, its distribution, or the plugin that contributed it."""
    group, name = entry.pinned.group, entry.pinned.name
    if name in patterns or f"{group}:{name}" in patterns or entry.owner in map(normalized, patterns):
        return True
    return entry.contributor is not None and _is_named(entry.contributor, patterns)


def _settle(rivals: list[Entry], settings: Settings) -> list[Entry]:
    """Leave one of the entries that claim one name, or mark all of them."""
    group, name = rivals[0].pinned.group, rivals[0].pinned.name
    if len({rival.owner for rival in rivals}) == 1:
        _prefer(_first_of_one_distribution(rivals), rivals, "the same distribution also names it in its metadata")
        return []
    choice = settings.plugin_choices.get(f"{group}:{name}", settings.plugin_choices.get(name))
    chosen = [rival for rival in rivals if choice is not None and rival.owner == normalized(choice)]
    if chosen:
        reason = f"plugin_choices ({settings.source_of('plugin_choices')}) chooses {choice!r} for this name"
        _prefer(_first_of_one_distribution(chosen), rivals, reason)
        return []
    message = _describe(rivals, choice)
    for rival in rivals:
        rival.state, rival.error = "conflict", message
    return rivals


def _first_of_one_distribution(entries: list[Entry]) -> Entry:
    """Return the entry of the metadata, or else the one of the plugin whose name sorts first."""
    return min(entries, key=lambda entry: entry.contributor.pinned.name if entry.contributor else "")


def _prefer(winner: Entry, rivals: list[Entry], reason: str) -> None:
    for rival in rivals:
        if rival is not winner:
            rival.state, rival.error = "disabled", reason


def _describe(rivals: list[Entry], choice: str | None) -> str:
    pinned = rivals[0].pinned
    owners = sorted({rival.source for rival in rivals})
    example = sorted(rival.pinned.distribution for rival in rivals)[0]
    unusable = f" plugin_choices names {choice!r}, which does not claim it." if choice is not None else ""
    return (
        f"Several distributions claim {pinned.name!r} in {pinned.group}: {', '.join(owners)}.{unusable} "
        f'Choose one: LILOTA_PLUGIN_CHOICE="{pinned.name}={example}" in the environment, or '
        f'plugin_choices = {{"{pinned.name}" = "{example}"}} under [tool.lilota] in pyproject.toml.'
    )
