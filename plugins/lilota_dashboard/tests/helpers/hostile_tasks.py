"""A task that attacks whoever looks at what it takes: by its name, docstring, descriptions, choices and defaults."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from hostile import TEXTS

from lilota import task

NAME = TEXTS[0]
ALL = "  ".join(TEXTS)

Choice = Literal[TEXTS]
Told = Annotated[str, msgspec.Meta(title=ALL, description=ALL, examples=[ALL])]


class Renamed(msgspec.Struct, rename=lambda _name: TEXTS[3]):
    """Its one key is markup."""

    value: str = ALL


def _described(function):
    function.__doc__ = "\n".join(TEXTS) + f"\n\nArgs:\n    plain: {ALL}\n"
    return function


@task(name=NAME)
@_described
def hostile(told: Told, choice: Choice, plain: str = ALL, nested: Renamed | None = None) -> Renamed:
    return Renamed(plain)
