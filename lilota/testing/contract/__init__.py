"""The conformance suite for stores: every sentence of `lilota.contract`, as tests that a store inherits."""

from __future__ import annotations

import pytest

from lilota.testing.contract.add import AddContract
from lilota.testing.contract.any_task import AnyTaskContract
from lilota.testing.contract.cancel_retry import CancelRetryContract
from lilota.testing.contract.checkpoints import CheckpointsContract, ForgettingContract
from lilota.testing.contract.claim import ClaimContract
from lilota.testing.contract.commit import CommitContract
from lilota.testing.contract.ended import EndedContract
from lilota.testing.contract.fence import FenceContract
from lilota.testing.contract.foresight import ForesightContract
from lilota.testing.contract.headers import HeadersContract
from lilota.testing.contract.lease import LeaseContract
from lilota.testing.contract.limits import LimitsContract
from lilota.testing.contract.logs import LogsContract
from lilota.testing.contract.many_logs import ManyLogsContract
from lilota.testing.contract.model import ModelContract
from lilota.testing.contract.notes import NotesContract
from lilota.testing.contract.oldest import OldestDueContract
from lilota.testing.contract.owners import OwnersContract
from lilota.testing.contract.processes import ProcessesContract
from lilota.testing.contract.prune import PruneContract
from lilota.testing.contract.read import ReadContract
from lilota.testing.contract.restore import RestoreContract
from lilota.testing.contract.runners import RunnersContract
from lilota.testing.contract.together import TogetherContract
from lilota.testing.contract.transactions import TransactionsContract
from lilota.testing.contract.turns import TurnsContract
from lilota.testing.contract.versions import VersionsContract
from lilota.testing.contract.wait import WaitContract

__all__ = ["StoreContract"]


@pytest.mark.filterwarnings(
    "error",
    # CPython 3.13 and newer: what multiprocessing pickles into is now and then collected before the view of it.
    "ignore:Exception ignored (in.|while finalizing file) <_io.BytesIO:pytest.PytestUnraisableExceptionWarning",
)
class StoreContract(
    AddContract,
    ReadContract,
    ClaimContract,
    TogetherContract,
    HeadersContract,
    CommitContract,
    FenceContract,
    CancelRetryContract,
    LeaseContract,
    RunnersContract,
    TurnsContract,
    RestoreContract,
    TransactionsContract,
    PruneContract,
    EndedContract,
    ForesightContract,
    OldestDueContract,
    LogsContract,
    ManyLogsContract,
    OwnersContract,
    CheckpointsContract,
    ForgettingContract,
    NotesContract,
    VersionsContract,
    WaitContract,
    LimitsContract,
    AnyTaskContract,
    ProcessesContract,
    ModelContract,
):
    """All tests that a store must pass: subclass it in a test module and supply one fixture, `store`.

    The fixture gives an open and empty `TaskStore` for each test; it may be the same store each time if it is
    emptied in between, because no test relies on ids starting at 1:

        from lilota.testing import StoreContract

        class TestMyStore(StoreContract):
            @pytest.fixture
            def store(self, tmp_path):
                store = MyStore(tmp_path / "tasks.db")
                store.open()
                yield store
                store.close()

    A store that declares `takes_connection` also overrides the fixture `application`, which gives an open transaction
    of the application's (`lilota.testing.contract.transactions.ApplicationTransaction`). A store whose form has
    versions overrides the fixture `newer_lilota`, which makes it one of a lilota of the future for a while
    (`lilota.testing.contract.versions.NewerLilota`).

    Tests with several processes send the store to them by pickling, and are skipped where `capabilities()` says
    that it is for one process. Hypothesis plays `model_examples` games of up to `model_steps` moves against a model
    on the same store, which it empties after each; set these class attributes to search longer.
    No clock is injected: a lease is made to expire by a heartbeat with `lease_seconds=0`.
    """
