"""The Lua of this package: one script per verb in `lua/`, each behind what all share in `lua/shared/`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Final, NamedTuple

_FOLDER: Final = files(__package__) / "lua"
#: Creates the store, so that it can't begin with a look at it.
OPEN: Final = "open"


class Script(NamedTuple):
    """A script, and the name under which the server keeps it."""

    text: str
    sha: str


def _load() -> dict[str, Script]:
    shared = sorted((entry.name, entry.read_text("utf-8")) for entry in (_FOLDER / "shared").iterdir())
    head = "\n".join(text for _, text in shared)
    verbs = [entry for entry in _FOLDER.iterdir() if entry.name.endswith(".lua")]
    texts = {entry.name.removesuffix(".lua"): entry.read_text("utf-8") for entry in verbs}
    return {verb: _to_script(text if verb == OPEN else f"{head}\n{text}") for verb, text in texts.items()}


def _to_script(text: str) -> Script:
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


#: Verb -> script.
SCRIPTS: Final[Mapping[str, Script]] = MappingProxyType(_load())
