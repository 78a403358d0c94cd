"""The process that checks a store: `python -m lilota.testing.check_child`, one line of JSON per event.

A process of its own keeps the check apart from whoever asked for it: a store that crashes or hangs takes nobody along.
"""

from __future__ import annotations

import os

import msgspec

from lilota.stores import open_store
from lilota.testing.check_results import CheckResult
from lilota.testing.check_run import run_contract

#: The URL comes through the environment, because it may hold a password and arguments are for all to see.
URL_VARIABLE = "LILOTA_CHECK_STORE"


class CheckEvent(msgspec.Struct, frozen=True):
    """A test began (without a result) or ended."""

    name: str
    result: CheckResult | None = None


def main() -> None:
    """Check the store that the environment names."""
    store = open_store(os.environ.pop(URL_VARIABLE))
    # pytest takes standard output for itself while a test runs.
    with os.fdopen(os.dup(1), "wb", buffering=0) as output:

        def tell(name: str, result: CheckResult | None) -> None:
            output.write(msgspec.json.encode(CheckEvent(name, result)) + b"\n")

        run_contract(lambda: store, tell)
    store.close()


if __name__ == "__main__":
    main()
