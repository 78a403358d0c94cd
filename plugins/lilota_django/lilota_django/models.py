"""The tables. Only the store writes to them: it keeps counts, leases and tokens in step.

The tasks of one name in one queue form a *lane*. The number of tasks of a lane in a state is the sum of the rows of
`LaneCount`: who changes a state adds rows, so that nobody waits for a counter that somebody else is changing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models

from lilota_django.fields import AnyCharField, AnyTextField, ExactCharField, InstantField
from lilota_django.indexes import IndexOfPresent


class State(models.IntegerChoices):
    """The states as they are stored: a pending task is *scheduled* until it is due, and *ready* from then on."""

    WAITING = 0, "waiting"
    SCHEDULED = 1, "scheduled"
    READY = 2, "pending"
    RUNNING = 3, "running"
    SUCCEEDED = 4, "succeeded"
    FAILED = 5, "failed"
    CANCELLED = 6, "cancelled"


class Lane(models.Model):
    """A queue and a task name. A lane is never deleted."""

    # A hash of queue and name: they may be longer than an index takes, and a collation may ignore case or spaces.
    key: models.CharField[str, str] = models.CharField(max_length=64)
    queue = AnyTextField()
    name = AnyTextField()

    class Meta:
        """One lane per queue and name."""

        constraints = (models.UniqueConstraint(fields=["key"], name="lilota_lane_key"),)

    def __str__(self) -> str:
        return f"{self.name} in {self.queue}"


class LaneCount(models.Model):
    """A change of the number of tasks of a lane in a state."""

    if TYPE_CHECKING:
        lane_id: int

    # No constraint, no index: this table is short, and written by every transaction.
    lane: models.ForeignKey[Lane, Lane] = models.ForeignKey(
        Lane, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False
    )
    state: models.SmallIntegerField[int, int] = models.SmallIntegerField(choices=State.choices)
    n: models.BigIntegerField[int, int] = models.BigIntegerField()
    # Somebody who waits wants to know: a claim is no news to anybody else.
    is_news: models.BooleanField[bool, bool] = models.BooleanField()

    def __str__(self) -> str:
        return f"{self.n:+d} {State(self.state).label}"


class Task(models.Model):
    """A task, with what is known of its newest attempt."""

    if TYPE_CHECKING:
        lane_id: int

    id: models.BigAutoField[int | None, int] = models.BigAutoField(primary_key=True)
    lane: models.ForeignKey[Lane, Lane] = models.ForeignKey(Lane, on_delete=models.PROTECT, db_index=False)
    state: models.SmallIntegerField[int, int] = models.SmallIntegerField(choices=State.choices)
    priority: models.IntegerField[int, int] = models.IntegerField()
    run_at = InstantField()
    created_at = InstantField()
    started_at = InstantField(null=True)
    finished_at = InstantField(null=True)
    attempt: models.IntegerField[int, int] = models.IntegerField(default=0)
    token: models.BigIntegerField[int, int] = models.BigIntegerField(default=0)
    lost_attempts: models.IntegerField[int, int] = models.IntegerField(default=0)
    max_lost_attempts: models.IntegerField[int, int] = models.IntegerField()
    pid: models.BigIntegerField[int, int] = models.BigIntegerField(default=0)
    progress: models.FloatField[float, float] = models.FloatField(default=0.0)
    cancel_requested: models.BooleanField[bool, bool] = models.BooleanField(default=False)
    log_count: models.IntegerField[int, int] = models.IntegerField(default=0)
    runner = AnyCharField(max_length=255, null=True)
    description = AnyTextField()
    input_json: models.TextField[str, str] = models.TextField()
    output_json: models.TextField[str | None, str | None] = models.TextField(null=True)
    error_json: models.TextField[str | None, str | None] = models.TextField(null=True)
    headers_json: models.TextField[str | None, str | None] = models.TextField(null=True)
    owner = AnyTextField(null=True)
    # A hash of the owner, as for lanes.
    owner_key: models.CharField[str | None, str | None] = models.CharField(max_length=64, null=True)
    progress_note_json: models.TextField[str | None, str | None] = models.TextField(null=True)
    checkpoint_json: models.TextField[str | None, str | None] = models.TextField(null=True)

    class Meta:
        """An index for each question that must stay quick."""

        indexes = (
            # claim: the next tasks of a lane.
            models.Index(fields=["lane", "state", "-priority", "run_at", "id"], name="lilota_task_next"),
            # claim: what has become due.
            models.Index(fields=["state", "run_at"], name="lilota_task_due"),
            # find: pages by id of any combination of lanes and states.
            models.Index(fields=["lane", "state", "id"], name="lilota_task_page"),
            # prune: what ended first.
            models.Index(fields=["state", "finished_at"], name="lilota_task_ended"),
            # release and rescue: what a runner holds; claim: which of it somebody cancelled.
            models.Index(fields=["runner", "state", "cancel_requested"], name="lilota_task_held"),
            # find and counts: what somebody owns. Tasks that nobody owns are not in it, where the database can do that.
            IndexOfPresent(fields=["owner_key", "id"], name="lilota_task_owned"),
        )

    def __str__(self) -> str:
        return f"task {self.pk}"

    @property
    def queue(self) -> str:
        """The queue; read the task with `select_related("lane")`."""
        return self.lane.queue or ""

    @property
    def name(self) -> str:
        """The task name; as `queue`."""
        return self.lane.name or ""


class LogLine(models.Model):
    """One line that a task logged or printed."""

    # DO_NOTHING: prune deletes lines and tasks with one statement each, without reading what it deletes.
    task: models.ForeignKey[Task, Task] = models.ForeignKey(
        Task, on_delete=models.DO_NOTHING, related_name="log_lines", db_index=False
    )
    # The number of the line within its task, from 1 on, without gaps.
    n: models.IntegerField[int, int] = models.IntegerField()
    at: models.FloatField[float, float] = models.FloatField()
    level: models.IntegerField[int, int] = models.IntegerField()
    attempt: models.IntegerField[int, int] = models.IntegerField()
    source = AnyTextField()
    logger = AnyTextField()
    text = AnyTextField()

    class Meta:
        """Lines are found by their task, and are in order."""

        constraints = (models.UniqueConstraint(fields=["task", "n"], name="lilota_logline_n"),)

    def __str__(self) -> str:
        return self.text or ""


class Note(models.Model):
    """Something that attempts keep beside their task."""

    # No constraint: prune of the version before deletes tasks without their notes, and must not fail at them.
    task: models.ForeignKey[Task, Task] = models.ForeignKey(
        Task, on_delete=models.DO_NOTHING, related_name="notes", db_constraint=False, db_index=False
    )
    kind = ExactCharField(max_length=30)
    name = ExactCharField(max_length=200)
    value_json: models.TextField[str, str] = models.TextField()
    attempt: models.IntegerField[int, int] = models.IntegerField()

    class Meta:
        """One of a kind and a name, in the order in which they are read."""

        constraints = (models.UniqueConstraint(fields=["task", "kind", "name"], name="lilota_note_name"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class Runner(models.Model):
    """A runner, as it introduced itself with its newest heartbeat."""

    runner = AnyCharField(max_length=255)
    host = AnyTextField()
    pid: models.BigIntegerField[int, int] = models.BigIntegerField()
    about_json: models.TextField[str | None, str | None] = models.TextField(null=True)
    lease_seconds: models.FloatField[float, float] = models.FloatField()
    started_at = InstantField()
    heartbeat_at = InstantField()
    expires_at = InstantField()

    class Meta:
        """One row per runner."""

        constraints = (models.UniqueConstraint(fields=["runner"], name="lilota_runner_runner"),)

    def __str__(self) -> str:
        return f"runner {self.runner}"


class Turn(models.Model):
    """When a chore that runners share was done last."""

    # A hash of the chore's name, as for lanes.
    key: models.CharField[str, str] = models.CharField(max_length=64)
    chore = AnyTextField()
    taken_at = InstantField()

    class Meta:
        """One row per chore."""

        constraints = (models.UniqueConstraint(fields=["key"], name="lilota_turn_key"),)

    def __str__(self) -> str:
        return self.chore or ""
