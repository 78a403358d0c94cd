"""What the author of an executor imports: the protocol, its words, and the processes of one machine to build on."""

from __future__ import annotations

from lilota.engine.events import Died, Event, Measured, Received, Retiring, WorkerUse
from lilota.engine.executor import (
    Executor,
    ExecutorCapabilities,
    ExecutorFactory,
    ExecutorOptions,
    FollowsDemand,
    HasNodes,
    MeasuresWorkers,
    RunsHere,
    ShowsStacks,
    StackWay,
)
from lilota.engine.messages import FromWorker, Ready, ToWorker
from lilota.workers.processes import WorkerProcesses
from lilota.workers.setup import WorkerSetup

__all__ = [
    "Died",
    "Event",
    "Executor",
    "ExecutorCapabilities",
    "ExecutorFactory",
    "ExecutorOptions",
    "FollowsDemand",
    "FromWorker",
    "HasNodes",
    "Measured",
    "MeasuresWorkers",
    "Ready",
    "Received",
    "Retiring",
    "RunsHere",
    "ShowsStacks",
    "StackWay",
    "ToWorker",
    "WorkerProcesses",
    "WorkerSetup",
    "WorkerUse",
]
