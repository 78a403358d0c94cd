"""What a store must do: the `TaskStore` protocol.

The docstrings are the specification; `lilota.testing.StoreContract` checks them. All methods may be called from
any thread. Arguments and results are JSON-able records or plain values that survive pickling, so that a store may
sit behind a `multiprocessing` manager. Whoever implements this needs `lilota.models`, `lilota.errors` and this package:
its records, and the rules that stores share.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol, runtime_checkable

from lilota.contract.records import (
    Claimed,
    ClaimRequest,
    Committed,
    RegisteredRunner,
    RunnerInfo,
    StoreCapabilities,
    StoredTask,
    TaskCount,
    TaskQuery,
)
from lilota.models import AttemptUpdate, LogLine, NewTask, TaskInfo, TaskState


@runtime_checkable
class TaskStore(Protocol):
    """Keeps tasks, hands them out to runners, and decides who owns one.

    A handle is picklable and connects lazily, per process, unless its data lives in the process itself.

    Words: a task is *due* when it is pending and its `run_at` has passed by the store's clock. A *waiting* task waits
    for other tasks, and is never due; `restore` writes such ones. A claim is *held* by its runner until an outcome is
    committed, or until the runner's lease has expired and `rescue` took it back: until then the runner may write, late
    as it is.

    Texts come back as they were given, whatever Unicode they hold, U+0000 included, and so do instants, to the
    microsecond and in UTC. Names, queues and chores are compared character by character: case, spaces and the way in
    which accents are composed distinguish them. Inputs and outputs may be as long as lilota allows,
    16 and 32 MiB, and a question may name thousands of ids, names or queues.

    Nothing to do is no error: empty batches, unknown runners, an empty store. An empty choice (of names, queues,
    states, ids) takes nothing, and is not the same as None, which takes all. What is no whole number (a text, a float,
    a bool, None) is the id of no task: `TaskNotFoundError`, as `check_id` raises it.

    A task whose headers hold the text `lilota.models.FORGETS_INPUT` has an empty object, `{}`, for its input as soon as
    it has ended, whoever has ended it: `commit`, `cancel`, `release` or `rescue`. It is the one thing for which a store
    looks into headers, and only one that supports "forgetting".

    Any method raises `StoreUnavailableError` when the store can't be reached or written (then nothing was written,
    or, where the reply was lost, the whole), and `StoreVersionError` when a newer lilota wrote it: also where it does
    so while this process has the store open, a few seconds later at most.
    """

    def open(self) -> None:
        """Make the store ready: create or migrate what it needs. Safe to call again, and from several processes."""

    def close(self) -> None:
        """Release what this process holds open. Data stays. A later call of any method opens again."""

    def capabilities(self) -> StoreCapabilities:
        """Say what this store promises."""

    def add(self, tasks: Sequence[NewTask], *, connection: object | None = None) -> list[int]:
        """Add tasks, all or none, and return their ids in the same order.

        Ids rise in the order of adding and are never used again, not even when the newest task was pruned. Who looks
        meanwhile sees the whole batch or nothing of it. A task is due at its `run_at`; without one, `delay_seconds`
        after now, by the store's clock. Durable, where the store is, when it returns.

        Args:
            connection: a connection of the application's own to the same database. Then the tasks exist exactly if
                the transaction commits that is open on it, and nobody sees them before. Its ids may leave gaps.

        Raises:
            ConfigurationError: the store can't take part in a transaction on such a connection; nothing was added. The
                message names what was wrong, by the word "connection".
        """

    def restore(self, tasks: Sequence[StoredTask]) -> int:
        """Write tasks as another store kept them, with their ids, states, tokens, logs and notes, all or none.

        A task whose id exists here stays as it is. Ids that `add` gives later are higher than all of these, and never
        lower than those given before. From here on it is a task like the others: claimed in their order, with a token
        above the one that it came with, and pruned by when it ended. The names of their runners are kept, the runners
        themselves are not. Who looks meanwhile sees all of them or none. Durable, where the store is, when it returns.

        Returns:
            How many were written.

        Raises:
            TaskStateError: one of them is running: its runner would go on writing to the other store. The message
                names the task.
        """

    def get(self, task_id: int) -> TaskInfo:
        """Return one task.

        Raises:
            TaskNotFoundError: there is none with that id.
        """

    def get_all_tasks(self) -> list[TaskInfo]:
        """Return every task, by rising id. For small stores and tests; `find` reads page by page."""

    def find(self, query: TaskQuery) -> list[TaskInfo]:
        """Return one page of the tasks that match, by falling id unless the query says otherwise.

        A page is full as long as enough tasks match behind `after_id`. Numbers that can't be ids match nothing, and as
        `after_id` they stand before or behind all. The cost does not grow with what is stored.
        """

    def counts(self, owner: str | None = None) -> list[TaskCount]:
        """Return the number of tasks per queue, name and state, without those that are 0, in any order.

        The cost does not grow with what is stored; with an owner, with what that owner has.

        Args:
            owner: count the tasks of this owner only. A store that supports no owners is not asked.
        """

    def logs(self, task_id: int, after: int = 0, limit: int = 1000) -> list[LogLine]:
        """Return up to `limit` log lines of a task, oldest first, without the `after` oldest ones.

        Raises:
            TaskNotFoundError: there is no task with that id.
        """

    def heartbeat(self, runner: RunnerInfo) -> bool:
        """Register the runner, or renew its lease: its claims hold for `lease_seconds` from now.

        Returns:
            True if the runner was known, and so holds what it held, even where its lease had expired. False if it was
            not: it is new, or somebody has rescued what it held. It is registered in either case. The newest heartbeat
            decides how long the lease is, also a shorter one; only a heartbeat renews it.
        """

    def runners(self) -> list[RegisteredRunner]:
        """Return the runners that are registered, those with an expired lease included, by `started_at`."""

    def claim(self, request: ClaimRequest) -> Claimed:
        """Take up to `limit` due tasks for a runner, and tell it which of its attempts were cancelled.

        Atomic: no task is granted twice. Order: higher priority, then earlier `run_at`, then lower id. A claim makes
        the task running, adds 1 to its attempt, gives it a higher token than it ever had, sets its progress to 0, and
        clears what else is about the newest attempt: `error`, `started_at`, `pid`, `progress_note_json`. What the next
        attempt needs stays and comes along: output, checkpoint, log, `lost_attempts`. `Claim.log_count` is the length
        of the log; while the claim is held, only its holder makes it longer. Cancellations are told with each claim,
        until the attempt has ended, and to nobody but the holder. A runner whose lease has expired, or that never sent
        a heartbeat, gets nothing, cancellations included. The cost does not grow with what is stored, nor with tasks
        of other names and queues that wait.
        """

    def commit(self, updates: Sequence[AttemptUpdate], request: ClaimRequest | None = None) -> Committed:
        """Write a batch of progress, output, logs and outcomes, then claim, as one unit where the store can.

        Each update is written only if its token is the current one and the task is running; the others are refused and
        named, and do not disturb the rest: void are the tokens of earlier attempts, also of the same runner, of before
        a retry, of tasks that have ended or are gone, and any other number. Several updates of one attempt apply in
        order; what comes behind its outcome is refused. Who sees the end of a task sees what came with it. The claim
        sees what the batch has made due. Durable, where the store is, when it returns.

        A batch comes again, alone or with more behind it, when its answer got lost. Then nothing is doubled: an outcome
        has ended its attempt, and lines that have a `log_offset` are appended once (`merge_updates` has the rules).

        `started_at` is by the clock of the worker's machine. An instant before `created_at` becomes that one, and one
        after now, by the store's clock, becomes now.

        A terminal outcome sets `finished_at`; the progress that was reported last stays, and so does the checkpoint,
        unless it is a success, which clears it. PENDING makes the task due after `delay_seconds`, by the store's
        clock, and with `spends_attempt=False` the number of the attempt is used again. If it also has neither a delay
        nor an error (`Outcome.keeps_place`), `run_at` stays, and the task is where it was in the order of claims, no
        matter whether it had started. An outcome of a task whose cancellation was requested: PENDING becomes CANCELLED,
        any other stands. An outcome with `lost` adds 1 to `lost_attempts`.
        """

    def release(self, runner_id: str) -> int:
        """Forget a runner that stops, and give back what it still holds; return how many tasks that were.

        They are pending again and due at once, with the `run_at` that they had, without having spent the attempt
        (cancelled, if that was requested). So it is after its lease has expired, too, unless somebody has rescued it. A
        runner that is not known gives back 0.
        """

    def rescue(self, runner_ids: Collection[str] | None = None) -> list[int]:
        """Take back what runners with an expired lease hold, forget those runners, and return the tasks' ids.

        Atomic with the check of the lease. Each such task counts a lost attempt; it becomes cancelled if that was
        requested, failed with `TaskError(type="RunnerDied", ...)` if `lost_attempts` has reached
        `max_lost_attempts`, and pending and due at once otherwise. A line in its log records which attempt was lost,
        and on which runner, by its id, host and process (`rules.rescue_line`), and so does a note, where the store
        supports them (`rules.rescue_note`).

        Args:
            runner_ids: only these, as a runner asks that has listened to the others and knows itself to be alive: the
                store's clock may have been set. None means all of them.
        """

    def cancel(self, task_id: int) -> TaskState:
        """Cancel a pending or waiting task at once, or ask for the cancellation of a running one.

        At once means: due or not, it has ended, with `finished_at`, and is never granted. A running one goes on, and
        its holder may write, until the holder ends it; no line is written to its log. To cancel again changes nothing.

        Returns:
            The state as of now: CANCELLED (done), RUNNING (asked for), or the terminal state it had.

        Raises:
            TaskNotFoundError: there is no task with that id.
        """

    def retry(self, task_id: int) -> None:
        """Make a failed or cancelled task pending and due again, as if it were new: attempts start over.

        So do lost attempts; it is due now, whatever its `run_at` was, and nobody has asked to cancel it. Tokens go on
        rising. Its output and checkpoint stay readable by the next attempt, its notes stay, its log goes on, and a line
        in it records the action.

        Raises:
            TaskNotFoundError: there is no task with that id.
            TaskStateError: it is neither failed nor cancelled.
        """

    def prune(self, older_than_seconds: float, states: Sequence[TaskState] | None = None, limit: int = 1000) -> int:
        """Delete up to `limit` tasks that ended longer ago than that, with their logs and notes; return how many.

        What has not ended is never deleted, however old it is.

        Args:
            states: only these terminal states; None means all of them.
        """

    def take_turn(self, chore: str, every_seconds: float) -> bool:
        """Tell whether it is the caller's turn to do a chore that several runners share.

        Atomic: of all who ask, one gets True, and the next one not before `every_seconds` have passed by the store's
        clock. Nobody leads: whoever asks when it is time does it, and if that one dies, the next time is another's. The
        time counts from the last True, not from the last question; 0 seconds have always passed. Chores are
        independent.
        """

    def wait_for_change(self, timeout_seconds: float) -> bool:
        """Wait until something was added, became ready to be claimed, ended or was cancelled, or until the time is up.

        All who wait are woken, in every thread and, where the store is for several, every process. 0 seconds ask
        without waiting. A hint, not a truth: it may return early, and a change may go unnoticed. Changes between two
        calls of one thread are noticed by the second call, which then returns at once. Tasks that become due with time
        do not count.

        Returns:
            True if there may have been a change.
        """
