"""Load the modules of plugins and call their hooks, so that a broken one harms only itself."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Awaitable, Callable, Generator
from functools import cached_property
from types import (
    AsyncGeneratorType,
    BuiltinFunctionType,
    CoroutineType,
    FunctionType,
    GeneratorType,
    MethodType,
    ModuleType,
)
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from lilota.contract.forks import renew_in_forks
from lilota.errors import PluginError, Retry, StopTask, TaskRefusedError, did_you_mean
from lilota.hookspecs import PROJECT_NAME, AttemptDetails, LilotaHooks
from lilota.plugins.delays import OVERDUE_SECONDS, RunningCalls, whereabouts
from lilota.plugins.loading import load_reference
from lilota.plugins.records import IN_RECORDS, Entry
from lilota.plugins.strangers import (
    as_sentence,
    blame,
    is_silenced,
    let_pass,
    one_line,
    reason_of,
    reopen_streams,
    text_of,
    undisturbed,
    usable_streams,
)
from lilota.tasks.calls import await_run, call_run

if TYPE_CHECKING:
    import pluggy
    from pluggy import HookImpl

logger: logging.Logger = logging.getLogger("lilota.plugins")

#: After so many failures in a row an observing hook is not called any more.
FAILURES_BEFORE_SUSPENSION: Final = 10

_FUNCTIONS: Final = (FunctionType, MethodType, BuiltinFunctionType)
_WRAPPED_HOOK: Final = "lilota_run_attempt"
_T = TypeVar("_T")


class PluginModules:
    """The modules of the group `lilota.plugins` that are in use, with their hooks.

    Args:
        strict: raise PluginError where a plugin would be left out.
    """

    def __init__(self, *, strict: bool = False) -> None:
        self._strict = strict
        self._hook_names = tuple(name for name in vars(LilotaHooks) if not name.startswith("_"))
        self._entries: dict[str, Entry] = {}
        self._implementations: dict[str, tuple[HookImpl, ...]] = dict.fromkeys(self._hook_names, ())
        self._failures: dict[tuple[str, str], int] = {}
        self._suspended: set[tuple[str, str]] = set()
        self._calls = RunningCalls()
        self._streams = usable_streams()
        self._begin()
        renew_in_forks(self, PluginModules._begin)

    def _begin(self) -> None:
        """Make the lock, at first and in a fork of the process."""
        self._lock = threading.Lock()

    @cached_property
    def _manager(self) -> pluggy.PluginManager:
        """Pluggy's part, made for the first plugin: half a megabyte that a worker without plugins need not spend."""
        import pluggy  # noqa: PLC0415 - nor 6 ms

        hook = pluggy.HookspecMarker(PROJECT_NAME)
        for name in self._hook_names:
            hook(vars(LilotaHooks)[name], firstresult=name == _WRAPPED_HOOK)
        pluggy.HookimplMarker(PROJECT_NAME)(_Task.lilota_run_attempt)
        manager = pluggy.PluginManager(PROJECT_NAME)
        manager.add_hookspecs(LilotaHooks)
        manager.register(_Task())
        return manager

    def load(self, entry: Entry) -> None:
        """Import the module of a plugin and register its hooks; on any failure leave no trace of them."""
        name = entry.pinned.name
        try:
            with undisturbed(f"The plugin {name!r} of {entry.source}"):
                module = load_reference(entry.pinned.value)
                self._refuse_bad_hooks(module, entry)
                self._manager.register(module, name)
            entry.remark = self._remark(module)
        except BaseException as error:  # noqa: BLE001 - a stranger's module may raise anything
            let_pass(error, f"the plugin {name!r} of {entry.source}")
            self.leave_out(entry, error)
            return
        entry.state, entry.loaded = "loaded", module
        entry.hooks = tuple(sorted(caller.name for caller in self._manager.get_hookcallers(module) or ()))
        self._entries[name] = entry
        self._collect_implementations()

    def leave_out(self, entry: Entry, error: BaseException) -> None:
        """Unregister a plugin whole, and say so once.

        Raises:
            PluginError: in strict mode.
        """
        if self._manager.has_plugin(entry.pinned.name):
            self._manager.unregister(name=entry.pinned.name)
        self._entries.pop(entry.pinned.name, None)
        entry.hooks = ()
        reason = reason_of(error)
        entry.fail(reason)
        self._collect_implementations()
        message = f"The plugin {entry.pinned.name!r} of {entry.source} can't be used: {as_sentence(reason)}"
        remedy = f"Turn it off with LILOTA_DISABLE_PLUGINS={entry.pinned.name}, or install another version of it."
        if self._strict:
            raise PluginError(f"{message} {remedy}") from error
        logger.warning("%s The rest goes on without it. %s", message, remedy, extra=IN_RECORDS)
        logger.debug("The failure of the plugin %r:", entry.pinned.name, exc_info=error)

    def contributions(self, hook_name: str, convert: Callable[[Entry, object], _T]) -> list[tuple[Entry, _T]]:
        """Call a contributing hook of each plugin; one that raises, or gives the wrong thing, is left out.

        Args:
            convert: turns what a plugin gave into what is wanted, or raises.
        """
        given = []
        for implementation in self._implementations[hook_name]:
            entry = self._entries[implementation.plugin_name]
            plugin = f"the plugin {entry.pinned.name!r} of {entry.source}"
            try:
                with undisturbed(f"{hook_name} of {plugin}"):
                    given.append((entry, convert(entry, implementation.function())))
            except BaseException as error:  # noqa: BLE001 - a plugin may raise anything
                let_pass(error, f"{hook_name} of {plugin}")
                self.leave_out(entry, error)
        return given

    def has(self, hook_name: str) -> bool:
        """Tell whether any plugin implements a hook; as cheap as a look into a dict."""
        return bool(self._implementations[hook_name])

    def observe(self, hook_name: str, records: dict[str, object]) -> None:
        """Call each implementation of an observing hook; what one raises is logged and reaches nobody."""
        for implementation in self._implementations[hook_name]:
            arguments = [records[name] for name in implementation.argnames]
            outer = self._calls.begin(hook_name, implementation.plugin_name)
            try:
                returned = implementation.function(*arguments)
                if returned is not None:
                    _refuse_unfinished(returned)
            except BaseException as error:  # noqa: BLE001 - an observer may raise anything and must not fail a task
                let_pass(error)
                self._count_failure(hook_name, implementation, error)
            else:
                if self._failures:
                    self._failures.pop((implementation.plugin_name, hook_name), None)
            finally:
                self._calls.end(outer)
                if is_silenced(sys.stderr):
                    self._reopen_streams(hook_name, implementation.plugin_name)

    def decide(self, hook_name: str, record: Callable[[], dict[str, object]], use: Callable[[object], None]) -> None:
        """Call each implementation of a deciding hook, in turn; the first that does not let through ends it.

        Args:
            record: makes the arguments for the next one.
            use: takes what one has returned, or raises if that can't be used.

        Raises:
            TaskRefusedError: one has raised it.
            PluginError: one has raised anything else, or its answer can't be used: a gate that fails stays shut.
        """
        for implementation in self._implementations[hook_name]:
            records = record()
            outer = self._calls.begin(hook_name, implementation.plugin_name)
            try:
                returned = implementation.function(*(records[name] for name in implementation.argnames))
                if returned is not None:
                    _refuse_unfinished(returned)
                    use(returned)
            except TaskRefusedError:
                raise
            except BaseException as error:
                let_pass(error)
                name, source = implementation.plugin_name, self._source_of(implementation.plugin_name)
                raise PluginError(
                    f"Nothing was added, because the plugin {name!r} of {source} failed in {hook_name}: "
                    f"{as_sentence(reason_of(error))} Mend it, or turn it off with LILOTA_DISABLE_PLUGINS={name}."
                ) from error
            finally:
                self._calls.end(outer)

    def remark_overdue(self) -> list[str]:
        """Return a sentence for each observing hook that does not come back: whose it is and where it stands; once."""
        return [
            f"The plugin {plugin!r} of {self._source_of(plugin)} has not come back from {hook_name} for more than "
            f"{OVERDUE_SECONDS:g} s, and what called it waits. It is at {whereabouts(thread)}. Mend it, or turn it off "
            f"with LILOTA_DISABLE_PLUGINS={plugin}."
            for thread, (hook_name, plugin) in self._calls.take_overdue()
        ]

    def run_attempt(self, attempt: AttemptDetails) -> object:
        """Run the task inside the wrappers that plugins put around it."""
        if not self._implementations[_WRAPPED_HOOK]:
            return call_run(attempt.task)
        try:
            result: object = self._manager.hook.lilota_run_attempt(attempt=attempt)
        except BaseException as error:
            self._name_wrapper(error)
            raise
        return result

    async def run_shared_attempt(self, attempt: AttemptDetails) -> object:
        """Run the task inside the wrappers, which wait with it while others run. Pluggy can't wait.

        As there, what a wrapper raises or returns takes the place of what came out of what it is around.
        """
        opened: list[tuple[HookImpl, Generator[None, Any, Any]]] = []
        result: Any = None
        error: BaseException | None = None
        of_task: BaseException | None = None
        try:
            for each in self._implementations[_WRAPPED_HOOK]:
                generator = cast("Generator[None, Any, Any]", each.function(*(attempt for _ in each.argnames)))
                next(generator)
                opened.append((each, generator))
            try:
                result = await await_run(attempt.task)
            except BaseException as raised:
                of_task = raised
                raise
        except BaseException as raised:  # noqa: BLE001 - it goes through the wrappers
            error = raised
        for each, generator in reversed(opened):
            result, error = _close_wrapper(each, generator, result, error)
        if error is not None:
            if error is not of_task:
                self._name_wrapper(error)
            raise error
        return result

    def _refuse_bad_hooks(self, module: object, entry: Entry) -> None:
        """Refuse what pluggy would accept, or find only after it has registered half of the plugin."""
        if not isinstance(module, ModuleType):
            raise TypeError(f"{entry.pinned.value!r} must name a module, not {type(module).__name__}")
        if module in self._manager.get_plugins():
            raise ValueError(f"the module {module.__name__!r} is already loaded under another name")
        for attribute in dir(module):
            options = self._manager.parse_hookimpl_opts(module, attribute)
            if options is None:
                continue
            name = options.get("specname") or attribute
            if name not in self._hook_names and not options.get("optionalhook"):
                raise PluginError(f"it implements an unknown hook {name!r}.{did_you_mean(name, self._hook_names)}")
            if bool(options.get("wrapper") or options.get("hookwrapper")) != (name == _WRAPPED_HOOK):
                raise PluginError(f"{name!r} {_WRONG_WRAPPER[name == _WRAPPED_HOOK]}")
            if name in self._hook_names and not _is_called_as_meant(getattr(module, attribute), name):
                raise PluginError(f"{name!r} {_NOT_PLAIN[name == _WRAPPED_HOOK]}")
            if name in self._hook_names:
                _refuse_arguments(getattr(module, attribute), name)

    def _remark(self, module: object) -> str | None:
        """Say what in a module looks like a hook and is none, or that it has none at all."""
        marked = {caller.name for caller in self._manager.get_hookcallers(module) or ()}
        unmarked = [
            name for name in self._hook_names if name not in marked and isinstance(vars(module).get(name), _FUNCTIONS)
        ]
        if unmarked:
            functions = ", ".join(f"{name}()" for name in unmarked)
            return f"It does not mark {functions} with @lilota.hookimpl, so nobody calls it."
        return None if marked else "It has no hooks: mark its functions with @lilota.hookimpl."

    def _name_wrapper(self, error: BaseException) -> None:
        """Note on an error which plugin has raised it, unless it came out of the task or is no fault."""
        codes, trace = [], error.__traceback__
        while trace is not None:
            codes.append(trace.tb_frame.f_code)
            trace = trace.tb_next
        if isinstance(error, StopTask | Retry) or _Task.lilota_run_attempt.__code__ in codes:
            return
        wrappers = self._implementations[_WRAPPED_HOOK]
        seen = [each for each in wrappers if getattr(each.function, "__code__", None) in codes]
        # Pluggy itself complains of their yields, and says where the wrapper is; others may stand around that one.
        said = text_of(error)
        seen = [each for each in wrappers if _place_of(each) in said] or seen
        # The innermost has raised it, for the others it has only come by.
        names = [f"{each.plugin_name!r} of {self._entries[each.plugin_name].source}" for each in seen[-1:] or wrappers]
        blame(error, f"the plugin {' or '.join(names)}")

    def _collect_implementations(self) -> None:
        for name in self._hook_names:
            # Pluggy lists them in the reverse order of calling.
            self._implementations[name] = tuple(
                implementation
                for implementation in reversed(getattr(self._manager.hook, name).get_hookimpls())
                if (implementation.plugin_name, name) not in self._suspended
                and not isinstance(implementation.plugin, _Task)
            )

    def _reopen_streams(self, hook_name: str, plugin: str) -> None:
        """Give back what a hook has closed: without standard error, nobody would hear of anything any more."""
        if self._streams != usable_streams():
            reopen_streams(self._streams)
            source = self._source_of(plugin)
            logger.warning(
                "The plugin %r of %s closed standard error in %s; it is open again.", plugin, source, hook_name
            )

    def _source_of(self, plugin: str) -> str:
        entry = self._entries.get(plugin)
        return "a package that was left out meanwhile" if entry is None else entry.source

    def _count_failure(self, hook_name: str, implementation: HookImpl, error: BaseException) -> None:
        entry = self._entries.get(implementation.plugin_name)
        if entry is None:
            return  # another thread has just left the plugin out, and said so
        name, source = entry.pinned.name, entry.source
        logger.error("The plugin %r of %s failed in %s: %s", name, source, hook_name, one_line(error), exc_info=error)
        with self._lock:
            failures = self._failures[name, hook_name] = self._failures.get((name, hook_name), 0) + 1
            if failures != FAILURES_BEFORE_SUSPENSION:
                return
            self._suspended.add((name, hook_name))
            self._collect_implementations()
        entry.error = f"{hook_name} is suspended: it failed {failures} times in a row, at last with {one_line(error)}"
        logger.warning("The plugin %r of %s: %s. Restart the program to call it again.", name, source, entry.error)


class _Task:
    """What the wrappers are around: no plugin may implement this hook without being a wrapper.

    Registered like a plugin: to hand it to pluggy's `call_extra` with each call costs more than the call itself.
    """

    def lilota_run_attempt(self, attempt: AttemptDetails) -> object:
        return call_run(attempt.task)


def _place_of(wrapper: HookImpl) -> str:
    """Return where a wrapper is, as pluggy says it."""
    code = getattr(wrapper.function, "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno} " if code is not None else repr(wrapper)


def _close_wrapper(
    wrapper: HookImpl, generator: Generator[None, Any, Any], result: object, error: BaseException | None
) -> tuple[object, BaseException | None]:
    """Give a wrapper what came out of what it is around, and return what comes out of it."""
    import pluggy  # noqa: PLC0415 - here is a plugin

    old_style = pluggy.Result(result, error) if wrapper.hookwrapper else None
    try:
        if old_style is not None:
            generator.send(old_style)
        elif error is not None:
            generator.throw(error)
        else:
            generator.send(result)
    except StopIteration as end:
        return (end.value, None) if old_style is None else (_result_of(old_style), old_style.exception)
    except BaseException as raised:  # noqa: BLE001 - it goes through the other wrappers
        return None, raised
    generator.close()
    return None, RuntimeError(f"{wrapper.plugin_name!r} has yielded more than once")


def _result_of(outcome: pluggy.Result[object]) -> object:
    return None if outcome.exception is not None else outcome.get_result()


def _is_called_as_meant(function: object, name: str) -> bool:
    """Tell whether a call runs a function to its end: that of an async one, or of a generator, only makes an object."""
    import inspect  # noqa: PLC0415 - pluggy has imported it

    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        return False
    return inspect.isgeneratorfunction(function) == (name == _WRAPPED_HOOK)


def _refuse_arguments(function: Callable[..., object], name: str) -> None:
    """Refuse an argument that a hook does not give; pluggy would too, but without saying which ones there are."""
    import inspect  # noqa: PLC0415 - pluggy has imported it

    given = [argument for argument in inspect.signature(getattr(LilotaHooks, name)).parameters if argument != "self"]
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name not in given and parameter.default is parameter.empty:
            gives = f"gives {' and '.join(map(repr, given))}" if given else "gives none"
            raise PluginError(f"{name!r} wants the argument {parameter.name!r}, but its hook {gives}")


def _refuse_unfinished(returned: object) -> None:
    """Refuse what a function has returned, instead of running, whose looks have not told that it would."""
    if isinstance(returned, CoroutineType | GeneratorType):
        returned.close()
    if isinstance(returned, Awaitable | GeneratorType | AsyncGeneratorType):
        raise TypeError(f"it returned a {type(returned).__name__}, which nobody runs; it {_NOT_PLAIN[False]}")


_NOT_PLAIN: Final = {
    True: "must be a plain generator, without 'async', that yields once",
    False: "must be a plain function, without 'async' and 'yield'",
}
_WRONG_WRAPPER: Final = {
    True: "must wrap the run of the task: mark it with @hookimpl(wrapper=True) and yield once",
    False: "can't be a wrapper: mark it with @hookimpl alone",
}
