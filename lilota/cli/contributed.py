"""The commands that plugins contribute, and what to say when a well-known one is not there."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping
from typing import Final, NamedTuple, NoReturn

import click

from lilota.plugins import PluginRecord, Plugins
from lilota.plugins.records import normalized

logger: logging.Logger = logging.getLogger(__name__)

#: The commands that the documentation speaks of, and what each comes with.
WELL_KNOWN: Final = {"demo": "lilota-example-tasks", "dashboard": "lilota-dashboard"}


class _Offer(NamedTuple):
    plugin: PluginRecord
    command: click.Command


def commands_of_plugins(plugins: Plugins) -> Mapping[str, click.Command]:
    """Return the contributed commands by name, sorted. A name that two distributions claim gives an error when run."""
    offers: defaultdict[str, list[_Offer]] = defaultdict(list)
    for plugin, things in plugins.contributions("lilota_cli_commands"):
        for thing in things:
            if isinstance(thing, click.Command) and thing.name:
                offers[thing.name].append(_Offer(plugin, thing))
            else:
                text = "The plugin %r of %s contributes %r, which is not a named click.Command; it is left out."
                logger.warning(text, plugin.name, plugin.distribution, thing)
    return {name: _settle(name, offers[name], plugins.settings.plugin_choices) for name in sorted(offers)}


def why_missing(name: str, plugins: Plugins, line: str) -> str:
    """Say why a well-known command is not there, and how to get it."""
    distribution = WELL_KNOWN[name]
    found = [record for record in plugins.records() if record.distribution == distribution and record.error]
    if found:
        return f"The {name} of {distribution} can't be used: {found[0].error}. `{line} plugins` shows more."
    return (
        f"The {name} comes with the package {distribution}, which is not installed. Install it with: "
        f"pip install {distribution} (in a checkout: pip install ./plugins/{distribution.replace('-', '_')})"
    )


def _settle(name: str, offers: list[_Offer], choices: Mapping[str, str]) -> click.Command:
    choice = normalized(choices.get(name, ""))
    chosen = [offer for offer in offers if normalized(offer.plugin.distribution) == choice] or offers
    owners = sorted({offer.plugin.distribution for offer in chosen})
    return chosen[0].command if len(owners) == 1 else _conflict(name, owners)


def _conflict(name: str, owners: list[str]) -> click.Command:
    """Return a command that says who claims its name, whatever its arguments are."""
    message = (
        f"The command {name!r} is claimed by {' and '.join(owners)}. "
        f"Choose one with LILOTA_PLUGIN_CHOICE={name}={owners[0]}, or uninstall the other."
    )

    def refuse(arguments: tuple[str, ...]) -> NoReturn:  # noqa: ARG001 - taken so that nothing else is complained of
        raise click.ClickException(message)

    return click.Command(
        name,
        callback=refuse,
        params=[click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED)],
        context_settings={"ignore_unknown_options": True},
        short_help=f"Claimed by {' and '.join(owners)}.",
    )
