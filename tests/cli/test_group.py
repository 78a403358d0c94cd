"""The frame around the commands: quick start, errors and plugins' commands."""

from __future__ import annotations

import logging
import subprocess
import sys
from importlib.util import find_spec

import click
import pytest
from cli_calls import call

from lilota.cli import contributed
from lilota.cli.contributed import commands_of_plugins, why_missing
from lilota.cli.group import LazyCommand, LazyGroup
from lilota.cli.main import _LAZY
from lilota.config import Settings
from lilota.plugins import PluginRecord


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.delenv("LILOTA_DEBUG", raising=False)
    return tmp_path


def offer(distribution: str, *things: object) -> tuple[PluginRecord, list[object]]:
    record = PluginRecord(
        group="lilota.plugins", name="p", value="m", distribution=distribution, version="1", state="loaded"
    )
    return record, list(things)


class Offers:
    """Stands for installed plugins that contribute commands."""

    def __init__(self, *offers, choices=None, records=()):
        self.settings = Settings(plugin_choices=choices or {})
        self._offers = offers
        self._records = list(records)

    def contributions(self, hook_name):
        return list(self._offers)

    def records(self):
        return self._records


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_start_up_imports_nothing_slow(option, folder):
    """Help and version come at once: no drawing, no database, no runner, no multiprocessing."""
    program = (
        "import sys\n"
        "from lilota.cli.main import cli\n"
        "try:\n"
        f"    cli.main(['{option}'])\n"
        "except SystemExit as end:\n"
        "    assert not end.code, end.code\n"
        "slow = {'rich', 'sqlite3', 'multiprocessing', 'lilota.runner', 'lilota.client', 'PIL', 'reportlab'}\n"
        "assert not slow & set(sys.modules), slow & set(sys.modules)\n"
    )

    subprocess.run([sys.executable, "-c", program], check=True, cwd=folder, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("name", sorted(_LAZY))
def test_every_command_that_help_lists_has_a_help_of_its_own(name):
    """The table of commands names modules; each of them is there."""
    result = call(name, "--help")

    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: lilota {name}")


def test_help_lists_all_commands_and_those_of_plugins():
    """Whoever starts reads one page."""
    shown = call("--help").stdout

    assert all(f"  {name}  " in shown for name in [*_LAZY, "demo"])


def test_python_m_lilota_is_the_command_line(folder):
    """The executable need not be on the path."""
    run = subprocess.run(
        [sys.executable, "-m", "lilota", "--version"], check=True, cwd=folder, capture_output=True, text=True
    )

    assert run.stdout.startswith("lilota 2.")


def test_lilota_alone_shows_its_help():
    """On standard output, and it is no error: whatever the version of click does by itself."""
    alone, asked = call(), call("--help")

    assert (alone.exit_code, alone.stderr) == (0, "")
    assert alone.stdout == asked.stdout


def test_a_group_of_a_plugin_alone_shows_its_help(monkeypatch):
    """As `lilota` itself does."""

    @click.group
    def photos():
        """Look after photos."""

    @photos.command
    def sort():
        """Sort them."""

    monkeypatch.setattr("lilota.cli.contributed.commands_of_plugins", lambda _plugins: {"photos": photos})

    alone = call("photos")

    assert (alone.exit_code, alone.stderr) == (0, "")
    assert "Look after photos." in alone.stdout
    assert "sort" in alone.stdout


def test_an_unknown_command_is_answered_with_the_nearest_one():
    """A typo costs one look."""
    result = call("lits")

    assert result.exit_code == 2
    assert "There is no command 'lits'. Did you mean 'list'?" in result.stderr


def test_the_error_of_a_store_hides_its_password():
    """A password in a URL is not repeated where others may read it."""
    result = call("--store", "nosuchscheme://ann:hunter2@host/db", "list")

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert "hunter2" not in result.output


def test_help_works_though_a_setting_is_wrong(monkeypatch):
    """Who has broken the configuration needs the help most."""
    monkeypatch.setenv("LILOTA_NO_PLUGINS", "perhaps")

    result = call("--help")

    assert result.exit_code == 0
    assert "LILOTA_NO_PLUGINS" in result.stdout


def test_a_command_of_a_plugin_can_be_run():
    """What a plugin contributes stands beside the built-in commands."""
    hello = click.Command("hello", callback=lambda: click.echo("hello"))

    commands = commands_of_plugins(Offers(offer("a", hello)))

    assert commands == {"hello": hello}


def test_a_plugin_can_not_replace_a_built_in_command():
    """Installing a package never changes what `lilota list` does."""
    mine = click.Command("list", callback=lambda: click.echo("mine"))
    group = LazyGroup(
        "lilota",
        lazy={"list": LazyCommand("lilota.cli.commands.listing:list_tasks", "Look", "List.")},
        contributed=lambda _context: {"list": mine},
        missing={},
        last_words=lambda _context: "",
    )

    with click.Context(group) as context:
        assert group.get_command(context, "list") is not mine
        assert group.list_commands(context) == ["list"]


def test_a_command_that_two_packages_claim_is_refused_until_one_is_chosen():
    """Neither the order of installing nor luck decides; a setting does."""
    first, second = click.Command("report"), click.Command("report")
    offers = (offer("pkg-a", first), offer("pkg-b", second))

    claimed = commands_of_plugins(Offers(*offers))["report"]
    with pytest.raises(click.ClickException, match=r"claimed by pkg-a and pkg-b.*LILOTA_PLUGIN_CHOICE"):
        claimed.main(["--any", "thing"], standalone_mode=False)

    assert commands_of_plugins(Offers(*offers, choices={"report": "Pkg.B"})) == {"report": second}


def test_what_is_no_command_is_left_out_with_a_warning(caplog):
    """One bad contribution does not cost the others."""
    good = click.Command("good")

    with caplog.at_level(logging.WARNING):
        commands = commands_of_plugins(Offers(offer("pkg", "not a command", good)))

    assert commands == {"good": good}
    assert "not a command" in caplog.text


@pytest.mark.parametrize(("name", "distribution"), contributed.WELL_KNOWN.items())
def test_a_well_known_command_that_is_missing_says_how_to_install_it(monkeypatch, name, distribution):
    """What the documentation speaks of never ends in "unknown command"."""
    monkeypatch.setenv("LILOTA_DISABLE_PLUGINS", distribution)

    disabled = call(name)

    assert disabled.exit_code == 2
    is_installed = find_spec(distribution.replace("-", "_")) is not None
    why = f"of {distribution} can't be used" if is_installed else f"comes with the package {distribution}"
    assert disabled.stderr.startswith(f"Error: The {name} {why}")
    assert f"pip install {distribution} (in a checkout: pip install ./plugins/lilota_" in why_missing(
        name, Offers(), "lilota"
    )
