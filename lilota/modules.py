"""Import the modules in which an application declares its tasks when they are needed, and keep why one can't be."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping
from typing import Final

from lilota.contract.forks import renew_in_forks
from lilota.plugins.loading import load_reference, remedy_for
from lilota.plugins.strangers import as_sentence, let_pass, reason_of, undisturbed
from lilota.texts.secrets import mask_text

logger: logging.Logger = logging.getLogger(__name__)

#: What comes behind a reason, with the place of the setting.
NOT_USED: Final = "%s It is named by %s; until that is mended, what it declares is not known."


class Modules:
    """The modules that a program names in its settings.

    Args:
        names: these modules.
        source: where their names come from, for people.
    """

    def __init__(self, names: tuple[str, ...] = (), source: str = "") -> None:
        self._names = names
        self._source = source
        self._problems: dict[str, str] = {}
        self._is_done = not self._names
        self._begin()
        renew_in_forks(self, Modules._begin)

    def _begin(self) -> None:
        """Make the lock, at first and in a fork of the process."""
        self._lock = threading.RLock()
        self._has_begun = self._is_done  # by a thread that a fork does not have

    def import_all(self) -> None:
        """Import those that were not yet. One that can't be is left out, and said in the log."""
        if not self._is_done:
            with self._lock:
                if not self._has_begun:  # not again by what a module itself does while it is imported
                    self._has_begun = True
                    try:
                        self.note({name: import_module(name) for name in self._names})
                    finally:  # Ctrl-C, say
                        self._has_begun = self._is_done
                    for problem in self._problems.values():
                        logger.error(NOT_USED, problem, self._source)

    def note(self, problems: Mapping[str, str]) -> None:
        """Take what came of each, here or in another process: name -> why it can't be imported, or ""."""
        self._problems = {name: problem for name, problem in problems.items() if problem}
        self._is_done = True

    def not_imported(self) -> tuple[str, ...]:
        """Return those that were not tried yet."""
        return () if self._is_done else self._names

    def unusable(self) -> tuple[str, ...]:
        """Return those that could not be imported."""
        return tuple(self._problems)

    def usable(self) -> tuple[str, ...]:
        """Return those that could be imported."""
        self.import_all()
        return tuple(name for name in self._names if name not in self._problems)


def import_module(name: str) -> str:
    """Import a module that declares tasks; return why it can't be, and the remedy, or ""."""
    what = f"The module {name!r}"
    try:
        with undisturbed(what):
            load_reference(name)
    except BaseException as error:  # noqa: BLE001 - a module may raise anything; what is not its own passes
        let_pass(error, what)
        return mask_text(f"{what} can't be imported: {as_sentence(reason_of(error))} {remedy_for(error, name)}")
    return ""


def import_modules(names: Iterable[str]) -> None:
    """Import modules where it is known that they can be; what is wrong all the same is said in the log."""
    for name in names:
        problem = import_module(name)
        if problem:
            logger.error("%s In another process it could.", problem)
