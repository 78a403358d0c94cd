"""The Lua of this package: one script per verb in `lua/`, each behind what it needs of `lua/shared/`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Final, NamedTuple

_FOLDER: Final = files(__package__) / "lua"
#: Creates the store, so that it can't begin with a look at it.
OPEN: Final = "open"
#: What all verbs need of the shared files, which build on each other in their order.
_FOR_ALL: Final = ("store", "parts", "records", "tasks")
#: What the verbs that are used most need besides; the others have all. A server makes the functions of a script anew at
#: each call: with all of them, the addition of one task would take a seventh more.
_FOR_VERB: Final[Mapping[str, tuple[str, ...]]] = {
    "add": ("owners",),
    "cancel": (),
    "claim": ("replies", "lines", "claims"),
    "commit": ("notes", "replies", "lines", "claims"),
    "find": ("owners", "replies"),
    "get": ("replies",),
    "prune": ("owners", "notes"),
}


class Script(NamedTuple):
    """A script, and the name under which the server keeps it."""

    text: str
    sha: str


def _load() -> dict[str, Script]:
    files_by_name = sorted((entry.name, entry.read_text("utf-8")) for entry in (_FOLDER / "shared").iterdir())
    # "01_store.lua" is "store".
    shared = {name[3:].removesuffix(".lua"): text for name, text in files_by_name}
    verbs = [entry for entry in _FOLDER.iterdir() if entry.name.endswith(".lua")]
    texts = {entry.name.removesuffix(".lua"): entry.read_text("utf-8") for entry in verbs}
    return {
        verb: _to_script(text if verb == OPEN else _behind_shared(verb, text, shared)) for verb, text in texts.items()
    }


def _behind_shared(verb: str, text: str, shared: Mapping[str, str]) -> str:
    needed = {*_FOR_ALL, *_FOR_VERB[verb]} if verb in _FOR_VERB else set(shared)
    return "\n".join([*(shared[name] for name in shared if name in needed), text])


def _to_script(text: str) -> Script:
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


#: Verb -> script.
SCRIPTS: Final[Mapping[str, Script]] = MappingProxyType(_load())
