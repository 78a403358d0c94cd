"""Stores with one planted fault each: the proof that the conformance suite would notice.

Each is wrapped around a store that keeps the contract: `BROKEN_STORES["no fence on progress"](MemoryTaskStore())`.
"""

from __future__ import annotations

from lilota.testing.broken_stores.claims import (
    ClaimForgetsTheLog,
    ClaimIgnoresNames,
    ClaimIgnoresQueues,
    ClaimIgnoresRunAt,
    ClaimKeepsTheProgress,
    ClaimMixesUpTheInputs,
    ClaimOfNothingTakesOne,
    ClaimsAreNotAtomic,
    ExpiredRunnerClaims,
    LowPriorityFirst,
)
from lilota.testing.broken_stores.fences import (
    NoFenceOnLogs,
    NoFenceOnOutcome,
    NoFenceOnOutput,
    NoFenceOnProgress,
    RefusalDropsTheBatch,
    TokenIsNotRaised,
    TokenStartsOverAtRetry,
)
from lilota.testing.broken_stores.headers import (
    ClaimForgetsTheHeaders,
    ClaimInventsItsInstants,
    HeadersAreLost,
    HeadersAreWrittenAnew,
    HeadersOfTheFirstAreThoseOfAll,
    RestoreForgetsTheHeaders,
)
from lilota.testing.broken_stores.leases import (
    HeartbeatNeverTellsThatItIsLate,
    ReleaseSpendsTheAttempt,
    RescueForgetsTheLoss,
    RescueIgnoresTheLease,
    RescueNeverGivesUp,
)
from lilota.testing.broken_stores.people import (
    CancelEndsARunningTask,
    CancelOfARunningTaskIsForgotten,
    CancelTakesTheNextOneAlong,
    RetryOfASucceededTask,
)
from lilota.testing.broken_stores.records import (
    AddIsNotAtomic,
    ChangesAreNotNoticed,
    CountsDriftAfterPrune,
    EveryStartIsBelieved,
    GivingBackSpendsTheAttempt,
    IdsAreUsedAgain,
    LaterPagesStartOver,
    LinesSentAgainAreWrittenAgain,
    LogsAreReadFromTheEnd,
)
from lilota.testing.broken_stores.restored import (
    ConnectionIsIgnored,
    RestoredIdsAreUsedAgain,
    RestoredTasksAreNotCounted,
    RestoreForgetsTheLog,
    RestoreForgetsTheToken,
    RestoreIsNotAtomic,
    RestoreMakesAllDue,
    RestoreOverwrites,
    RestoreTakesRunningTasks,
)
from lilota.testing.broken_stores.runners import (
    AllChoresShareOneTurn,
    AskingPutsOffTheTurn,
    EveryAskerGetsATurn,
    EveryHeartbeatIsAStart,
    LostRunnersAreHidden,
    LostRunnersSeemAlive,
    ReleasedRunnersStay,
    RunnersAreListedByName,
    TurnIsTakenForGood,
)
from lilota.testing.broken_stores.wrapper import StoreWrapper

__all__ = ["BROKEN_STORES"]

#: What is wrong -> the class that wraps a healthy store.
BROKEN_STORES: dict[str, type[StoreWrapper]] = {
    "no fence on outcome": NoFenceOnOutcome,
    "no fence on output": NoFenceOnOutput,
    "no fence on progress": NoFenceOnProgress,
    "no fence on logs": NoFenceOnLogs,
    "token is not raised": TokenIsNotRaised,
    "token starts over at retry": TokenStartsOverAtRetry,
    "refusal drops the batch": RefusalDropsTheBatch,
    "claim ignores names": ClaimIgnoresNames,
    "claim ignores queues": ClaimIgnoresQueues,
    "claim ignores run_at": ClaimIgnoresRunAt,
    "claim of nothing takes one": ClaimOfNothingTakesOne,
    "claim keeps the progress": ClaimKeepsTheProgress,
    "claim forgets the log": ClaimForgetsTheLog,
    "claim mixes up the inputs": ClaimMixesUpTheInputs,
    "claims are not atomic": ClaimsAreNotAtomic,
    "expired runner claims": ExpiredRunnerClaims,
    "low priority first": LowPriorityFirst,
    "rescue ignores the lease": RescueIgnoresTheLease,
    "rescue forgets the loss": RescueForgetsTheLoss,
    "rescue never gives up": RescueNeverGivesUp,
    "release spends the attempt": ReleaseSpendsTheAttempt,
    "heartbeat never tells that it is late": HeartbeatNeverTellsThatItIsLate,
    "cancel ends a running task": CancelEndsARunningTask,
    "cancel of a running task is forgotten": CancelOfARunningTaskIsForgotten,
    "cancel takes the next one along": CancelTakesTheNextOneAlong,
    "retry of a succeeded task": RetryOfASucceededTask,
    "add is not atomic": AddIsNotAtomic,
    "ids are used again": IdsAreUsedAgain,
    "counts drift after prune": CountsDriftAfterPrune,
    "changes are not noticed": ChangesAreNotNoticed,
    "giving back spends the attempt": GivingBackSpendsTheAttempt,
    "later pages start over": LaterPagesStartOver,
    "log lines are read from the end": LogsAreReadFromTheEnd,
    "lines sent again are written again": LinesSentAgainAreWrittenAgain,
    "every start is believed": EveryStartIsBelieved,
    "every heartbeat is a start": EveryHeartbeatIsAStart,
    "lost runners are hidden": LostRunnersAreHidden,
    "lost runners seem alive": LostRunnersSeemAlive,
    "runners are listed by name": RunnersAreListedByName,
    "released runners stay": ReleasedRunnersStay,
    "every asker gets a turn": EveryAskerGetsATurn,
    "turn is taken for good": TurnIsTakenForGood,
    "asking puts off the turn": AskingPutsOffTheTurn,
    "all chores share one turn": AllChoresShareOneTurn,
    "restore forgets the token": RestoreForgetsTheToken,
    "restore forgets the log": RestoreForgetsTheLog,
    "restore makes all due": RestoreMakesAllDue,
    "restore takes running tasks": RestoreTakesRunningTasks,
    "restore is not atomic": RestoreIsNotAtomic,
    "restore overwrites": RestoreOverwrites,
    "restored ids are used again": RestoredIdsAreUsedAgain,
    "restored tasks are not counted": RestoredTasksAreNotCounted,
    "connection is ignored": ConnectionIsIgnored,
    "headers are lost": HeadersAreLost,
    "headers are written anew": HeadersAreWrittenAnew,
    "headers of the first are those of all": HeadersOfTheFirstAreThoseOfAll,
    "restore forgets the headers": RestoreForgetsTheHeaders,
    "claim forgets the headers": ClaimForgetsTheHeaders,
    "claim invents its instants": ClaimInventsItsInstants,
}
