"""The conformance suite for executors: real workers, and all that an executor must tell of them."""

from __future__ import annotations

from lilota.testing.executors.contract import ExecutorContract

__all__ = ["ExecutorContract"]
