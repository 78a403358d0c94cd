"""Call code of strangers: what may come out of it, and which changes of the process it must not leave behind."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple

from lilota.errors import StopTask

logger: logging.Logger = logging.getLogger("lilota.plugins")

_BLAMED: Final = "Raised not by the task, but by "
#: The packages whose code stands between lilota's call and that of a stranger.
_NO_STRANGERS: Final = frozenset({"importlib", "lilota", "pluggy"})


def let_pass(error: BaseException, what: str = "") -> None:
    """Raise again what is not the stranger's: Ctrl-C, and what lilota itself raises to end a task.

    All else that comes out of a stranger's code is his, whatever its class: `SystemExit`, the panic of a Rust module,
    `asyncio.CancelledError`, pytest's `Skipped`. It must end neither a program nor a thread of lilota's. So the
    places that call strangers catch `BaseException`, and begin with this.

    Args:
        what: whose code it is, for who presses Ctrl-C because it takes for ever.
    """
    # Python delivers both to the main thread only; in another one, the stranger has raised it.
    if isinstance(error, KeyboardInterrupt | StopTask) and threading.current_thread() is threading.main_thread():
        if what and isinstance(error, KeyboardInterrupt):
            logger.warning("Interrupted in %s.", what)
        raise error


def blame(error: BaseException, plugin: str) -> None:
    """Note on an error that a plugin has raised it, for `blamed` and for its traceback."""
    if blamed(error) is None:
        error.add_note(f"{_BLAMED}{plugin}")


def blamed(error: BaseException) -> str | None:
    """Return the plugin that `blame` has noted on an error."""
    notes = (note.removeprefix(_BLAMED) for note in getattr(error, "__notes__", ()) if note.startswith(_BLAMED))
    return next(notes, None)


def one_line(error: BaseException) -> str:
    """Return the class and the text of an error, and those of the first one where it was raised from another.

    For a record or a log line.
    """
    first, seen = error, {id(error)}
    while first.__cause__ is not None and id(first.__cause__) not in seen:
        first = first.__cause__
        seen.add(id(first))
    said = _class_and_text(error)
    return said if text_of(first) in said else f"{said} ({_class_and_text(first)})"


def reason_of(error: BaseException) -> str:
    """Return `one_line` of an error, and the line of a stranger's file in which it was raised, if one was.

    What a module raises while it is imported ("division by zero", "No module named 'x'") seldom tells where.
    """
    place = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        if str(frame.f_globals.get("__name__")).partition(".")[0] not in _NO_STRANGERS:
            place = f" ({frame.f_code.co_filename}, line {line})"
    return one_line(error) + place


def as_sentence(text: str) -> str:
    """Return a text with a full stop, unless it ends a sentence already."""
    return text if text.endswith((".", "!", "?")) else f"{text}."


def text_of(error: BaseException) -> str:
    """Return the text of an error on one line, whatever its class makes of `str()`."""
    try:
        return " ".join(str(error).split())
    except BaseException as broken:  # noqa: BLE001 - a stranger's __str__ may raise anything
        let_pass(broken)
        return f"<its str() raised {type(broken).__name__}>"


@contextlib.contextmanager
def undisturbed(what: str) -> Iterator[None]:
    """Put back, and say, what nobody's import may take from the others: the working folder, and what is logged.

    Relative paths of stores, and of what the application opens, must not depend on what is installed. All else that
    a module does to its process when it is imported counts as meant.

    Args:
        what: whose code it is, for people.
    """
    before = [kept.read() for kept in _KEPT]
    try:
        yield
    finally:
        for kept, known in zip(_KEPT, before, strict=True):
            if kept.read() != known:
                with contextlib.suppress(OSError):  # the folder was removed meanwhile
                    kept.put_back(known)
                    logger.warning("%s changed %s when it was loaded; that is put back.", what, kept.name)


class _Kept(NamedTuple):
    name: str
    read: Callable[[], Any]
    put_back: Callable[[Any], object]


def _working_folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return ""


def _silent_loggers() -> set[str]:
    """Return the loggers of lilota that are disabled, as `logging.config` leaves all that it does not know."""
    loggers = logging.root.manager.loggerDict.items()
    return {name for name, each in loggers if name.startswith("lilota") and getattr(each, "disabled", False)}


def _wake_others(silent: set[str]) -> None:
    for name in _silent_loggers() - silent:
        logging.getLogger(name).disabled = False


def usable_streams() -> frozenset[str]:
    """Return which of standard output and standard error can be written to."""
    return frozenset(name for name in ("stdout", "stderr") if not is_silenced(getattr(sys, name)))


def is_silenced(stream: object) -> bool:
    """Tell whether nothing can be written to a stream. Another one in its place may be meant, and is none of these."""
    return stream is None or getattr(stream, "closed", False) is True


def reopen_streams(names: Iterable[str]) -> None:
    """Give back the standard streams with these names that can't be written to any more."""
    for name in set(names) - usable_streams():
        stream = getattr(sys, f"__{name}__")
        if is_silenced(stream):
            number = ("stdout", "stderr").index(name) + 1
            stream = open(number, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115 - it stays
            setattr(sys, f"__{name}__", stream)
        setattr(sys, name, stream)


# The folder comes last: where it can't be gone back to, the rest has been put back.
_KEPT: Final = (
    _Kept("the level of logging.disable()", lambda: logging.root.manager.disable, logging.disable),
    _Kept("which loggers are disabled", _silent_loggers, _wake_others),
    _Kept("which standard streams are open", usable_streams, reopen_streams),
    _Kept("the working folder", _working_folder, os.chdir),
)


def _class_and_text(error: BaseException) -> str:
    text = text_of(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
