"""Decide which entries may be used: the switches of the settings, and names that several distributions claim."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator

from lilota.config import Settings
from lilota.errors import did_you_mean
from lilota.plugins.records import KINDS, MODULES, Entry, normalized


def apply_switches(entries: Iterable[Entry], settings: Settings) -> None:
    """Disable what the off switch, the block-list or the allow-list excludes."""
    for entry in entries:
        reason = _reason_to_disable(entry, settings)
        if reason:
            entry.state, entry.error = "disabled", reason


def unfit_names(entries: Iterable[Entry], settings: Settings) -> list[str]:
    """Return a sentence for each name in the settings that fits nothing: a typing error there does nothing at all."""
    if settings.plugins_off:
        return []
    known = _Known(list(entries))
    return [
        *_unfit(known, settings, "plugins_allowed", settings.plugins_allowed or ()),
        *_unfit(known, settings, "plugins_blocked", settings.plugins_blocked),
        *_unfit_choices(known, settings),
    ]


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
    if _is_blocked(entry, settings.plugins_blocked):
        return f"it is blocked by plugins_blocked ({settings.source_of('plugins_blocked')})"
    if settings.plugins_allowed is not None and not (is_own or _is_named(entry, settings.plugins_allowed)):
        return f"it is not among plugins_allowed ({settings.source_of('plugins_allowed')})"
    return None


def _is_named(entry: Entry, patterns: Collection[str]) -> bool:
    """Tell whether a list names this entry with its group, its distribution, or the plugin that contributed it.

    Its own name alone must not do: any package may give an entry the name of one that is trusted.
    """
    if _full_name(entry) in patterns or entry.owner in {normalized(each) for each in patterns if ":" not in each}:
        return True
    return entry.contributor is not None and _is_named(entry.contributor, patterns)


def _is_blocked(entry: Entry, patterns: Collection[str]) -> bool:
    """Tell whether a list names this entry, in the ways above or by its name alone, which can only block more."""
    if not patterns:
        return False
    return (
        entry.pinned.name in patterns
        or _is_named(entry, patterns)
        or (entry.contributor is not None and _is_blocked(entry.contributor, patterns))
    )


def _full_name(entry: Entry) -> str:
    return f"{entry.pinned.group}:{entry.pinned.name}"


class _Known:
    """What the names in the settings can stand for."""

    def __init__(self, entries: list[Entry]) -> None:
        self.entries = entries
        self.owners = {entry.owner: entry.pinned.distribution for entry in entries}
        self.full_names = {_full_name(entry): entry for entry in entries}
        self.names = {entry.pinned.name: _full_name(entry) for entry in entries}
        #: Only a plugin that is loaded tells what its hooks contribute.
        self.is_complete = all(entry.state == "loaded" for entry in entries if entry.pinned.group == MODULES)


def _unfit(known: _Known, settings: Settings, setting: str, names: Iterable[str]) -> Iterator[str]:
    is_name_enough = setting == "plugins_blocked"
    for name in names:
        if name in known.full_names or (":" not in name and normalized(name) in known.owners):
            continue
        if is_name_enough and name in known.names:
            continue
        hint = _hint(known, name, is_name_enough=is_name_enough)
        if hint or ":" not in name or known.is_complete:
            yield (
                f"{setting} ({settings.source_of(setting)}) names {name!r}, which is neither a package with plugins "
                f"that is installed, nor an entry with its group, such as 'lilota.tasks:resize'.{hint}"
            )


def _hint(known: _Known, name: str, *, is_name_enough: bool) -> str:
    if name in known.names:
        return f" Did you mean {known.names[name]!r}?"
    group, _, bare = name.partition(":")
    if group in KINDS:  # which two full names have in common, however different they are
        return did_you_mean(bare, [e.pinned.name for e in known.entries if e.pinned.group == group])
    return did_you_mean(name, [*known.owners.values(), *known.full_names, *(known.names if is_name_enough else ())])


def _unfit_choices(known: _Known, settings: Settings) -> Iterator[str]:
    for name, distribution in settings.plugin_choices.items():
        own = [entry for entry in known.entries if entry.owner == normalized(distribution)]
        chosen = f"plugin_choices ({settings.source_of('plugin_choices')}) has '{name}={distribution}'"
        if not own:
            hint = did_you_mean(distribution, list(known.owners.values()))
            yield f"{chosen}, but no package with plugins of that name is installed.{hint}"
        elif not any(name in {entry.pinned.name, _full_name(entry)} or _may_bring_more(entry) for entry in own):
            names = [entry.pinned.name for entry in own]
            yield f"{chosen}, but {own[0].source} brings nothing called {name!r}.{did_you_mean(name, names)}"


def _may_bring_more(entry: Entry) -> bool:
    """Tell whether a plugin may contribute names that are not known here: those of commands, or all its own."""
    return entry.pinned.group == MODULES and (entry.state != "loaded" or "lilota_cli_commands" in entry.hooks)


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
