"""The cost does not grow with what is stored: as many statements with many tasks, and an index for each of them."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime

import pytest
from django.db import connections
from django.db.models import Count, Min
from django.test.utils import CaptureQueriesContext
from lilota_django.models import LaneCount, LogLine, Note, State, Task

from lilota.contract import ClaimRequest, RunnerInfo, TaskQuery
from lilota.models import AttemptUpdate, NewTask, Outcome, TaskState

REQUEST = ClaimRequest(runner_id="runner", names=("task",), limit=20)
LONG_AGO = datetime(2024, 2, 29, tzinfo=UTC)
DONE = Outcome(state=TaskState.SUCCEEDED)


def number_of_statements(store, use) -> int:
    with CaptureQueriesContext(connections[store.alias]) as captured:
        use()
    return len(captured)


def claim_and_commit(store) -> None:
    claims = store.claim(REQUEST).claims
    assert len(claims) == REQUEST.limit
    updates = [AttemptUpdate(id=claim.id, token=claim.token, outcome=DONE) for claim in claims]
    assert store.commit(updates).refused == ()


VERBS = {
    "add": lambda store: store.add([NewTask(name="task")] * 50),
    "claim and commit": claim_and_commit,
    "counts": lambda store: store.counts(),
    "page": lambda store: store.find(TaskQuery(limit=20)),
    "page of a state": lambda store: store.find(TaskQuery(states=(TaskState.SUCCEEDED,), limit=20)),
    "page of an owner": lambda store: store.find(TaskQuery(owner="user-1", limit=20)),
    "page of an owner in a state": lambda store: store.find(
        TaskQuery(owner="user-1", states=(TaskState.SUCCEEDED,), names=("task",), limit=20)
    ),
    "counts of an owner": lambda store: store.counts("user-1"),
    "notes": lambda store: store.notes(store.find(TaskQuery(limit=1))[0].id, after=("step", "a")),
    "ended lately": lambda store: store.ended_since(LONG_AGO, limit=10),
    "ended, counted": lambda store: store.count_ended([LONG_AGO, datetime(2200, 1, 1, tzinfo=UTC)], limit=10),
    "look ahead": lambda store: store.look_ahead(REQUEST),
    "oldest due": lambda store: store.oldest_due(),
    "durations": lambda store: store.durations(["task", "other"]),
    "logs of many": lambda store: store.logs_of_many(dict.fromkeys(range(1, 11), 0)),
    "prune": lambda store: store.prune(0, limit=10),
    "heartbeat": lambda store: store.heartbeat(RunnerInfo(id="runner")),
}


def test_the_number_of_statements_is_the_same_with_ten_times_as_many_tasks(everywhere, monkeypatch):
    """For one task or for a batch, in a short table or a long one."""
    monkeypatch.setattr(random, "randrange", lambda _: 1)
    everywhere.heartbeat(RunnerInfo(id="runner"))
    everywhere.add([NewTask(name="task")] * 100)
    claim_and_commit(everywhere)
    few = {name: number_of_statements(everywhere, lambda verb=verb: verb(everywhere)) for name, verb in VERBS.items()}
    everywhere.add([NewTask(name="task")] * 1000)

    many = {name: number_of_statements(everywhere, lambda verb=verb: verb(everywhere)) for name, verb in VERBS.items()}

    assert many == few


@pytest.fixture
def filled(open_store, postgres):
    """100,000 tasks in five lanes and most states, and as many log lines, in PostgreSQL, with statistics."""
    store = open_store(postgres)
    store.heartbeat(RunnerInfo(id="runner"))
    names = ("task", "task", "other", "third", "fourth")
    store.add([NewTask(name=name, queue=f"queue {n}") for n, name in enumerate(names)])
    with connections[postgres].cursor() as cursor:
        for statement in (*MULTIPLIED, "ANALYZE"):
            cursor.execute(statement)
    LaneCount.objects.using(postgres).all().delete()
    numbers = Task.objects.using(postgres).values_list("lane_id", "state").annotate(n=Count("pk"))
    rows = [LaneCount(lane_id=lane, state=state, n=n, is_news=False) for lane, state, n in numbers]
    LaneCount.objects.using(postgres).bulk_create(rows)
    return store


# Every tenth has one of eleven owners.
# Of every 100 tasks: 40 ready (2), 5 scheduled (1), 1 running (3), 54 succeeded (4).
MULTIPLIED = (
    """
    INSERT INTO lilota_task (lane_id, state, priority, run_at, created_at, attempt, token, lost_attempts,
        max_lost_attempts, pid, progress, cancel_requested, log_count, description, input_json, finished_at, runner,
        owner, owner_key)
    SELECT lane_id, CASE WHEN n % 100 < 40 THEN 2 WHEN n % 100 < 45 THEN 1 WHEN n % 100 < 46 THEN 3 ELSE 4 END,
        0, run_at, created_at, 0, 0, 0, 3, 0, 0, false, 1, '', '{}',
        CASE WHEN n % 100 < 46 THEN NULL ELSE n END, CASE WHEN n % 100 < 45 THEN NULL ELSE 'runner ' || n / 1000 END,
        CASE WHEN n % 10 = 0 THEN 'user-' || n % 11 END, CASE WHEN n % 10 = 0 THEN
            encode(sha256(convert_to(octet_length('user-' || n % 11) || ':user-' || n % 11, 'UTF8')), 'hex') END
    FROM lilota_task, generate_series(1, 20000) AS n
    """,
    """
    INSERT INTO lilota_logline (task_id, n, at, level, attempt, source, logger, text)
    SELECT id, 1, 1, 20, 1, 'log', '', 'line' FROM lilota_task
    """,
    """
    INSERT INTO lilota_note (task_id, kind, name, value_json, attempt) SELECT id, 'step', 'b', '{}', 1 FROM lilota_task
    """,
)


@pytest.mark.slow
def test_every_statement_finds_its_tasks_by_an_index(filled):
    """No statement of any verb reads the table of tasks or of log lines from end to end, or sorts it."""
    connection = connections[filled.alias]
    long_tables = {model._meta.db_table for model in (Task, LogLine, Note)}
    found = []

    with CaptureQueriesContext(connection) as captured:
        for verb in VERBS.values():
            verb(filled)
        filled.cancel(filled.add([NewTask(name="task")])[0])
        filled.find(TaskQuery(names=("task",), limit=20))
        filled.rescue()
        filled.release("runner 7")
    for query in captured:
        if query["sql"].startswith(("SELECT", "UPDATE", "DELETE")):
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (FORMAT JSON) {query['sql'].replace('%', '%%')}", [])
                (plan,) = cursor.fetchone()
            found += [(query["sql"][:300], step) for step in bad_steps(plan, long_tables)]

    assert found == []


@pytest.mark.slow
def test_a_page_of_a_state_is_found_though_all_newer_tasks_are_in_another(filled):
    """The way along all ids would be long, and look short to the planner."""
    Task.objects.using(filled.alias).filter(pk__gt=30_000).update(state=State.READY)
    query = TaskQuery(names=("task",), states=(TaskState.SUCCEEDED,), limit=20, after_id=10**9)

    with CaptureQueriesContext(connections[filled.alias]) as captured:
        filled.find(query)
    (page,) = [query["sql"] for query in captured if '"state") > (' in query["sql"] or '"id") > (' in query["sql"]]
    with connections[filled.alias].cursor() as cursor:
        cursor.execute(f"EXPLAIN {page}")
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert plan.count("lilota_task_page") == 2
    assert "lilota_task_pkey" not in plan


@pytest.mark.slow
def test_a_page_of_an_owner_is_found_though_all_newer_tasks_are_of_others(filled):
    """As a page of a state is, and by an index that has only tasks with an owner."""
    tasks = Task.objects.using(filled.alias)
    tasks.filter(pk__gt=tasks.aggregate(first=Min("pk"))["first"] + 30_000).update(owner_key=None)

    with CaptureQueriesContext(connections[filled.alias]) as captured:
        found = filled.find(TaskQuery(owner="user-1", limit=20))
    with connections[filled.alias].cursor() as cursor:
        cursor.execute(f"EXPLAIN {captured[0]['sql']}")
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert {info.owner for info in found} == {"user-1"}
    assert "lilota_task_owned" in plan
    assert "lilota_task_pkey" not in plan


def test_tasks_without_an_owner_are_not_in_the_index_of_owners(everywhere):
    """Where the database can leave them out."""
    connection = connections[everywhere.alias]
    made = {
        "sqlite": "SELECT sql FROM sqlite_master WHERE name = 'lilota_task_owned'",
        "postgresql": "SELECT indexdef FROM pg_indexes WHERE indexname = 'lilota_task_owned'",
        "mysql": "SELECT 'the table has it' FROM DUAL",
    }
    with connection.cursor() as cursor:
        cursor.execute(made[connection.vendor])
        (statement,) = cursor.fetchone()

    assert ("IS NOT NULL" in statement) == connection.features.supports_partial_indexes


def test_a_brief_page_asks_for_no_values(everywhere):
    """They may be long, and kept apart from the rows."""
    (task_id,) = everywhere.add([NewTask(name="task", input_json='{"x": 1}')])

    with CaptureQueriesContext(connections[everywhere.alias]) as captured:
        (info,) = everywhere.find(TaskQuery(ids=(task_id,), brief=True))

    assert (info.id, info.input) == (task_id, {})
    assert [query["sql"] for query in captured if "input_json" in query["sql"] or "output_json" in query["sql"]] == []


def test_what_notes_nothing_does_not_touch_the_notes(everywhere):
    """Nor does a claim."""
    everywhere.heartbeat(RunnerInfo(id="runner"))
    everywhere.add([NewTask(name="task")] * REQUEST.limit)

    with CaptureQueriesContext(connections[everywhere.alias]) as captured:
        claim_and_commit(everywhere)

    assert [query["sql"] for query in captured if Note._meta.db_table in query["sql"]] == []


def bad_steps(plan, long_tables) -> list[str]:
    """Return the steps of a plan that read a long table whole, or sort much."""
    (top,) = json.loads(plan) if isinstance(plan, str) else plan
    steps, bad = [top["Plan"]], []
    while steps:
        step = steps.pop()
        steps += step.get("Plans", [])
        if step["Node Type"] == "Seq Scan" and step["Relation Name"] in long_tables:
            bad.append(f"Seq Scan on {step['Relation Name']}")
        if "Sort" in step["Node Type"] and step["Plan Rows"] > 3000:
            bad.append(f"{step['Node Type']} of {step['Plan Rows']} rows")
    return bad
