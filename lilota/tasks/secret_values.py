"""A value that is not shown: `Secret[str]` travels as its text, and is masked wherever it is printed."""

from __future__ import annotations

from typing import Generic, TypeVar

from lilota.texts.secrets import MASK

T_co = TypeVar("T_co", covariant=True)


class Secret(Generic[T_co]):
    """A value that neither `print` nor a log line nor an error shows.

    As the annotation of a parameter, `key: Secret[str]`, it makes lilota mask what is given for it wherever a task is
    shown. It is not encrypted: who can read the store can read it.

        key = Secret("hunter2")
        connect(key.reveal())
    """

    __slots__ = ("_value",)

    def __init__(self, value: T_co) -> None:
        self._value = value

    def reveal(self) -> T_co:
        """Return the value itself."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret('{MASK}')"

    def __str__(self) -> str:
        return MASK

    def __format__(self, format_spec: str) -> str:
        return format(MASK, format_spec)

    def __eq__(self, other: object) -> bool:
        return self._value == other._value if isinstance(other, Secret) else NotImplemented

    def __hash__(self) -> int:
        return hash((Secret, self._value))
