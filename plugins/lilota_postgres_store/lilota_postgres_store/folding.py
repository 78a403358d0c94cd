"""Keep the rows of `lane_counts` few."""

from __future__ import annotations

import random
from typing import Final

from lilota.errors import StoreUnavailableError
from lilota_postgres_store.database import Database

#: About so many writes are followed by one that puts the counts together.
_WRITES_PER_FOLD: Final = 200
_MOST_ROWS: Final = "5000"


def fold_counts_sometimes(database: Database) -> None:
    """Put counts together now and then. By chance: a process that writes once must do its share too."""
    if random.random() * _WRITES_PER_FOLD >= 1:  # noqa: S311 - not a secret
        return
    try:
        database.write(("fold_counts", {"limit": _MOST_ROWS}))
    except StoreUnavailableError:
        # What the caller wanted has been written, and must not look as if it had failed; another fold will come.
        return
