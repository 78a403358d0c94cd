"""The settings: where each comes from, and what it may be.

The order of precedence: an argument, then the environment, then `lilota.toml` or `[tool.lilota]` in `pyproject.toml`
(the nearest folder upwards that has one; `lilota.toml` before `pyproject.toml` in one folder), then the default. The
search ends at the person's own folder or the root of a repository: what is above belongs to others.
A setting is taken whole from the first place that has it; lists are not merged.
"""

from __future__ import annotations

import math
import os
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Final, NamedTuple

import msgspec

from lilota.errors import (
    LEAST_MEMORY_MB,
    LONGEST_SECONDS,
    MOST_MEMORY_MB,
    ConfigurationError,
    did_you_mean,
    listed,
)
from lilota.texts.patterns import Pattern

#: The logger of lilota, below which those of its tasks are.
LOGGER_NAME: Final = "lilota"

#: So many coroutines at once are the most that one process is trusted with.
MOST_PLACES: Final = 10_000


#: A million gigabytes: what is more is a mistake.
_MOST_MEGABYTES: Final = 1_000_000_000
#: What is shorter can be tried out, by whoever has one reference.
_SHORTEST_KEY: Final = 16


class _Setting(NamedTuple):
    """What is to be known of a setting besides its type and default.

    Attributes:
        variable: its environment variable, if it has one.
        parse: reads the text of the variable; gets the name of the place too, for an error.
        check: raises ConfigurationError for a value that has the type and yet can't be used.
    """

    variable: str = ""
    parse: Callable[[str, str], object] = lambda text, _source: text
    check: Callable[[Any, str], None] = lambda _value, _source: None


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What was configured. A plain record: it is sent to the worker processes as JSON.

    Attributes:
        store: the name or URL of the store. The path in `sqlite:///tasks.db` is relative to the working folder, not
            to the file that the setting stands in.
        tasks: task name -> "module:Class", for tasks of the application's own.
        modules: the modules in which the application declares tasks with `@task`.
        plugins_allowed: the only plugins that may be used, or None for all. Here and in `plugins_blocked`, a name is
            a distribution, and an entry is "group:name".
        plugins_blocked: the plugins that are not used; stronger than `plugins_allowed`. An entry may also be named
            without its group, because that can only block more.
        plugins_off: use no plugin at all, the built-in stores included.
        plugin_choices: name (or "group:name") -> distribution, where several distributions claim a name.
        strict_plugins: raise what is wrong with a plugin instead of going on without it.
        executor: the name or URL of what runs the attempts.
        prune_after_seconds: running runners delete tasks that ended longer ago than this; None keeps everything.
        places_per_process: how many coroutines of tasks with `concurrent = True` run at once in one process.
        heartbeat_file: the path of a file that a worker keeps young while it goes on; None writes none. A relative one
            counts from the working folder.
        recycle_after_tasks: a worker process is replaced when so many attempts have ended in it; None means never.
        recycle_after_seconds: the same when it is so old.
        recycle_after_mb: the same when it uses so much memory, in millions of bytes, after an attempt.
        files: the URL of the file area, in which the files of tasks are kept; None takes what goes with the store.
        max_file_mb: how many megabytes one file of a task may have.
        ref_keys: the keys of references of tasks: the first signs, all are valid. Never shown, and told to no worker.
        sources: setting -> where its value comes from, for people; not a setting itself.
    """

    store: Annotated[str, _Setting("LILOTA_STORE", check=_check_store)] = "sqlite:///lilota.db"
    tasks: Annotated[dict[str, str], _Setting(check=_check_references)] = {}
    modules: Annotated[tuple[str, ...], _Setting("LILOTA_MODULES", _parse_list, _check_modules)] = ()
    plugins_allowed: Annotated[tuple[str, ...] | None, _Setting("LILOTA_PLUGINS", _parse_list)] = None
    plugins_blocked: Annotated[tuple[str, ...], _Setting("LILOTA_DISABLE_PLUGINS", _parse_list)] = ()
    plugins_off: Annotated[bool, _Setting("LILOTA_NO_PLUGINS", _parse_switch)] = False
    plugin_choices: Annotated[dict[str, str], _Setting("LILOTA_PLUGIN_CHOICE", _parse_choices)] = {}
    strict_plugins: Annotated[bool, _Setting("LILOTA_STRICT_PLUGINS", _parse_switch)] = False
    executor: Annotated[str, _Setting("LILOTA_EXECUTOR")] = "processes"
    prune_after_seconds: Annotated[
        float | None, _Setting("LILOTA_PRUNE_AFTER_SECONDS", _parse_number, _check_seconds)
    ] = None
    places_per_process: Annotated[int, _Setting("LILOTA_PLACES_PER_PROCESS", _parse_whole, _check_places)] = 1
    heartbeat_file: Annotated[str | None, _Setting("LILOTA_HEARTBEAT_FILE", check=_check_file)] = None
    recycle_after_tasks: Annotated[
        int | None, _Setting("LILOTA_RECYCLE_AFTER_TASKS", _parse_whole, _check_recycle_tasks)
    ] = None
    recycle_after_seconds: Annotated[
        float | None, _Setting("LILOTA_RECYCLE_AFTER_SECONDS", _parse_number, _check_recycle_seconds)
    ] = None
    recycle_after_mb: Annotated[float | None, _Setting("LILOTA_RECYCLE_AFTER_MB", _parse_number, _check_recycle_mb)] = (
        None
    )
    files: Annotated[str | None, _Setting("LILOTA_FILES", check=_check_files)] = None
    max_file_mb: Annotated[int, _Setting("LILOTA_MAX_FILE_MB", _parse_whole, _check_megabytes)] = 1000
    ref_keys: Annotated[tuple[str, ...], _Setting("LILOTA_REF_KEYS", _parse_list, _check_ref_keys)] = ()
    sources: dict[str, str] = {}

    def __repr__(self) -> str:
        return msgspec.Struct.__repr__(self.without_keys())

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return msgspec.Struct.__rich_repr__(self.without_keys())

    def without_keys(self) -> Settings:
        """Return them without the keys, for whoever has no business with these."""
        return msgspec.structs.replace(self, ref_keys=()) if self.ref_keys else self

    def source_of(self, setting: str) -> str:
        """Say where the value of a setting comes from: "the environment variable LILOTA_STORE"."""
        return self.sources.get(setting, "an argument of the program")


SETTING_NAMES: Final = tuple(name for name in Settings.__struct_fields__ if name != "sources")
#: What marks the root of a repository.
_OF_REPOSITORIES: Final = (".git", ".hg", ".svn", ".jj")
_MODULE: Final = Pattern(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_REFERENCE: Final = Pattern(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


def load_settings(
    start: os.PathLike[str] | None = None, *, place: str = "an argument", **overrides: object
) -> Settings:
    """Collect the settings for a program.

    Args:
        start: the folder in which the search for a configuration file starts; None means the working folder.
        place: where `overrides` come from, for people.
        overrides: settings by name, which win over everything; None stands for "not given".

    Raises:
        ConfigurationError: a setting is unknown or has a value of the wrong kind, or a file is not TOML.
    """
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for source, found in (
        *_from_files(os.path.realpath(start or os.getcwd())),
        *_from_environment(os.environ),
        (place, {name: value for name, value in overrides.items() if value is not None}),
    ):
        for name, value in found.items():
            values[name] = _checked(name, value, source)
            sources[name] = source
    return Settings(**values, sources=sources)


def with_arguments(settings: Settings, **arguments: object) -> Settings:
    """Return settings with those that a program has given as arguments; None stands for "not given".

    Raises:
        ConfigurationError: one of them can't be used.
    """
    place = "an argument"
    given = {name: _checked(name, value, place) for name, value in arguments.items() if value is not None}
    return msgspec.structs.replace(settings, **given, sources={**settings.sources, **dict.fromkeys(given, place)})


def _from_files(start: str) -> list[tuple[str, dict[str, Any]]]:
    for folder in _folders(start):
        for path in (os.path.join(folder, "lilota.toml"), os.path.join(folder, "pyproject.toml")):
            found = _read_file(path)
            if found is not None:
                return [(path, found)]
    return []


def _folders(start: str) -> Iterator[str]:
    """Give the folders to look in, upwards from the first one."""
    own = os.path.realpath(os.path.expanduser("~"))
    folder, last = start, ""
    while folder != last:
        yield folder
        if folder == own or any(os.path.exists(os.path.join(folder, name)) for name in _OF_REPOSITORIES):
            return
        folder, last = os.path.dirname(folder), folder


def _read_file(path: str) -> dict[str, Any] | None:
    """Return the settings in a file, or None if it does not exist or says nothing about lilota."""
    try:
        with open(path, encoding="utf-8") as file:
            content = _parsed(file.read())
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except ValueError as error:  # no TOML, or no UTF-8
        raise ConfigurationError(f"{path} is not a valid TOML file: {error}. Correct it, or remove it.") from error
    except OSError as error:
        raise ConfigurationError(f"{path} can't be read: {error.strerror}. Make it readable for this user.") from error
    found = content if os.path.basename(path) == "lilota.toml" else content.get("tool", {}).get("lilota")
    if found is None:
        return None
    if not isinstance(found, dict):
        raise ConfigurationError(f"'tool.lilota' in {path} must be a table; write it as [tool.lilota].")
    if others := _who_else_can_write(path):
        import logging  # noqa: PLC0415 - the fork server of a program waits for what this module imports

        logging.getLogger(__name__).warning(
            "%s can be changed by %s; whoever does can run code as you. "
            "Take it and its folder over: chown, chmod go-w.",
            path,
            others,
        )
    return found


def _parsed(text: str) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - 2 ms; most programs have no such file, and no worker has

    return tomllib.loads(text)


def _who_else_can_write(path: str) -> str:
    """Say who can change a file or put another one in its place, beside this user and root; "" if nobody can.

    The file names modules to import, so whoever can write it can run code as this user, root included.
    """
    if sys.platform == "win32":  # where there is no mode that says so
        return ""
    for place in (path, os.path.dirname(path)):
        status = os.stat(place)
        if status.st_uid not in {0, os.geteuid()}:
            return (
                f"its owner, the user {status.st_uid}" if place == path else f"the owner of its folder, {status.st_uid}"
            )
        if place != path and status.st_mode & stat.S_ISVTX:
            continue  # as in /tmp: others may add files, and not replace this one
        if status.st_mode & 0o002:
            return "other users"
        if status.st_mode & 0o020 and not _is_own_group(status.st_gid):
            return f"other users of the group {status.st_gid}"
    return ""


def _is_own_group(group_id: int) -> bool:
    """Tell whether a group is this user's alone, as many systems make one for each user."""
    import grp  # noqa: PLC0415 - not on every system, and seldom needed
    import pwd  # noqa: PLC0415 - as above

    try:
        user, group = pwd.getpwuid(os.geteuid()), grp.getgrgid(group_id)
    except KeyError:  # an id without a name, as in containers
        return False
    return user.pw_gid == group_id and user.pw_name == group.gr_name and set(group.gr_mem) <= {user.pw_name}


def _from_environment(environment: Mapping[str, str]) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for name, setting in _SETTINGS.items():
        text = environment.get(setting.variable, "").strip()
        if text:
            source = f"the environment variable {setting.variable}"
            found.append((source, {name: setting.parse(text, source)}))
    return found


def _checked(name: str, value: object, source: str) -> object:
    """Return the value of a setting in its own type, or say what is wrong with it."""
    if name not in SETTING_NAMES:
        hint = did_you_mean(name, SETTING_NAMES)
        raise ConfigurationError(f"Unknown setting {name!r} in {source}.{hint} Known: {listed(SETTING_NAMES)}.")
    try:
        converted: object = msgspec.convert(value, _TYPES[name])
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"The setting {name!r} in {source} can't be used: {error}.") from error
    _SETTINGS[name].check(converted, source)
    return converted


def _parse_list(text: str, _source: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _parse_choices(text: str, source: str) -> dict[str, str]:
    choices = {}
    for part in _parse_list(text, source):
        name, separator, distribution = part.partition("=")
        if not (separator and name.strip() and distribution.strip()):
            raise ConfigurationError(f'{source} holds {part!r}; write it as "name=distribution,name=distribution".')
        choices[name.strip()] = distribution.strip()
    return choices


def _parse_switch(text: str, source: str) -> bool:
    if text.lower() in {"1", "true", "yes", "on"}:
        return True
    if text.lower() in {"0", "false", "no", "off"}:
        return False
    raise ConfigurationError(f"{source} is {text!r}; write 1 to switch it on or 0 to switch it off.")


def _parse_number(text: str, source: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigurationError(f"{source} is {text!r}; write a number, for example 604800 for a week.") from None


def _parse_whole(text: str, source: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ConfigurationError(f"{source} is {text!r}; write a whole number, for example 100.") from None


def _check_places(places: int, source: str) -> None:
    if not 1 <= places <= MOST_PLACES:
        raise ConfigurationError(
            f"The setting 'places_per_process' in {source} is {places}; write a whole number from 1 to {MOST_PLACES:,}."
        )


def _check_files(files: str | None, source: str) -> None:
    if files is not None and "://" not in files:
        raise ConfigurationError(
            f"The setting 'files' in {source} is {files!r:.200}; write a URL, for example file:///srv/app/files."
        )


def _check_ref_keys(keys: tuple[str, ...], source: str) -> None:
    for number, key in enumerate(keys, 1):
        if len(key) < _SHORTEST_KEY:  # the key itself is not shown
            raise ConfigurationError(
                f"The setting 'ref_keys' in {source} has a key of {len(key)} characters, number {number}; whoever "
                f"has a reference could guess it. Take at least {_SHORTEST_KEY} random characters."
            )


def _check_megabytes(megabytes: int, source: str) -> None:
    if not 1 <= megabytes <= _MOST_MEGABYTES:
        raise ConfigurationError(
            f"The setting 'max_file_mb' in {source} is {megabytes}; write a whole number from 1 to {_MOST_MEGABYTES:,}."
        )


def _check_store(store: str, source: str) -> None:
    if not store.strip():
        raise ConfigurationError(f"The setting 'store' in {source} is empty; write for example sqlite:///lilota.db.")


def _check_seconds(seconds: float | None, source: str) -> None:
    if seconds is not None and not 0 < seconds < math.inf:
        raise ConfigurationError(
            f"The setting 'prune_after_seconds' in {source} is {seconds:g}; write a number of seconds above 0, or "
            "leave it out to keep all tasks."
        )


def _check_file(path: str | None, source: str) -> None:
    if path is not None and not path.strip():
        raise ConfigurationError(f"The setting 'heartbeat_file' in {source} is empty; name a file, or leave it out.")


def _check_recycle_tasks(tasks: int | None, source: str) -> None:
    _check_recycling("recycle_after_tasks", tasks, source)


def _check_recycle_seconds(seconds: float | None, source: str) -> None:
    _check_recycling("recycle_after_seconds", seconds, source)


def _check_recycle_mb(megabytes: float | None, source: str) -> None:
    _check_recycling("recycle_after_mb", megabytes, source)


def _check_recycling(name: str, value: float | None, source: str) -> None:
    problem = recycling_problem(name, value)
    if problem:
        raise ConfigurationError(f"The setting {name!r} in {source} is {value!r}; write {problem}.")


def recycling_problem(name: str, value: object) -> str:
    """Return what one of the settings `recycle_after_...` must be, "" if it is."""
    if value is None:
        return ""
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    if name == "recycle_after_tasks":
        return "" if isinstance(number, int) and 1 <= number < 2**31 else "a whole number of at least 1"
    if name == "recycle_after_seconds":
        return "" if 0 < number <= LONGEST_SECONDS else "a number of seconds above 0"
    least = f"a number of MB from {LEAST_MEMORY_MB} on (a worker uses 25 MB before it runs anything)"
    return "" if LEAST_MEMORY_MB <= number <= MOST_MEMORY_MB else least


def _check_references(tasks: Mapping[str, str], source: str) -> None:
    for name, reference in tasks.items():
        if not _REFERENCE.compiled.fullmatch(reference):
            raise ConfigurationError(
                f"The task {name!r} in {source} is set to {reference!r}; "
                'write where its class is as "package.module:ClassName".'
            )


def _check_modules(modules: tuple[str, ...], source: str) -> None:
    for module in modules:
        if not _MODULE.compiled.fullmatch(module):
            raise ConfigurationError(
                f"The setting 'modules' in {source} names {module!r}, which is no module; "
                'write it as it is imported: "package.module".'
            )


# What stands at the fields of `Settings`, by name; at the end, because the fields name the functions above.
_TYPES: Final[Mapping[str, Any]] = {field.name: field.type for field in msgspec.structs.fields(Settings)}
_SETTINGS: Final[Mapping[str, _Setting]] = {name: _TYPES[name].__metadata__[0] for name in SETTING_NAMES}
