"""Fields that keep what not every database keeps: any text, and instants to the microsecond in any time zone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from django.db import models

from lilota.contract import from_microseconds, to_microseconds

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

    # Only the type checker's fields are generic; at run time they have no square brackets.
    _Text = models.TextField[str | None, str | None]
    _Short = models.CharField[str | None, str | None]
    _Integer = models.BigIntegerField[datetime | int | None, datetime | None]
else:
    _Text, _Short, _Integer = models.TextField, models.CharField, models.BigIntegerField

_FIRST: Final = to_microseconds(datetime.min.replace(tzinfo=UTC))
_LAST: Final = to_microseconds(datetime.max.replace(tzinfo=UTC))
#: The picture of a NUL stands for it, and two of them for itself: a reader of the table sees what is meant.
_NUL: Final = "\0"
_PICTURE: Final = "\u2400"


def to_instant(microseconds: int) -> datetime:
    """Return the instant, aware and in UTC; the nearest one that Python knows, where that is none of its own."""
    return from_microseconds(max(_FIRST, min(microseconds, _LAST)))


def escaped(text: str) -> str:
    """Return a text without NUL, which PostgreSQL can't store; `unescaped` gives the original back."""
    if _NUL not in text and _PICTURE not in text:
        return text
    return text.replace(_PICTURE, _PICTURE * 2).replace(_NUL, _PICTURE + "0")


def unescaped(text: str) -> str:
    """Undo `escaped`."""
    if _PICTURE not in text:
        return text
    # Pairs are read from left to right: a doubled picture can't be mistaken for the end of another.
    return _PICTURE.join(part.replace(_PICTURE + "0", _NUL) for part in text.split(_PICTURE * 2))


class _AnyCharacter:
    """Lets a text keep characters that not every database keeps."""

    def get_prep_value(self, value: object) -> object:
        return escaped(value) if isinstance(value, str) else value

    def from_db_value(self, value: str | None, *_: object) -> str | None:
        return value if value is None or _PICTURE not in value else unescaped(value)


class AnyTextField(_AnyCharacter, _Text):
    """A text of any length with any character."""


class AnyCharField(_AnyCharacter, _Short):
    """A short text with any character, which can be in an index."""


class ExactCharField(_Short):
    """A short text of printable characters, compared and put in order character by character in every database."""

    def db_parameters(self, connection: BaseDatabaseWrapper) -> dict[str, str | None]:
        """Name the collation that compares code points; in MariaDB and MySQL, one that also sees spaces at the end."""
        parameters = super().db_parameters(connection)
        if connection.vendor == "postgresql":
            parameters["collation"] = "C"
        elif connection.vendor == "mysql":
            parameters["collation"] = "utf8mb4_nopad_bin" if _is_mariadb(connection) else "utf8mb4_0900_bin"
        return parameters


def _is_mariadb(connection: BaseDatabaseWrapper) -> bool:
    return bool(getattr(connection, "mysql_is_mariadb", False))


class InstantField(_Integer):
    """An instant, stored as microseconds since the epoch, and read as an aware datetime in UTC.

    The same with `USE_TZ` on and off, in every database, and in the hour that a clock repeats in autumn.
    Conditions and values may be given as datetimes or as microseconds.
    """

    def get_prep_value(self, value: object) -> object:
        return to_microseconds(value) if isinstance(value, datetime) else value

    def from_db_value(self, value: int | None, *_: object) -> datetime | None:
        return None if value is None else to_instant(value)

    def value_from_object(self, obj: models.Model) -> int | None:  # type: ignore[override]  # as it is stored
        """Return it as it is stored, for `dumpdata`: the JSON of a datetime ends at the milliseconds."""
        value = super().value_from_object(obj)
        return to_microseconds(value) if isinstance(value, datetime) else value

    def to_python(self, value: object) -> object:
        return value if value is None or isinstance(value, datetime) else to_instant(int(str(value)))
