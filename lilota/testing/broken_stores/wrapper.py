"""A store that passes every call on to another one, for faults to be planted in."""

from __future__ import annotations

from collections.abc import Sequence

from lilota.contract import Claimed, ClaimRequest, Committed, Fence, StoreCapabilities, TaskStore
from lilota.contract.forwarding import ForwardingStore
from lilota.models import AttemptUpdate


class StoreWrapper(ForwardingStore):
    """Behaves like the store inside; a subclass overrides what shall go wrong."""

    def capabilities(self) -> StoreCapabilities:
        # What a wrapper remembers does not travel to other processes.
        inner = super().capabilities()
        return StoreCapabilities(
            description=f"broken: {inner.description}",
            durable=inner.durable,
            multi_process=False,
            supports=inner.supports,
        )

    def commit(self, updates: Sequence[AttemptUpdate], request: ClaimRequest | None = None) -> Committed:
        # Two steps, so that a fault planted in `claim` or in `write` shows wherever it should.
        refused = self.write(updates)
        return Committed(refused=refused, claimed=None if request is None else self.claim(request))

    def write(self, updates: Sequence[AttemptUpdate]) -> tuple[Fence, ...]:
        """Write the updates of a commit and return what was refused."""
        return super().commit(updates).refused


class RemembersTokens(StoreWrapper):
    """Knows the newest token of each task, which a fault needs to get past the fence of the store inside."""

    def __init__(self, store: TaskStore) -> None:
        super().__init__(store)
        self.newest: dict[int, int] = {}

    def claim(self, request: ClaimRequest) -> Claimed:
        claimed = super().claim(request)
        self.newest.update(claim.fence for claim in claimed.claims)
        return claimed
