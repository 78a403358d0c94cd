"""Faults of the fence: late writes get through, tokens repeat, a refusal harms others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from broken_stores.wrapper import RemembersTokens, StoreWrapper
from lilota.contract import Claimed, ClaimRequest, Fence, TaskStore
from lilota.models import AttemptUpdate


class NoFence(RemembersTokens):
    """Writes one field whatever the token is."""

    unfenced = ""

    def write(self, updates: Sequence[AttemptUpdate]) -> tuple[Fence, ...]:
        passed = [part for update in updates for part in self._split(update)]
        refused = set(super().write(passed))
        return tuple(dict.fromkeys(each.fence for each in updates if each.fence in refused))

    def _split(self, update: AttemptUpdate) -> Iterator[AttemptUpdate]:
        """Yield the unfenced field with the newest token, then the rest as it came."""
        value = getattr(update, self.unfenced)
        if not value or self.newest.get(update.id) == update.token:
            yield update
            return
        newest = self.newest.get(*update.fence)
        yield AttemptUpdate(id=update.id, token=newest, **{self.unfenced: value})
        nothing = getattr(AttemptUpdate(id=update.id, token=update.token), self.unfenced)
        yield replace(update, **{self.unfenced: nothing})


class NoFenceOnOutcome(NoFence):
    """A runner that lost its lease can end the next attempt."""

    unfenced = "outcome"


class NoFenceOnOutput(NoFence):
    """A runner that lost its lease can overwrite the output of the next attempt."""

    unfenced = "output_json"


class NoFenceOnProgress(NoFence):
    """A runner that lost its lease can set the progress of the next attempt."""

    unfenced = "progress"


class NoFenceOnLogs(NoFence):
    """A runner that lost its lease can write into the log of the next attempt."""

    unfenced = "log_lines"


class NumbersTokensItself(StoreWrapper):
    """Gives out tokens of its own instead of those of the store inside."""

    def __init__(self, store: TaskStore) -> None:
        super().__init__(store)
        self.claims: Counter[int] = Counter()
        self.real: dict[Fence, int] = {}

    def token_of(self, task_id: int) -> int:
        """Return the token to give out for the newest claim of a task."""
        return self.claims[task_id]

    def claim(self, request: ClaimRequest) -> Claimed:
        claimed = super().claim(request)
        claims = []
        for claim in claimed.claims:
            self.claims[claim.id] += 1
            token = self.token_of(claim.id)
            self.real[claim.id, token] = claim.token
            claims.append(replace(claim, token=token))
        told = tuple((task_id, self.token_of(task_id)) for task_id, _ in claimed.cancel_requested)
        return Claimed(claims=tuple(claims), cancel_requested=told)

    def write(self, updates: Sequence[AttemptUpdate]) -> tuple[Fence, ...]:
        given = {(each.id, self.real.get(each.fence, -1)): each.fence for each in updates}
        real = [replace(each, token=self.real.get(each.fence, -1)) for each in updates]
        return tuple(given[fence] for fence in super().write(real))


class TokenIsNotRaised(NumbersTokensItself):
    """Every claim of a task has the same token."""

    def token_of(self, task_id: int) -> int:
        return 1


class TokenStartsOverAtRetry(NumbersTokensItself):
    """A retried task gets the tokens of its first life again."""

    def retry(self, task_id: int) -> None:
        super().retry(task_id)
        del self.claims[task_id]


class RefusalDropsTheBatch(RemembersTokens):
    """One stale update makes all the others of the batch vanish."""

    def write(self, updates: Sequence[AttemptUpdate]) -> tuple[Fence, ...]:
        stale = tuple(each.fence for each in updates if self.newest.get(each.id) != each.token)
        return stale or super().write(updates)
