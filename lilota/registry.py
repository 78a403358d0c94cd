"""Know which task names exist, and which class each stands for.

A name may be registered by the program, configured in `[tool.lilota.tasks]`, installed by a plugin, or declared by
`@task` in a module that is imported, and is looked for in this order; before the last step, the modules of the settings
are imported. Worker processes get what no plugin brings as references, because classes do not travel. What is
registered as "reports:*" stands for all names that begin with "reports:", unless one is registered itself.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from types import CoroutineType
from typing import Any, Final, overload

from lilota.config import Settings
from lilota.errors import InvalidTaskError, LilotaError, UnknownTaskError, did_you_mean, listed
from lilota.models import TaskBase
from lilota.modules import Modules
from lilota.plugins import Plugins
from lilota.plugins.loading import load_reference, remedy_for
from lilota.plugins.strangers import as_sentence, let_pass, reason_of
from lilota.tasks.checks import check_task_class
from lilota.tasks.declared import declared_at, declared_class, declared_classes, declared_twice, is_same
from lilota.tasks.declared import refusal as refusal_of_declared
from lilota.tasks.families import is_family, registered_as
from lilota.tasks.functions import FunctionTask
from lilota.tasks.names import check_name
from lilota.tasks.options import remarks_on
from lilota.tasks.reachability import check_reachable, reference_to

logger: logging.Logger = logging.getLogger(__name__)

#: A service that is started in another folder than its files looks like this.
_NONE_CONFIGURED: Final = (
    " No [tasks] or modules are configured for the working folder: start the program where lilota.toml is."
)


class Registry:
    """The task names of one program.

    Args:
        plugins: what is installed.
        settings: what is configured; None means what `plugins` was made with.
    """

    def __init__(self, plugins: Plugins, settings: Settings | None = None) -> None:
        self._plugins = plugins
        settings = settings or plugins.settings
        self._references: dict[str, str] = dict(settings.tasks)
        self._classes: dict[str, type[TaskBase]] = {}
        #: Those of installed packages that were resolved; whether one may be used, the plugins know.
        self._installed: dict[str, type[TaskBase]] = {}
        #: Under which name a function is a task here, as far as somebody has asked.
        self._names: dict[FunctionTask[..., Any], str] = {}
        self._modules = Modules(settings.modules, settings.source_of("modules"))
        #: Names that modules declare, which another process has imported, and why some of them can't be used.
        self._taken_over: set[str] = set()
        self._conflicts: dict[str, LilotaError] = {}

    @classmethod
    def from_references(cls, references: Mapping[str, str], plugins: Plugins) -> Registry:
        """Make the registry of a worker process from what `references()` returned in the runner's."""
        registry = cls(plugins)
        registry._references = dict(references)
        registry._modules = Modules()  # what they declare is among the references
        return registry

    @property
    def plugins(self) -> Plugins:
        return self._plugins

    @overload
    def register(self, name: str, clazz: type[TaskBase] | FunctionTask[..., Any]) -> None: ...
    @overload
    def register(self, name: FunctionTask[..., Any]) -> None: ...
    def register(
        self, name: str | FunctionTask[..., Any], clazz: type[TaskBase] | FunctionTask[..., Any] | None = None
    ) -> None:
        """Give a task class, or a function with `@task`, a name; a function has one of its own.

        A name that was registered before then stands for the new class.

        Raises:
            InvalidTaskError: the name or the class can't be used, or worker processes could not import the class.
        """
        if isinstance(name, FunctionTask) and clazz is None:
            self._register(name.name, name)
        else:
            self._register(check_name(name), clazz)

    def _register(self, name: str, given: object) -> None:
        what = f"The task {name!r}"
        clazz = check_task_class(given, what)
        check_reachable(clazz, what)
        earlier = self._classes.get(name)
        if earlier is not clazz:
            _warn_of_options(clazz, what)
        # A module that was loaded anew, as in a notebook, has the same class as another object.
        if earlier is not None and reference_to(earlier) != reference_to(clazz):
            logger.warning("The task name %r stood for %r and now stands for %r.", name, earlier, clazz)
        self._classes[name] = clazz
        self._references[name] = reference_to(clazz)
        self._names.clear()

    def names(self) -> tuple[str, ...]:
        """Return every name that can be used, sorted; names that several distributions claim can't."""
        self._modules.import_all()
        return tuple(sorted({*self._references, *self._plugins.task_names(), *declared_classes()}))

    def references(self) -> dict[str, str]:
        """Return where the registered, configured and declared classes are: name -> "module:qualname"."""
        self._modules.import_all()
        # A worker looks here first: what is installed must not be hidden by what is only declared.
        declared = {
            name: reference_to(clazz) for name, clazz in declared_classes().items() if not self._plugins.has_task(name)
        }
        return declared | self._references

    def references_not_imported(self) -> dict[str, str]:
        """Return the configured ones of `references()` of which this process has not imported the class yet."""
        tried = self._classes.keys() | self._taken_over
        return {name: reference for name, reference in self._references.items() if name not in tried}

    def modules(self) -> tuple[str, ...]:
        """Return the modules of the settings that can be used."""
        return self._modules.usable()

    def modules_not_imported(self) -> tuple[str, ...]:
        """Return the modules of the settings of which nothing is known yet."""
        return self._modules.not_imported()

    def take_over(self, problems: Mapping[str, str], declared: Iterable[tuple[str, str]]) -> None:
        """Take what came of the modules in another process, so that they need not be imported in this one.

        A name that several of them declare then stands for nothing; `conflicts()` says so.

        Args:
            problems: module -> why it can't be used, or "".
            declared: the tasks that they declare: name and "module:qualname".
        """
        self._modules.note(problems)
        found: dict[str, list[str]] = {}
        for name, reference in declared:
            if name not in self._references and not self._plugins.has_task(name):
                found.setdefault(name, []).append(reference)
        for name, references in found.items():
            if len(references) == 1:
                self._references[name] = references[0]
                self._taken_over.add(name)
            else:
                self._conflicts[name] = declared_twice(name, references)

    def conflicts(self) -> tuple[str, ...]:
        """Return a sentence for each name that `take_over` found to be declared more than once."""
        return tuple(map(str, self._conflicts.values()))

    def check(self, name: str) -> str:
        """Make sure that a name stands for a task, without importing it; return under which name it is registered.

        Raises:
            UnknownTaskError: it does not; the message names the nearest one that does.
            PluginConflictError: several distributions claim it.
        """
        known = self._registered_as(name)
        if known is None or is_family(name):
            raise self._refusal(name)
        return known

    def name_of(self, function: FunctionTask[..., Any]) -> str:
        """Return under which name a function is a task here: its own, or one under which it is registered.

        Raises:
            InvalidTaskError: worker processes could not import it.
            UnknownTaskError: its name stands for another task.
            PluginConflictError: several distributions claim its name.
        """
        known = self._names.get(function)
        if known is None:
            known = self._names[function] = self._find_name_of(function)
        return known

    def _find_name_of(self, function: FunctionTask[..., Any]) -> str:
        reference = reference_to(function.task_class)
        if self._references.get(function.name) == reference:
            return function.name
        if self.knows(function.name) and is_same(self.resolve(function.name), function.task_class):
            return function.name
        registered = next((name for name, where in self._references.items() if where == reference), None)
        if registered is not None and not is_family(registered):
            return registered
        check_reachable(function.task_class, f"The task {function.name!r}")
        self.check(function.name)
        raise UnknownTaskError(
            f"The task {function.name!r} stands for {reference_to(self.resolve(function.name))} here, and not for "
            f"{reference}. Give the function another name, @task(name=...), or register it under one."
        )

    def knows(self, name: str) -> bool:
        """Tell whether a name stands for a task that can be used."""
        return self._registered_as(name) is not None

    def resolve(self, name: str) -> type[TaskBase]:
        """Return the class that a name stands for, and import it if need be; of a family, that of this member.

        Raises:
            UnknownTaskError: the name stands for nothing.
            PluginConflictError: several distributions claim it.
            PluginError: a worker process finds it in another version than its runner, or not at all.
            InvalidTaskError: the class can't be imported, or is no task class.
        """
        known = self._registered_as(name)
        found = self._class_of(name, known)
        if known == name:
            return found
        return check_task_class(found.for_name(name), f"The task {name!r}")

    def _class_of(self, name: str, known: str | None) -> type[TaskBase]:
        if known in self._classes:
            return self._classes[known]
        if known in self._references:
            self._classes[known] = load_class(known, self._references[known])
            return self._classes[known]
        if known is not None and not self._plugins.has_task(known) and (declared := declared_class(known)) is not None:
            return check_task_class(declared, f"The task {known!r}")
        if known is None and self._plugins.refusal(name) is None:
            raise self._refusal(name)
        found = self._installed[known or name] = self._plugins.load_task(known or name)
        return found

    def remarks(self, name: str) -> tuple[str, ...]:
        """Import the class that a name stands for, and return what looks wrong in it; raise as `resolve` does."""
        return tuple(f"The task {name!r}: {remark}" for remark in remarks_on(self.resolve(name)))

    def imported_class(self, name: str) -> type[TaskBase]:
        """Return the class that a name stands for, or `TaskBase`, which has the defaults, where it is not imported.

        Asking must not import a task class into a program that only adds tasks.
        """
        # Without a colon there is no family to look for; that it is a text, nobody may have checked yet.
        known = (self._registered_as(name) if ":" in str(name) else None) or name
        found = self._classes.get(known) or self._installed.get(known)
        if found is None:
            reference = self._references.get(known)
            found = declared_class(known) if reference is None else declared_at(known, reference)
        return found or TaskBase

    def _registered_as(self, name: object) -> str | None:
        """Return the name or the family of names that a name stands for, None if it stands for nothing usable."""
        if not isinstance(name, str):
            return None
        if name in self._references:  # nearly always
            return name
        return registered_as(name, self._is_usable)

    def _is_usable(self, name: str) -> bool:
        if name in self._references or self._plugins.has_task(name):
            return True
        self._modules.import_all()
        return declared_class(name) is not None

    def _refusal(self, name: str) -> LilotaError:
        if not isinstance(name, str):
            return UnknownTaskError(
                f"A task name must be a str, not {type(name).__name__}: {name!r:.100}{self._hint_for_class(name)}"
            )
        if is_family(name):
            return UnknownTaskError(
                f"{name!r} stands for all task names that begin with {name[:-1]!r}: add one of them."
            )
        known = self._plugins.refusal(name) or self._conflicts.get(name) or refusal_of_declared(name)
        if known is not None:
            return known
        return UnknownTaskError(
            f"Unknown task {name!r}.{did_you_mean(name, self.names())} "
            f"Known here: {listed({*self._references, *declared_classes()})}. "
            f"Installed: {listed(self._plugins.task_names())}. "
            "Register it before runner.start(), write where it is under [tasks] in lilota.toml, or the module of its "
            f"function under modules, or install the package that brings it.{self._what_is_not_known()}"
        )

    def _what_is_not_known(self) -> str:
        unusable = self._modules.unusable()
        if unusable:
            return f" What {listed(unusable)} would declare is not known: see the log for why."
        return "" if self._references or self._modules.usable() else _NONE_CONFIGURED

    def _hint_for_class(self, named: object) -> str:
        """Say under which names a class is registered that was given instead of one, or return ""."""
        if isinstance(named, FunctionTask):
            return f". Add it with its arguments: add({named.function.__name__}.bind(...))."
        if isinstance(named, CoroutineType):  # what a call of the coroutine function gives
            named.close()  # nobody awaits it
            return f". Bind what is to run in a worker: add({named.__name__}.bind(...)), without calling it."
        clazz = named if isinstance(named, type) else type(named)
        if not issubclass(clazz, TaskBase):
            return ""
        names = [name for name, reference in self._references.items() if reference == reference_to(clazz)]
        if not names:
            return f'. Register it under a name, register("...", {clazz.__name__}), and add that name.'
        return f". Add the name under which it is registered: {listed(names)}."


def _warn_of_options(clazz: type[TaskBase], what: str) -> None:
    for remark in remarks_on(clazz):
        logger.warning("%s: %s", what, remark)


def load_class(name: str, reference: str) -> type[TaskBase]:
    """Import the class of a configured task.

    Raises:
        InvalidTaskError: it can't be imported, or is no task class.
    """
    what = f"The task {name!r}"
    try:
        return check_task_class(load_reference(reference), what)
    except InvalidTaskError:
        raise
    except BaseException as error:
        let_pass(error, what)
        raise InvalidTaskError(
            f"{what} can't be imported from {reference!r}: {as_sentence(reason_of(error))} "
            f"{remedy_for(error, reference)}"
        ) from error
