"""How many slots of the cluster a runner holds: all, or as many as it is to have, or as many as it needs."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from itertools import count
from typing import TypeVar

from distributed import Future  # noqa: TC002 - as the others

from lilota_dask.address import Target
from lilota_dask.cluster import Cluster
from lilota_dask.demand import Demand
from lilota_dask.holding import wish
from lilota_dask.links import Link

Where = TypeVar("Where")


class Slots:
    """Takes slots, and says which are to be given back.

    Attributes:
        demand: what is to hear how much there is to do, if the number of places depends on that.
    """

    def __init__(self, cluster: Cluster, target: Target, session: str) -> None:
        self.demand: Demand | None = None
        if target.least_places is not None and target.places is not None:
            self.demand = Demand(target.least_places, target.places, target.idle_seconds)
        self._wanted = target.least_places or target.places
        self._cluster = cluster
        self._resource = target.resource
        self._wishes: list[Future[None]] = []
        self._known = 0
        self._names = (f"lilota-wish-{session}-{number}" for number in count(1))

    def adjust(self, links: Collection[Link]) -> list[Link]:
        """Take what is wanted, and let the cluster know what it lacks; return the nodes that are to be left."""
        places = sum(link.slots for link in links if link.is_open)
        surplus = 0
        if self.demand is not None:
            self._wanted = self.demand.wanted(places)
            surplus = places - self._wanted
        self.take(links)
        with contextlib.suppress(ConnectionError):  # the next look at the cluster tries again
            self._wish(links)
        return _left(links, surplus)

    def take(self, links: Collection[Link]) -> None:
        """Spread the places that are wanted over the nodes, or take what there is."""
        capacities = {link: self._capacity(link) for link in links if link.is_open}
        taken = {link: link.asked_slots for link in capacities}
        with contextlib.suppress(ConnectionError):  # as above
            for link, number in shares(capacities, taken, self._wanted).items():
                link.take_slots(number, self._resource)

    def _wish(self, links: Collection[Link]) -> None:
        """Have Dask tasks wait for the slots that the cluster has not got; for one, where it has no nodes at all."""
        lacking, known = 0, sum(map(self._capacity, links))
        if self._wanted is not None or not links:
            lacking = max(0, (self._wanted or 1) - known)
        # One that has had a slot is not repeated: there are some, which lilota can't use. But where there are more that
        # it can use, it was one of them. A scheduler that was started again has lost all. Dask forgets a task when
        # nobody has its future any more.
        kept = {"pending"} if known > self._known else {"pending", "finished"}
        self._wishes = [each for each in self._wishes if each.status in kept][:lacking]
        self._known = known
        while len(self._wishes) < lacking:
            self._wishes.append(self._cluster.submit(wish, key=next(self._names), resource=self._resource))

    def _capacity(self, link: Link) -> int:
        return int(link.place.resources.get(self._resource, 0)) if self._resource else link.place.threads


def shares(capacities: Mapping[Where, int], taken: Mapping[Where, int], wanted: int | None) -> dict[Where, int]:
    """Return how many places each node gets: all that it has, or as evenly as can be where fewer are wanted.

    Args:
        taken: how many each has already; it keeps them.
    """
    given = dict(taken)
    everything = sum(capacities.values())
    left = (everything if wanted is None else min(wanted, everything)) - sum(given.values())
    while left > 0:
        link = min((link for link in capacities if given[link] < capacities[link]), key=given.__getitem__)
        given[link] += 1
        left -= 1
    return given


def _left(links: Collection[Link], surplus: int) -> list[Link]:
    """Return the nodes that can be done without, the newest first; a node is left as a whole."""
    left = []
    for link in reversed([link for link in links if link.is_open and link.slots]):
        if link.slots <= surplus:
            left.append(link)
            surplus -= link.slots
    return left
