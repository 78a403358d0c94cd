"""An engine without a runner around it: what happens to it, in virtual time and in short words."""

from __future__ import annotations

from lilota.contract import Claimed, Committed
from lilota.engine.chronicle import Chronicle
from lilota.engine.commands import Kill, Send, StartWorker
from lilota.engine.engine import Engine
from lilota.engine.events import WorkerUse
from lilota.engine.fates import Death
from lilota.engine.messages import Lacking, Leaving, Loaded, Ready, Report, Unfit
from lilota.engine.renewal import NO_RENEWAL, RenewalRules
from lilota.models import AttemptUpdate, Claim, Outcome, TaskState
from lilota.tasks.options import TaskOptions

SUCCESS = Outcome(state=TaskState.SUCCEEDED)
GIVEN_BACK = Outcome(state=TaskState.PENDING, spends_attempt=False)
CRASH = Death("was killed by signal 9 (SIGKILL)", "last words")


class Bench:
    """An engine, the time, and short words for what happens to it."""

    def __init__(
        self,
        workers: int = 1,
        now: float = 0.0,
        names: tuple[str, ...] = ("task",),
        places_per_worker: int = 1,
        way_seconds: float = 0.0,
        *,
        renewal: RenewalRules = NO_RENEWAL,
        may_overlap: bool = True,
    ) -> None:
        self.now = now
        chronicle = Chronicle("me", clock=lambda: self.now)
        self.engine = Engine(
            "me",
            workers,
            names,
            chronicle=chronicle,
            places_per_worker=places_per_worker,
            way_seconds=way_seconds,
            renewal=renewal,
            may_overlap=may_overlap,
        )
        self.engine.tick(self.now)
        self.started = [command.worker for command in self.commands() if isinstance(command, StartWorker)]

    def commands(self):
        """Return the commands since the last look."""
        return self.engine.crew.take_commands()

    def to_worker(self, worker=1):
        """Return the messages to a worker since the last look; other commands are lost."""
        return [c.message for c in self.commands() if isinstance(c, Send) and c.worker == worker]

    def kills(self):
        """Return the signals since the last look, per worker."""
        return [(c.worker, c.signal_number) for c in self.commands() if isinstance(c, Kill)]

    def outcomes(self):
        """Return task id -> outcome of what is to be written."""
        return {update.id: update.outcome for update in self.engine.holdings.take_updates() if update.outcome}

    def happened(self):
        """Return whether there are commands or outcomes since the last look."""
        commands, outcomes = self.commands(), self.outcomes()
        return bool(commands or outcomes)

    def ready(self, *workers):
        """Let workers come up."""
        for worker in workers or self.started:
            self.engine.hear(worker, Ready(worker), self.now)
        return self

    def grant(self, *claims, cancel=()):
        """Ask for work and let the store answer."""
        self.engine.request(look_again=True)
        claimed = Claimed(claims=claims, cancel_requested=cancel)
        self.engine.committed(Committed(claimed=claimed), self.now)
        return self

    def tick(self, seconds):
        """Let time pass; the engine looks at the clock when it wants to, and at the end."""
        end = self.now + seconds
        while (wanted := self.now + self.engine.seconds_until_tick(self.now)) < end and wanted > self.now:
            self._tick_at(wanted)
        return self._tick_at(end)

    def _tick_at(self, now):
        self.now = now
        self.engine.tick(now)
        return self

    def starts(self, claim, worker=1):
        """A worker tells that it has begun an attempt."""
        self.report(AttemptUpdate(id=claim.id, token=claim.token, started_at=1.0, pid=7), worker=worker)
        return self

    def ends(self, claim, outcome=SUCCESS, worker=1, seconds=0.0):
        """A worker tells that an attempt has ended."""
        durations = {"task": (1, seconds)} if seconds else {}
        self.report(AttemptUpdate(id=claim.id, token=claim.token, outcome=outcome), worker=worker, durations=durations)
        return self

    def report(self, *updates, worker=1, returned=(), durations=None):
        """A worker tells something."""
        report = Report(updates=updates, returned=returned, durations=durations or {})
        self.engine.hear(worker, report, self.now)

    def uses(self, memory_mb=0.0, cpu_seconds=0.0, worker=1):
        """Somebody has looked what a worker uses."""
        use = WorkerUse(round(memory_mb * 1_000_000), cpu_seconds)
        self.engine.worker_measured(worker, use, self.now)
        self.engine.tick(self.now)
        return self

    def loads(self, worker=1, name="task", **options):
        """A worker tells that it has imported the class of its task."""
        self.engine.hear(worker, Loaded(name, TaskOptions(**options)), self.now)
        return self

    def lacks(self, name="task", worker=1, reason="It is gone."):
        """A worker tells that it has no class for its task."""
        self.engine.hear(worker, Lacking(name, reason), self.now)
        return self

    def unfit(self, worker=1, reason="The plugin 'sole' is gone."):
        """A worker tells that it must run nothing, and ends."""
        self.engine.hear(worker, Unfit(worker, reason), self.now)
        return self.dies(worker)

    def leaves(self, worker=1):
        """A worker tells that it ends in good order."""
        self.engine.hear(worker, Leaving(), self.now)
        return self

    def retires(self, worker=1, grace_seconds=10.0):
        """The place of a worker will be taken away, and does not count any more."""
        self.engine.crew.size -= 1
        self.engine.worker_retires(worker, grace_seconds, self.now)
        return self

    def dies(self, worker=1):
        """A worker process is gone."""
        self.engine.worker_died(worker, CRASH, self.now)
        return self

    def learn(self, seconds, **options):
        """Let the engine know the class and how long its attempts take."""
        self.engine.crew.options["task"] = TaskOptions(**options)
        for _ in range(30):
            self.engine._pacing.learn({"task": (1, seconds)})
        return self


def a_claim(number=1, **fields):
    """Return a claim on the task `number`."""
    return Claim(**{"id": number, "token": 1, "attempt": 1, "name": "task", **fields})


def claims(count):
    """Return claims on the tasks 1 to `count`."""
    return [a_claim(number) for number in range(1, count + 1)]
