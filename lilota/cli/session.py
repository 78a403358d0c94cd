"""What one call of the command line shares: the chosen store, and what follows from it, made when asked for."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import click

from lilota.cli.output import reserved_stdout

if TYPE_CHECKING:
    from lilota.client import TaskClient
    from lilota.config import Settings
    from lilota.contract import Commands, TaskStore
    from lilota.plugins import Plugins
    from lilota.registry import Registry
    from lilota.tasks.signatures import Signature

Parameters = ParamSpec("Parameters")
Returned = TypeVar("Returned")


class Session:
    """The shared state of one call.

    Imports are inside the properties: `lilota --version` needs none of them.

    Args:
        load: returns the settings for a store that was named, or for None; without, those of this folder.
        worker_command: what somebody types to start a runner with these settings.
        line: what was typed before a command.

    Attributes:
        store: the name or URL that the person typed, or None for the configured one.
        tasks: task name -> "module:Class", as typed; they stand beside the configured ones.
        modules: modules that declare tasks, as typed; where there are some, the configured ones do not count.
    """

    def __init__(
        self,
        load: Callable[[str | None], Settings] | None = None,
        worker_command: str = "lilota worker",
        line: str = "lilota",
    ) -> None:
        self._load = load
        self.worker_command: str = worker_command
        self.line: str = line
        self.store: str | None = None
        self.tasks: dict[str, str] = {}
        self.modules: tuple[str, ...] = ()

    @cached_property
    def commands(self) -> Commands:
        """What somebody types for the tasks of these settings."""
        from lilota.contract import Commands  # noqa: PLC0415 - start-up stays quick

        return Commands(self.worker_command, self.line)

    @cached_property
    def settings(self) -> Settings:
        """The settings, with what was typed."""
        import msgspec  # noqa: PLC0415 - start-up stays quick

        settings = self.load_settings()
        settings = msgspec.structs.replace(settings, tasks={**settings.tasks, **self.tasks})
        if not self.modules:
            return settings
        sources = {**settings.sources, "modules": "the command line"}
        return msgspec.structs.replace(settings, modules=self.modules, sources=sources)

    def load_settings(self) -> Settings:
        """Return the settings for the store that was typed."""
        from lilota.config import load_settings  # noqa: PLC0415 - start-up stays quick

        return self._load(self.store) if self._load else load_settings(store=self.store)

    @cached_property
    def plugins(self) -> Plugins:
        """The installed plugins, as the settings allow them."""
        from lilota.plugins import Plugins  # noqa: PLC0415 - start-up stays quick

        return Plugins(self.settings)

    @cached_property
    def registry(self) -> Registry:
        """The task names that this installation knows."""
        from lilota.registry import Registry  # noqa: PLC0415 - start-up stays quick

        registry = Registry(self.plugins, self.settings)
        if self.settings.modules:
            make_current_folder_importable()
        return registry

    def signature(self, name: str) -> Signature | None:
        """Import a task, and return what it takes and gives; None if it does not say, or its name is unknown here.

        Raises:
            LilotaError: it can't be imported, or its name can't be used.
        """
        from lilota.tasks.runs import signature_of  # noqa: PLC0415 - start-up stays quick

        if not self.registry.knows(name):
            return None
        make_current_folder_importable()
        return signature_of(self.registry.resolve(name))

    @cached_property
    def plugin_commands(self) -> Mapping[str, click.Command]:
        """The commands that plugins contribute."""
        from lilota.cli.contributed import commands_of_plugins  # noqa: PLC0415 - start-up stays quick

        return commands_of_plugins(self.plugins)

    @contextmanager
    def open_store(self, address: str | None = None, *, create: bool = False) -> Iterator[TaskStore]:
        """Open a store, and close it at the end.

        Args:
            address: its name or URL; None means the chosen one.
            create: let it be made if it does not exist yet; a command that only looks must leave nothing behind.
        """
        from lilota.stores import open_store  # noqa: PLC0415 - start-up stays quick

        store = open_store(address or self.settings.store, plugins=self.plugins)
        if not create:
            _require_existing(store, self.commands)
        try:
            store.open()
            self._warn_if_private(store)
            yield store
        finally:
            store.close()

    @contextmanager
    def open_client(self, *, accept_unknown_names: bool = False) -> Iterator[TaskClient]:
        """Open a client on the chosen store, and close it at the end."""
        from lilota.client import TaskClient  # noqa: PLC0415 - start-up stays quick

        with (
            self.open_store(create=True) as store,
            TaskClient(store, registry=self.registry, accept_unknown_names=accept_unknown_names) as client,
        ):
            yield client

    @staticmethod
    def _warn_if_private(store: TaskStore) -> None:
        if not store.capabilities().multi_process:
            click.echo(
                "Warning: this store lives in this process alone: no other process sees its tasks, and they are gone "
                "when it ends. Choose a shared one with --store, for example sqlite:///lilota.db.",
                err=True,
            )


def make_current_folder_importable() -> None:
    """Let tasks be imported from here, after all that is installed; worker processes take over the path."""
    folder = os.getcwd()
    if folder not in sys.path:
        sys.path.append(folder)


def _require_existing(store: TaskStore, commands: Commands) -> None:
    """Refuse a store that opening would make. A store that can't tell counts as existing."""
    from lilota.contract import CanTellExistence  # noqa: PLC0415 - start-up stays quick
    from lilota.errors import ConfigurationError  # noqa: PLC0415 - start-up stays quick

    if isinstance(store, CanTellExistence) and not store.exists():
        raise ConfigurationError(
            f"There is no {store.capabilities().description}. The first `{commands.line} add` or `{commands.worker}` "
            "makes it; or is another folder or store meant?"
        )


def pass_session(command: Callable[Concatenate[Session, Parameters], Returned]) -> Callable[Parameters, Returned]:
    """Give a command its session as the first argument, and standard output to itself while it runs."""

    @wraps(command)
    def run(session: Session, /, *args: Parameters.args, **options: Parameters.kwargs) -> Returned:
        with reserved_stdout():
            return command(session, *args, **options)

    return click.make_pass_decorator(Session, ensure=True)(run)
