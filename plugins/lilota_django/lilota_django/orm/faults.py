"""Turn the errors of a database into errors that name its alias and the remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.db import DatabaseError, InterfaceError, OperationalError, ProgrammingError, connections
from django.db.transaction import TransactionManagementError

from lilota.errors import StoreUnavailableError
from lilota_django.orm.remedies import remedy_for

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

DatabaseFault = DatabaseError | InterfaceError
DatabaseFaults: Final = (DatabaseError, InterfaceError)

#: MariaDB and MySQL: a deadlock; a row that changed since the transaction's snapshot.
_MYSQL_CONFLICTS: Final = {1213, 1020}
#: PostgreSQL: a deadlock; transactions that can't be put in an order.
_POSTGRES_CONFLICTS: Final = {"40P01", "40001"}
_MYSQL_NO_COLUMN: Final = 1054
_SQLITE_LACKS: Final = ("no such table", "no such column", "has no column")


def is_conflict(error: BaseException) -> bool:
    """Tell whether the database undid a transaction for the sake of another one: it may simply be done again."""
    if not isinstance(error, OperationalError):
        return False
    code = error.args[0] if error.args else None
    return code in _MYSQL_CONFLICTS or getattr(error.__cause__, "sqlstate", None) in _POSTGRES_CONFLICTS


def tells_of_other_tables(error: DatabaseFault) -> bool:
    """Tell whether a statement may have failed because tables are not as the migrations of this version make them."""
    code = error.args[0] if error.args else None
    text = str(error)
    return (
        isinstance(error, ProgrammingError) or code == _MYSQL_NO_COLUMN or any(sign in text for sign in _SQLITE_LACKS)
    )


def to_store_error(error: DatabaseFault, connection: BaseDatabaseWrapper) -> Exception:
    """Return the error to raise for an error of the database."""
    if isinstance(error, TransactionManagementError):
        return error  # the caller's own transaction: Django says best what is wrong with it
    alias = connection.alias
    reason = _without_password(_text_of(error), connection).removesuffix(".")
    remedy = remedy_for(error, alias)
    return StoreUnavailableError(f"The Django database '{alias}' can't be used just now: {reason}.{remedy}")


def unusable_database(error: DatabaseFault) -> Exception:
    """Return the error to raise where it is not known to which database of the project an error belongs.

    The first that can't be connected to is told of: what is wrong with it is wrong with it still.
    """
    for connection in connections.all():
        try:
            connection.ensure_connection()
        except DatabaseFaults as again:
            return to_store_error(again, connection)
    return StoreUnavailableError(f"A database of the Django project can't be used just now: {_text_of(error)}")


def _text_of(error: DatabaseFault) -> str:
    """Return what a driver says, in one line: libpq adds indented lines that guess at reasons."""
    is_numbered = len(error.args) == 2 and isinstance(error.args[0], int)
    text = str(error.args[1] if is_numbered else error)
    return " ".join(" ".join(line for line in text.splitlines() if not line.startswith("\t")).split())


def _without_password(text: str, connection: BaseDatabaseWrapper) -> str:
    password = str(connection.settings_dict.get("PASSWORD") or "")
    return text.replace(password, "***") if password else text
