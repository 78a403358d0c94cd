"""Which candidates there are, where each is defined, and with how many tasks it is measured.

The counts let one measurement take one to five seconds; rates are compared, so they may differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A candidate.

    Attributes:
        place: the module and the class.
        drain: how many tasks wait when the workers start.
        add_many: how many tasks are added 100 at a time, 0 where there is no call for many.
        add_each: how many tasks are added one at a time.
        distribution: the name of its package.
    """

    place: str
    drain: int
    add_each: int
    add_many: int = 0

    def count(self, scenario: str) -> int:
        """Return with how many tasks it is measured."""
        return {"drain": self.drain, "add_many": self.add_many, "add_each": self.add_each}[scenario]

    @property
    def distribution(self) -> str:
        # The modules here are named after what they measure.
        return self.place.partition(":")[0].rpartition(".")[2]


OURS = "lilota"

POSTGRES: Mapping[str, Entry] = {
    OURS: Entry(place="peers.lilota:LilotaCandidate", drain=30_000, add_many=60_000, add_each=2000),
    "pgqueuer": Entry(place="peers.pgqueuer:PgQueuerCandidate", drain=15_000, add_many=30_000, add_each=2000),
    "procrastinate": Entry(
        place="peers.procrastinate:ProcrastinateCandidate", drain=1000, add_many=10_000, add_each=1000
    ),
    "procrastinate-10": Entry(
        place="peers.procrastinate:ProcrastinateTenCandidate", drain=1000, add_many=10_000, add_each=1000
    ),
}

REDIS: Mapping[str, Entry] = {
    OURS: Entry(place="peers.lilota:LilotaCandidate", drain=30_000, add_many=60_000, add_each=5000),
    "dramatiq": Entry(place="peers.dramatiq:DramatiqCandidate", drain=1500, add_each=5000),
    "dramatiq-8": Entry(place="peers.dramatiq:DramatiqEightThreadsCandidate", drain=4000, add_each=5000),
    "huey": Entry(place="peers.huey:HueyCandidate", drain=4000, add_each=8000),
    "taskiq": Entry(place="peers.taskiq:TaskiqCandidate", drain=3000, add_each=3000),
    "saq": Entry(place="peers.saq:SaqCandidate", drain=2500, add_each=5000),
    "celery": Entry(place="peers.celery:CeleryCandidate", drain=1000, add_each=1000),
    "rq": Entry(place="peers.rq:RqCandidate", drain=800, add_many=10_000, add_each=3000),
}

BY_SERVER: Mapping[str, Mapping[str, Entry]] = {"postgres": POSTGRES, "redis": REDIS}
