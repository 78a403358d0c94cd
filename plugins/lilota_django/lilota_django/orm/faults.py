"""Turn the errors of a database into errors that name its alias and the remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.db import DatabaseError, InterfaceError, OperationalError
from django.db.transaction import TransactionManagementError

from lilota.errors import StoreUnavailableError

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

DatabaseFault = DatabaseError | InterfaceError

# MariaDB and MySQL: a deadlock; a row that changed since the transaction's snapshot.
_MYSQL_CONFLICTS: Final = {1213, 1020}
# PostgreSQL: a deadlock; transactions that can't be put in an order.
_POSTGRES_CONFLICTS: Final = {"40P01", "40001"}
_SQLITE_LOCKED: Final = "database is locked"


def is_conflict(error: BaseException) -> bool:
    """Tell whether the database undid a transaction for the sake of another one: it may simply be done again."""
    if not isinstance(error, OperationalError):
        return False
    code = error.args[0] if error.args else None
    return code in _MYSQL_CONFLICTS or getattr(error.__cause__, "sqlstate", None) in _POSTGRES_CONFLICTS


def to_store_error(error: DatabaseFault, connection: BaseDatabaseWrapper) -> Exception:
    """Return the error to raise for an error of the database."""
    if isinstance(error, TransactionManagementError):
        return error  # the caller's own transaction: Django says best what is wrong with it
    text = str(error)
    remedy = ""
    if _SQLITE_LOCKED in text:
        remedy = (
            " Another transaction was writing for too long, or began with reading: set OPTIONS['transaction_mode'] to "
            "'IMMEDIATE', and OPTIONS['timeout'] to some seconds more."
        )
    # In one line: libpq's texts have several.
    reason = " ".join(_without_password(text, connection).split()).removesuffix(".")
    return StoreUnavailableError(f"The Django database '{connection.alias}' can't be used just now: {reason}.{remedy}")


def _without_password(text: str, connection: BaseDatabaseWrapper) -> str:
    password = str(connection.settings_dict.get("PASSWORD") or "")
    return text.replace(password, "***") if password else text
