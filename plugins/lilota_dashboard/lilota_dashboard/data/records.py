"""What the pages of the dashboard are given. The functions that make them, a file for each:

    overview.overview(client, command="lilota worker") -> Overview        command: what starts a runner; as elsewhere
    history.history(store, now=None) -> History
    runners.runners(store, command=...) -> RunnersPage
    troubles.quick_troubles(store, command="lilota worker") -> tuple[Trouble, ...]
    listing.asked(parameters) -> Asked                    raises ConfigurationError: one sentence, for the page
    listing.page_of_tasks(client, asked) -> TasksPage
    bulk.preview(client, action, asked) -> BulkPreview    action: "cancel" or "retry"
    bulk.act(client, action, asked, below_id=...) -> BulkStep      again with its next_below_id, until that is None
    bulk.act_on_one(client, action, task_id) -> BulkStep
    task.task_page(client, task_id, command=...) -> TaskPage       raises TaskNotFoundError
    task.log_page(client, task_id, after=0, limit=200) -> LogPage
    stack.stack_page(store, task_id) -> StackPage         raises LilotaError: why it can't be seen
    names.names(client) -> NamesPage
    names.name_page(client, name) -> NamePage             raises UnknownTaskError
    adding.form_to_change(client, info) -> Form           the input of a task, to be run again changed
    adding.add(client, name, form) -> Added               form: names and values; the id of the new task, or the form
                                                          once more with errors
    descriptions.Descriptions()                           one for each client; hand it to these three as `describe`:
                                                          without it they start a process each time
    plugins.plugins(client) -> PluginsPage
    store.store_page(client, command=...) -> StorePage    at once
    store.doctor(client, command=...) -> tuple[Trouble, ...]       all of `lilota doctor`: seconds, and starts processes
    charts.bars(series, name) -> str                      SVG text, escaped already; `name` is unique in the page
    charts.timeline(attempts, name) -> str

All texts are safe for a page: secrets are `***`, control characters visible escapes; they are not escaped for HTML.
Instants are aware datetimes in UTC; what lasts is in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from lilota.models import JSONObject, Record, TaskState
from lilota.statistics import NameStats

Level = Literal["problem", "warning", "ok"]
RunnerState = Literal["alive", "stopping", "stuck", "failed", "lost"]
ActionName = Literal["cancel", "retry"]
FieldKind = Literal["text", "password", "integer", "number", "boolean", "choice", "date", "time", "datetime", "json"]


class Trouble(Record, frozen=True, kw_only=True):
    """What is wrong, or was found to be in order, in words, with the remedy.

    Attributes:
        check: what was looked at; a stable word: "runners", "tasks", "store", "plugins", ...
    """

    level: Level
    check: str
    text: str


class Numbers(Record, frozen=True, kw_only=True):
    """How many tasks are in each state."""

    waiting: int = 0
    pending: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0

    @property
    def unstarted(self) -> int:
        """Those that nobody has taken: what people call waiting."""
        return self.waiting + self.pending

    @property
    def total(self) -> int:
        """All of them."""
        return self.unstarted + self.running + self.succeeded + self.failed + self.cancelled


class Group(Record, frozen=True, kw_only=True):
    """The tasks of one queue, or of one name in it.

    Attributes:
        name: "" for all names of the queue.
        is_served: whether a living runner takes them; None if nobody knows.
    """

    queue: str
    name: str
    numbers: Numbers
    is_served: bool | None = None


class OldestWaiting(Record, frozen=True, kw_only=True):
    """The task that has been due for the longest time, of those that a living runner takes or may take.

    Attributes:
        is_cut: one may have been due for longer: not everything was looked at.
    """

    id: int
    name: str
    queue: str
    due_at: datetime
    waited_seconds: float
    is_cut: bool = False


class Failing(Record, frozen=True, kw_only=True):
    """A name of which tasks failed lately.

    Attributes:
        failed: how many of the newest that failed are of this name.
        newest_id: the newest of them; `error` is its "Type: message" in one line.
    """

    name: str
    failed: int
    newest_id: int
    newest_at: datetime
    error: str


class RunnersSummary(Record, frozen=True, kw_only=True):
    """The runners in short: how many live, how many were lost, and how many of the places of the living are busy."""

    alive: int
    lost: int
    places: int
    busy: int


class Overview(Record, frozen=True, kw_only=True):
    """The first page.

    Attributes:
        store: where the tasks are, for people.
        queues: one group for each queue, by name.
        names: one for each queue and name, those with most to do first; at most 200, and `more_names` how many more.
        failing: the names of the newest failures, the most frequent first.
        troubles: what is wrong; nothing where all is well.
        is_empty: no task was ever added, or all were pruned.
    """

    at: datetime
    store: str
    numbers: Numbers
    queues: tuple[Group, ...]
    names: tuple[Group, ...]
    more_names: int
    oldest: OldestWaiting | None
    failing: tuple[Failing, ...]
    runners: RunnersSummary
    troubles: tuple[Trouble, ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is no task at all."""
        return self.numbers.total == 0


class Bar(Record, frozen=True, kw_only=True):
    """How many tasks ended in a stretch of time.

    Attributes:
        at: when it begins.
        is_known: False where nobody has counted it, because too much has ended since; then the numbers are 0.
        is_at_least: more may have ended in one way than was counted.
    """

    at: datetime
    seconds: float
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    is_known: bool = True
    is_at_least: bool = False

    @property
    def total(self) -> int:
        """How many ended."""
        return self.succeeded + self.failed + self.cancelled


class Series(Record, frozen=True, kw_only=True):
    """Bars of the same width, the oldest first.

    Attributes:
        title: "The last hour, by minute".
        is_cut: some bars are not known, or not in full: the sums are "at least".
    """

    title: str
    bars: tuple[Bar, ...]
    is_cut: bool

    @property
    def succeeded(self) -> int:
        """How many succeeded in all of it."""
        return sum(bar.succeeded for bar in self.bars)

    @property
    def failed(self) -> int:
        """How many failed in all of it."""
        return sum(bar.failed for bar in self.bars)

    @property
    def cancelled(self) -> int:
        """How many were cancelled in all of it."""
        return sum(bar.cancelled for bar in self.bars)


class History(Record, frozen=True, kw_only=True):
    """What ended lately.

    Attributes:
        is_available: False if the store can't tell quickly what ended lately; then there are no bars.
        durations: p50, p95 and failure rate by name, of the newest `looked_at` tasks that ended.
    """

    is_available: bool
    hour: Series
    day: Series
    durations: tuple[NameStats, ...] = ()
    looked_at: int = 0


class RunnerRow(Record, frozen=True, kw_only=True):
    """One runner.

    Attributes:
        state: "alive", "stopping", "stuck", "failed" or "lost" (its lease has expired).
        busy: how many of its places are busy; None if more tasks run than anybody counts.
        places: 0 if it does not tell.
        queues: None for all; `tells_queues` False if it does not tell.
        names: the first of them; None if it does not tell.
        nodes: (node, places), where the places are not on its own machine.
        version: of lilota, and of Python; "" if it does not tell.
        troubles: sentences; the first is the worst.
    """

    id: str
    state: RunnerState
    host: str
    pid: int
    places: int
    busy: int | None
    queues: tuple[str, ...] | None
    tells_queues: bool
    more_queues: int
    names: tuple[str, ...] | None
    more_names: int
    nodes: tuple[tuple[str, int], ...]
    version: str
    python: str
    started_at: datetime
    heartbeat_at: datetime
    heartbeat_age_seconds: float
    lease_seconds: float
    troubles: tuple[str, ...]


class RunnersPage(Record, frozen=True, kw_only=True):
    """All runners, the troubled ones first.

    Attributes:
        complaints: which tasks wait in vain, in sentences with the remedy.
        start_command: what to type to start one.
    """

    summary: RunnersSummary
    rows: tuple[RunnerRow, ...]
    complaints: tuple[str, ...]
    start_command: str


class TaskRow(Record, frozen=True, kw_only=True):
    """One task in a list.

    Attributes:
        description: may be "".
        percentage: 100 for what has ended.
        message: what it does, in its own words, or "".
        step, of: "step 3 of 10", or None.
        finish_at: when it will have ended, at the pace that it has, or None.
        error: "Type: message" of the newest attempt in one line, or "".
        is_served: whether a living runner takes it, while it waits; None if it does not wait, or nobody knows.
    """

    id: int
    name: str
    description: str
    state: TaskState
    queue: str
    priority: int
    owner: str | None
    percentage: float
    message: str
    step: float | None
    of: float | None
    finish_at: datetime | None
    attempt: int
    cancel_requested: bool
    created_at: datetime
    run_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    took_seconds: float | None
    runner_id: str | None
    error: str
    is_served: bool | None = None


class Asked(Record, frozen=True, kw_only=True):
    """A filter as somebody asked for it, checked; the way from the query of a URL to tasks, and back.

    Attributes:
        text: in the id, the name or the description, in capitals or not.
        since, before: as typed, "2h" or "2026-11-26"; `since_at` and `before_at` are what they mean.
        error: a text in the type or message of the error.
        after_id: only tasks older than this one: the way to the next page.
        limit: the length of a page.
    """

    states: tuple[TaskState, ...] = ()
    names: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    owner: str = ""
    since: str = ""
    before: str = ""
    since_at: datetime | None = None
    before_at: datetime | None = None
    error: str = ""
    text: str = ""
    after_id: int | None = None
    limit: int = 50

    @property
    def is_empty(self) -> bool:
        """Whether it means all tasks."""
        return not self.parameters()

    def parameters(self) -> list[tuple[str, str]]:
        """Return the conditions as the query of a URL, without the place in the list and the length of the page."""
        listed = [
            *(("state", state.value) for state in self.states),
            *(("name", name) for name in self.names),
            *(("queue", queue) for queue in self.queues),
        ]
        plain = {"owner": self.owner, "since": self.since, "before": self.before, "error": self.error, "q": self.text}
        return [*listed, *((key, value) for key, value in plain.items() if value)]


class TasksPage(Record, frozen=True, kw_only=True):
    """One page of the tasks that match, the newest first.

    Attributes:
        asked: the filter; its fields fill the form of the page again.
        next_after_id: the cursor of the next page; None at the end.
        looked_at: how many tasks were looked at for it. Where no index answers the filter, that ends a page before it
            is full: then `is_short` is True, and `next_after_id` goes on.
        known_names, known_queues: what can be chosen; at most 500 each.
    """

    asked: Asked
    rows: tuple[TaskRow, ...]
    next_after_id: int | None
    looked_at: int
    is_short: bool
    numbers: Numbers
    known_names: tuple[str, ...]
    known_queues: tuple[str, ...]


class BulkPreview(Record, frozen=True, kw_only=True):
    """What an action on all that match would do.

    Attributes:
        count: how many match; with `is_at_least`, at least so many: nobody has looked at more.
        below_id: hand it to `bulk.act`: what is added from now on is not touched.
        first: the newest of them.
    """

    action: ActionName
    asked: Asked
    count: int
    is_at_least: bool
    below_id: int
    first: tuple[TaskRow, ...]


class BulkStep(Record, frozen=True, kw_only=True):
    """What became of some of the tasks that match.

    Attributes:
        done: cancelled, asked to end, or pending again; `ids` of these, for the record of actions.
        unchanged: their state did not allow it any more; missing: pruned meanwhile.
        reasons: why, each sentence once, at most ten.
        next_below_id: call again with it; None when all were dealt with.
    """

    action: ActionName
    cancelled: int = 0
    asked: int = 0
    retried: int = 0
    unchanged: int = 0
    missing: int = 0
    ids: tuple[int, ...] = ()
    reasons: tuple[str, ...] = ()
    next_below_id: int | None = None

    @property
    def done(self) -> int:
        """How many were acted on."""
        return self.cancelled + self.asked + self.retried


class JSONText(Record, frozen=True, kw_only=True):
    """A JSON value for people: indented, secrets masked.

    Attributes:
        length: of the whole text, in characters.
        is_cut: `text` is only its beginning.
    """

    text: str
    length: int
    is_cut: bool = False


class ErrorText(Record, frozen=True, kw_only=True):
    """Why an attempt did not succeed; the lines of the traceback, or the last words of a dead process."""

    type: str
    message: str
    traceback: tuple[str, ...] = ()


class AttemptRow(Record, frozen=True, kw_only=True):
    """How one attempt went, the oldest first in a page.

    Attributes:
        outcome: "running", "succeeded", "failed", "cancelled", "lost", "retry" or "returned".
        peak_memory_bytes, cpu_seconds: None where nobody has looked.
    """

    attempt: int
    outcome: str
    runner_id: str | None
    host: str
    pid: int
    started_at: datetime | None
    ended_at: datetime | None
    took_seconds: float | None
    percentage: float
    peak_memory_bytes: float | None
    cpu_seconds: float | None
    error: ErrorText | None


class FileRow(Record, frozen=True, kw_only=True):
    """A file that the task has attached."""

    name: str
    size: int
    media_type: str
    sha256: str
    attempt: int
    expires_at: datetime | None


class Reason(Record, frozen=True, kw_only=True):
    """Why a task waits; `kind` is a stable word, as in `lilota.serving`."""

    kind: str
    text: str


class TaskPage(Record, frozen=True, kw_only=True):
    """All about one task.

    Attributes:
        estimate: when it starts or ends, in a few words; "" where nobody knows.
        waits_for: why it does not run, the first reason first.
        files_problem: why its files can't be told; "" if they can.
        node: where the newest attempt ran, if not beside its runner.
        cancel_problem, retry_problem: why it can't be cancelled or retried; "" if it can.
        has_stack: it runs, so `stack.stack_page` may show where.
        can_run_again: its name can be added here, and its input is whole: a form with the input can be offered.
    """

    row: TaskRow
    input: JSONText
    output: JSONText | None
    headers: JSONText | None
    checkpoint: JSONText | None
    error: ErrorText | None
    estimate: str
    waits_for: tuple[Reason, ...]
    attempts: tuple[AttemptRow, ...]
    files: tuple[FileRow, ...]
    files_problem: str
    node: str | None
    pid: int
    lost_attempts: int
    max_lost_attempts: int
    cancel_problem: str
    retry_problem: str
    has_stack: bool
    can_run_again: bool


class LogRow(Record, frozen=True, kw_only=True):
    """A line that a task logged or printed.

    Attributes:
        level: "debug", "info", "warning", "error", "critical", for the colour.
        source: "log", "output" or "lilota".
    """

    number: int
    at: datetime
    level: str
    source: str
    attempt: int
    logger: str
    text: str


class LogPage(Record, frozen=True, kw_only=True):
    """Some lines of a log, the oldest first; `next_after` reads on, also when more has come."""

    task_id: int
    rows: tuple[LogRow, ...]
    after: int
    next_after: int
    has_more: bool


class StackPage(Record, frozen=True, kw_only=True):
    """Where a running task is in its code: lines for people."""

    task_id: int
    attempt: int
    pid: int
    was_forced: bool
    lines: tuple[str, ...]


class NameRow(Record, frozen=True, kw_only=True):
    """One task name.

    Attributes:
        numbers: of all its tasks.
        stats: of the newest tasks that ended, None if none of these is of the name.
        is_known: it can be added here; `is_served`: a living runner takes it, None if nobody knows.
        distribution: which package brings it, "" if none does, or that is not known here.
    """

    name: str
    queues: tuple[str, ...]
    numbers: Numbers
    stats: NameStats | None
    is_known: bool
    is_served: bool | None
    distribution: str


class NamesPage(Record, frozen=True, kw_only=True):
    """All names: those in the store, those that can be added here, and those that runners tell of."""

    rows: tuple[NameRow, ...]
    looked_at: int


class Choice(Record, frozen=True, kw_only=True):
    """A value that can be chosen: `value` is submitted, `text` is shown."""

    value: str
    text: str


class FormField(Record, frozen=True, kw_only=True):
    """One field of a form.

    Attributes:
        key: of the input; the name of the form field is "input." and the key.
        kind: which control: "text", "password", "integer", "number", "boolean", "choice", "date", "time", "datetime" or
            "json" (an array, an object, or any value, as JSON text).
        value: what stands in it: as submitted, or the default. A password is never given back.
        is_nullable: it may be left empty, which is null.
        hint: its type and limits in words.
        minimum, maximum, pattern, longest: for the control, "" or None where there is none.
        error: what is wrong with what was submitted, or "".
    """

    key: str
    kind: FieldKind
    label: str
    description: str = ""
    hint: str = ""
    value: str = ""
    is_required: bool = False
    is_nullable: bool = False
    choices: tuple[Choice, ...] = ()
    minimum: str = ""
    maximum: str = ""
    longest: int | None = None
    error: str = ""


class Form(Record, frozen=True, kw_only=True):
    """A form to add a task: the fields `input.KEY`, `input` (JSON text), `description` and `queue`.

    Attributes:
        fields: none where the task takes any object.
        takes_more: there is a field `input` for other keys, or for all of them: JSON text, an object.
        raw: what stands in that.
        error: what is wrong with all of it, or "".
    """

    name: str
    fields: tuple[FormField, ...]
    takes_more: bool
    raw: str = ""
    description: str = ""
    queue: str = ""
    error: str = ""


class Submitted(Record, frozen=True, kw_only=True):
    """What somebody filled in: an input, or errors by key ("" for all of it)."""

    input: JSONObject | None
    errors: Mapping[str, str]


class Added(Record, frozen=True, kw_only=True):
    """What came of a form: the id of a new task, or the form with its errors."""

    task_id: int | None
    form: Form


class NamePage(Record, frozen=True, kw_only=True):
    """All about one name.

    Attributes:
        docstring: lines.
        problem: why it can't be imported or described here; "" if it can. Without details, there is no form.
        options: (option, value) that differ from the usual ones, and those that are always told.
        schema: of the input, as JSON text.
        recent: its newest tasks.
    """

    row: NameRow
    docstring: tuple[str, ...]
    problem: str
    reference: str
    file: str
    returns: str
    options: tuple[tuple[str, str], ...]
    input_schema: JSONText | None
    output_schema: JSONText | None
    form: Form | None
    recent: tuple[TaskRow, ...]


class PluginRow(Record, frozen=True, kw_only=True):
    """What an installed package brings; see `lilota.plugins.PluginRecord`."""

    kind: str
    name: str
    value: str
    distribution: str
    version: str
    state: Literal["not loaded", "loaded", "failed", "disabled", "conflict"]
    error: str
    remark: str
    hooks: tuple[str, ...]


class PluginsPage(Record, frozen=True, kw_only=True):
    """All plugins, the broken ones first; `remarks` are about the settings."""

    rows: tuple[PluginRow, ...]
    broken: int
    remarks: tuple[str, ...]


class StorePage(Record, frozen=True, kw_only=True):
    """The store: what it promises.

    Attributes:
        promises: (what, whether, in words): durable, for several processes, for several hosts, ...
        url: where the settings say it is, without secrets; "" if the client was given a store.
        findings: what is wrong as far as that can be told at once, problems first.
    """

    description: str
    url: str
    promises: tuple[tuple[str, bool, str], ...]
    supports: tuple[str, ...]
    findings: tuple[Trouble, ...]
