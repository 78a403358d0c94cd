"""The test module that `check` has pytest run; the fixture `store` comes from `lilota.testing.check_run`."""

from __future__ import annotations

from lilota.testing.contract import StoreContract


class TestStore(StoreContract):
    """The whole contract, on whatever store is being checked."""
