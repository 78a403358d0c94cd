"""The cost does not grow with what is stored: no statement reads a table from end to end, or sorts one."""

from __future__ import annotations

import json
import re

import psycopg
import pytest
from lilota_postgres_store.plugin import open_postgres_store

from lilota.models import NewTask

# Read whole on purpose: as many rows as there are lanes, runners, or counts that are not folded yet.
SMALL = {"lanes", "runners", "lane_counts", "meta", "task_ids", "changes", "turns"}
NO_PLAN = {"lock_additions"}
INDEXED = ("lilota_tasks", "lilota_bundles", "lilota_log_lines", "lilota_notes")

THE_INDEX = {
    "claim": {"tasks_ready", "tasks_pkey", "bundles_by_lane", "bundles_pkey"},
    "promote_due": {"tasks_scheduled", "tasks_by_state", "tasks_pkey"},
    "cancel_requests": {"tasks_cancel_requested"},
    "commit": {"tasks_pkey"},
    "commit_successes": {"tasks_pkey"},
    "keep_notes": {"tasks_pkey"},
    "notes": {"notes_pkey"},
    "counts_of_owner": {"tasks_by_owner"},
    "unpack": {"bundles_pkey"},
    "cancel": {"tasks_pkey"},
    "retry": {"tasks_pkey"},
    "take_back": {"tasks_by_state", "tasks_pkey"},
    "prune": {"tasks_ended", "tasks_pkey", "log_lines_pkey", "notes_pkey"},
    "ended_since": {"tasks_ended"},
    "look_ahead": {"tasks_ready", "bundles_by_lane"},
    "durations": {"tasks_by_state"},
    "heads": {"tasks_ready", "bundles_by_lane"},
    "first_due": {"tasks_scheduled"},
    "count_ended": {"tasks_ended"},
    "task_exists": {"tasks_pkey", "bundles_pkey"},
    "logs": {"log_lines_pkey"},
    "logs_of_many": {"log_lines_pkey"},
    "find_falling": {"tasks_pkey", "bundles_pkey"},
    "find_rising": {"tasks_pkey", "bundles_pkey"},
    "find_in_lanes_falling": {"tasks_by_state", "tasks_pkey", "bundles_by_lane", "bundles_pkey"},
    "find_in_lanes_rising": {"tasks_by_state", "tasks_pkey", "bundles_by_lane", "bundles_pkey"},
    "find_owned_falling": {"tasks_by_owner", "tasks_pkey", "bundles_pkey"},
    "find_owned_rising": {"tasks_by_owner", "tasks_pkey", "bundles_pkey"},
    "find_listed_falling": {"tasks_pkey", "bundles_pkey"},
    "find_listed_rising": {"tasks_pkey", "bundles_pkey"},
}


@pytest.fixture(scope="module")
def make_store(postgres_server):
    """Make stores in databases of their own, whose statistics nobody else changes."""
    opened = []

    def make():
        opened.append(open_postgres_store(postgres_server.create_database()))
        opened[-1].open()
        return opened[-1]

    yield make
    for store in opened:
        store.close()


@pytest.fixture(scope="module")
def empty(make_store):
    """A new store: a runner that starts with it keeps the plans that it made then."""
    return make_store()


@pytest.fixture(scope="module")
def filled(make_store):
    """A store with 200,000 tasks in several lanes and states, half in bundles, analyzed as the server does it."""
    store = make_store()
    for n in range(10):
        store.add([NewTask(name=f"task{n}", queue=f"queue{n % 3}")] * 10_000)
        store.add([NewTask(name=f"task{n}", queue=f"queue{n % 3}", priority=1)] * 10_000)
    with psycopg.connect(store.address.conninfo, autocommit=True) as connection:
        connection.execute(
            "UPDATE lilota_tasks SET state = (ARRAY[4, 4, 5, 5, 6, 1, 3, 2, 2, 2])[id % 10 + 1],"
            " finished_at = CASE WHEN id % 10 < 5 THEN now() END, runner = CASE WHEN id % 10 = 6 THEN 'r' END,"
            " cancel_requested = id % 1000 = 6,"
            # One has all of them: to look through all tasks for those of another one would seem as good.
            " owner = 'crowd'"
        )
        connection.execute("INSERT INTO lilota_log_lines SELECT id, 1, 20, 1, 1, '', '', '' FROM lilota_tasks")
        connection.execute("INSERT INTO lilota_notes SELECT id, 'file', 'a', '{}', 1 FROM lilota_tasks")
        connection.execute("VACUUM (ANALYZE) lilota_tasks, lilota_bundles, lilota_log_lines, lilota_notes")
    return store


@pytest.fixture(params=["empty", "filled"])
def planned(request):
    """Stores whose statistics say very different things."""
    return request.getfixturevalue(request.param)


def plan_of(store, name):
    """Return the nodes of the plan that our sessions make and keep for a statement."""
    text = store._database.statements[name].decode().replace("%%", "%")
    parameters = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", text)))
    for n, parameter in enumerate(parameters, 1):
        text = text.replace(f"%({parameter})s", f"${n}")
    with store._database.pool.lend() as connection:
        connection.execute(f"PREPARE probe AS {text}")
        arguments = f"({', '.join(['NULL'] * len(parameters))})" if parameters else ""
        ((plan,),) = connection.execute(f"EXPLAIN (FORMAT JSON) EXECUTE probe{arguments}").fetchall()
        connection.execute("DEALLOCATE probe")
    plan = json.loads(plan) if isinstance(plan, str) else plan
    return list(nodes_of(plan[0]["Plan"]))


def nodes_of(node):
    yield node
    for child in node.get("Plans", []):
        yield from nodes_of(child)


def table_names(store):
    return sorted(set(store._database.statements.names()) - NO_PLAN)


def test_every_statement_finds_its_rows_by_an_index(planned):
    """A sequential scan appears only for what is small."""
    scanned = {
        (name, node["Relation Name"].removeprefix("lilota_"))
        for name in table_names(planned)
        for node in plan_of(planned, name)
        if node["Node Type"] == "Seq Scan"
    }

    assert {(name, table) for name, table in scanned if table not in SMALL} == set()


def test_no_index_is_read_from_end_to_end(planned):
    """Each look into an index of the tasks or of their logs has a condition that leads to the place."""
    whole = [
        (name, node["Index Name"])
        for name in table_names(planned)
        for node in plan_of(planned, name)
        if node.get("Index Name", "").startswith(INDEXED) and "Index Cond" not in node
        # Its condition is that of the index.
        if "tasks_cancel_requested" not in node["Index Name"]
    ]

    assert whole == []


def test_no_statement_sorts_what_it_finds_before_it_takes_a_page(planned):
    """Below a sort there is a limit, a list that was given, or what was just written: never all tasks of a state."""
    unlimited = [name for name in table_names(planned) for node in plan_of(planned, name) if sorts_a_table(node)]

    assert unlimited == []


def sorts_a_table(node):
    if node["Node Type"] not in {"Sort", "Incremental Sort"}:
        return False
    return any(is_unlimited(child) for child in node["Plans"])


def is_unlimited(node):
    if node["Node Type"] in {"Limit", "CTE Scan", "ModifyTable"} or node.get("Parent Relationship") == "InitPlan":
        return False
    if node.get("Relation Name", "").removeprefix("lilota_") in {"tasks", "bundles"}:
        # A list of ids, or what one runner holds.
        conditions = "".join(node.get(kind, "") for kind in ("Index Cond", "Recheck Cond", "Filter"))
        return not re.search(r"id = ANY|runner =", conditions)
    return any(is_unlimited(child) for child in node.get("Plans", []))


@pytest.mark.parametrize("name", sorted(THE_INDEX))
def test_statement_uses_the_index_that_was_made_for_it(planned, name):
    """The planner agrees with the comments in the schema, whatever it believes about the tables."""
    used = {node["Index Name"].removeprefix("lilota_") for node in plan_of(planned, name) if "Index Name" in node}

    assert {index for index in used if f"lilota_{index}".startswith(INDEXED)} == THE_INDEX[name]


def test_statements_are_short_enough_for_the_cache_of_psycopg(empty):
    """It translates longer ones again at each call."""
    from psycopg._queries import MAX_CACHED_STATEMENT_LENGTH

    statements = empty._database.statements
    batches = {name: len(statements[name]) for name in ("add", "add_bundles", "claim", "commit", "commit_successes")}

    assert {name for name, size in batches.items() if size > MAX_CACHED_STATEMENT_LENGTH} == set()
