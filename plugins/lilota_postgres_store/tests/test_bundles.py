"""Bundles: tasks that are alike share a row until they are claimed, and nobody outside of this package sees it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from lilota_postgres_store.claims import claim_steps
from postgres_migrating import migrate_to

from lilota.contract import ClaimRequest, RunnerInfo, StoredTask, TaskQuery
from lilota.errors import TaskNotFoundError, TaskStateError
from lilota.models import NewTask, TaskState

TASK = NewTask(name="task")
OTHER = NewTask(name="other")
URGENT = NewTask(name="task", priority=1)
UNIMPORTANT = NewTask(name="task", priority=-1)
REQUEST_FOR_TEN = ClaimRequest(runner_id="runner", names=("task",), limit=10)


def numbered(count):
    return [NewTask(name="task", input_json=f'{{"n":{n}}}') for n in range(count)]


def execute(store, statement, *parameters):
    """Run a statement with the names of the store's tables in it, and return its rows."""
    text = store._database.statements.render(statement)
    with store._database.pool.lend() as connection:
        cursor = connection.execute(text.encode(), parameters)
        return cursor.fetchall() if cursor.description else []


def bundles(store):
    """Return the first id and the size of each."""
    return execute(store, "SELECT first_id, size FROM {bundles} ORDER BY first_id")


def bundled_ids(store):
    return [task_id for first_id, size in bundles(store) for task_id in range(first_id, first_id + size)]


def claim(store, limit=100):
    store.heartbeat(RunnerInfo(id="runner"))
    return [task.id for task in store.claim(ClaimRequest(runner_id="runner", names=("task",), limit=limit)).claims]


def counts(store):
    return {(count.name, count.state): count.count for count in store.counts()}


def test_only_due_tasks_of_the_usual_priority_are_bundled(store):
    """All others have an order that their ids do not tell."""
    bundled = store.add([TASK, TASK])
    earlier = NewTask(name="task", run_at=datetime.now(UTC) - timedelta(minutes=1))
    store.add([earlier, earlier])
    store.add([NewTask(name="task", delay_seconds=60)] * 2)
    store.add([URGENT, URGENT])
    store.add([TASK, OTHER])
    bundled += store.add([OTHER])

    assert bundled_ids(store) == bundled


def test_bundles_are_small(store):
    """Whoever takes a part of one writes the rest again."""
    store.add([TASK] * 250)
    store.add([NewTask(name="task", input_json=f'"{"x" * 900}"')] * 25)
    store.add([NewTask(name="task", input_json=f'"{"x" * 2000}"')] * 25)
    store.add([NewTask(name="task", headers_json=f'"{"x" * 490}"')] * 25)

    assert [size for _, size in bundles(store)] == [100, 100, 50, 7, 7, 7, 4, 14, 11]


def test_tasks_whose_ids_do_not_follow_each_other_are_in_several_bundles(store):
    """Others draw ids in the same moment. Each task has its own input nevertheless."""
    execute(store, "ALTER SEQUENCE {task_ids} INCREMENT BY 2")

    ids = store.add(numbered(3))

    assert ids == [1, 3, 5]
    assert [store.get(task_id).input_json for task_id in ids] == ['{"n":0}', '{"n":1}', '{"n":2}']
    assert claim(store) == ids


def test_many_who_add_at_once_get_ids_of_their_own(store):
    """However their ids mix, each sees its inputs in the order in which it gave them."""
    added = {}

    def add(name):
        added[name] = [
            task_id
            for _ in range(20)
            for task_id in store.add([NewTask(name=name, input_json=str(n)) for n in range(100)])
        ]

    threads = [threading.Thread(target=add, args=[f"task{n}"]) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = {name: store.find(TaskQuery(names=(name,), limit=5000, newest_first=False)) for name in added}

    assert {name: [info.id for info in infos] for name, infos in found.items()} == added
    assert all([info.input_json for info in infos] == [str(n) for n in range(100)] * 20 for infos in found.values())


def test_claim_takes_a_part_of_a_bundle(store):
    """The rest keeps its place, and each task its input."""
    ids = store.add(numbered(10))
    store.heartbeat(RunnerInfo(id="runner"))

    claims = store.claim(ClaimRequest(runner_id="runner", names=("task",), limit=3)).claims

    assert [(claim.id, claim.input_json) for claim in claims] == [(ids[n], f'{{"n":{n}}}') for n in range(3)]
    assert bundles(store) == [(ids[3], 7)]
    assert counts(store) == {("task", TaskState.PENDING): 7, ("task", TaskState.RUNNING): 3}
    assert claim(store) == ids[3:]
    assert bundles(store) == []


def test_claim_passes_over_what_another_one_takes(store):
    """It takes the bundles behind, and never more than were asked for."""
    ids = [task_id for size in (2, 2, 50) for task_id in store.add([TASK] * size)]
    store.heartbeat(RunnerInfo(id="runner"))
    with psycopg.connect(store.address.conninfo) as rival:
        name = f"{store.address.schema}.lilota_bundles"
        rival.execute(f"SELECT FROM {name} WHERE first_id = %s FOR UPDATE", [ids[0]])

        claimed = claim(store, limit=3)

    assert claimed == ids[2:5]
    assert claim(store) == [*ids[:2], *ids[5:]]


def test_claims_of_several_lanes_stay_in_order(store):
    """Bundles and rows of all names that a runner serves, by time."""
    ids = [task_id for tasks in ([TASK] * 2, [OTHER] * 2, [TASK, OTHER], [TASK]) for task_id in store.add(tasks)]
    store.heartbeat(RunnerInfo(id="runner"))

    claims = store.claim(ClaimRequest(runner_id="runner", names=("task", "other"), limit=6)).claims

    assert [claim.id for claim in claims] == ids[:6]


def test_bundled_tasks_take_their_place_among_the_others(store):
    """Higher priority first, then what was due first."""
    ids = [store.add([task])[0] for task in (TASK, UNIMPORTANT, URGENT, TASK, URGENT)]
    ids += store.add([NewTask(name="task", run_at=datetime.now(UTC) - timedelta(minutes=1))])

    assert claim(store, limit=4) == [ids[2], ids[4], ids[5], ids[0]]
    assert claim(store) == [ids[3], ids[1]]


def test_a_task_that_is_given_back_stands_before_the_bundled_ones_and_one_that_runs_again_behind_them(store):
    """The one is where it was; the other is due later than the tasks that were added before."""
    first, cancelled, last = store.add([TASK] * 3)
    claim(store, limit=1)
    store.release("runner")
    store.cancel(cancelled)
    store.retry(cancelled)

    assert claim(store) == [first, last, cancelled]


def headed(count):
    """Return tasks of which every third has no headers."""
    return [NewTask(name="task", headers_json=None if n % 3 == 0 else f'{{"n":{n}}}') for n in range(count)]


def test_headers_stay_with_their_tasks_however_a_bundle_is_divided(store):
    """Those of what is claimed, of what is cancelled, and of what is left on both sides of it."""
    ids = store.add(headed(100))
    given = {task_id: task.headers_json for task_id, task in zip(ids, headed(100), strict=True)}
    assert bundles(store) == [(ids[0], 100)]

    store.cancel(ids[50])
    store.heartbeat(RunnerInfo(id="runner"))
    claims = store.claim(REQUEST_FOR_TEN).claims

    assert bundles(store) == [(ids[10], 40), (ids[51], 49)]
    assert {claim.id: claim.headers_json for claim in claims} == {task_id: given[task_id] for task_id in ids[:10]}
    assert {info.id: info.headers_json for info in store.get_all_tasks()} == given


def test_a_bundle_of_tasks_without_headers_has_no_column_of_them(store):
    """They cost what they cost before there were headers."""
    store.add([TASK] * 3)

    assert execute(store, "SELECT headers FROM {bundles}") == [(None,)]


@pytest.mark.parametrize("field", ["input_json", "headers_json"])
def test_a_text_that_is_no_json_keeps_a_bundle_from_being_made(store, field):
    """What stands between the texts of a bundle can't be in JSON; other texts than JSON come through nevertheless."""
    ids = store.add([NewTask(name="task", **{field: text}) for text in ("1\x1e2", "3")])

    assert bundles(store) == []
    assert [getattr(store.get(task_id), field) for task_id in ids] == ["1\x1e2", "3"]


def test_cancelling_one_leaves_the_others_together(store):
    """Those before it and those behind it keep their inputs and their order."""
    ids = store.add(numbered(10))

    states = [store.cancel(ids[n]) for n in (4, 0, 9)]

    assert states == [TaskState.CANCELLED] * 3
    assert bundles(store) == [(ids[1], 3), (ids[5], 4)]
    assert [info.input_json for info in store.get_all_tasks()] == [f'{{"n":{n}}}' for n in range(10)]
    assert counts(store) == {("task", TaskState.PENDING): 7, ("task", TaskState.CANCELLED): 3}
    assert claim(store) == [*ids[1:4], *ids[5:9]]


def test_cancel_finds_a_task_whose_bundle_is_divided_meanwhile(store):
    """It waits for the claim that takes what stands before it, and looks again."""
    ids = store.add([TASK] * 10)
    store.heartbeat(RunnerInfo(id="runner"))
    states = []
    cancelling = threading.Thread(target=lambda: states.append(store.cancel(ids[7])))
    database = store._database
    with database.pool.lend() as rival, rival.transaction_of_steps():
        for step in claim_steps(ClaimRequest(runner_id="runner", names=("task",), limit=5)):
            rival.run(database.call(*step))
        cancelling.start()
        while not execute(store, "SELECT 1 FROM pg_locks WHERE NOT granted"):
            pass
    cancelling.join()

    assert states == [TaskState.CANCELLED]
    assert [info.state for info in store.get_all_tasks()] == [
        *[TaskState.RUNNING] * 5, *[TaskState.PENDING] * 2, TaskState.CANCELLED, *[TaskState.PENDING] * 2
    ]  # fmt: skip


def test_bundled_task_can_not_be_retried(store):
    """It has not run yet."""
    (task_id,) = store.add([TASK])

    with pytest.raises(TaskStateError, match=f"The task {task_id} has not ended"):
        store.retry(task_id)

    assert claim(store) == [task_id]


def test_ids_around_bundles_are_nobody(store):
    """The bundle before an id is not its own."""
    ids = store.add([TASK] * 3)

    for task_id in (ids[-1] + 1, 2**63 - 1):
        for look in (store.get, store.cancel, store.retry, store.logs):
            with pytest.raises(TaskNotFoundError):
                look(task_id)


def test_log_of_a_bundled_task_is_empty(store):
    """There is the task, and there are no lines yet."""
    ids = store.add([TASK] * 3)

    assert store.logs(ids[1]) == []


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize(
    "query",
    [
        TaskQuery(),
        TaskQuery(names=("task",)),
        TaskQuery(queues=("queue",)),
        TaskQuery(states=(TaskState.PENDING,)),
        TaskQuery(states=(TaskState.RUNNING, TaskState.CANCELLED)),
        TaskQuery(names=("other",), states=(TaskState.PENDING,)),
        TaskQuery(ids=(*range(1, 60, 2), 500)),
        TaskQuery(ids=tuple(range(1, 100)), states=(TaskState.PENDING,), names=("task",)),
    ],
    ids=repr,
)
def test_pages_go_through_rows_and_bundles_alike(store, query, newest_first):
    """Whatever the size of the page, it ends in the middle of bundles, and none is skipped or doubled."""
    for tasks in ([TASK] * 20, [URGENT] * 3, [OTHER] * 15, [TASK, OTHER], [NewTask(name="task", queue="queue")] * 30):
        store.add(tasks)
    claim(store, limit=7)
    store.cancel(30)
    everything = store.get_all_tasks()
    expected = [info for info in everything if matches(query, info)]
    expected.sort(key=lambda info: info.id, reverse=newest_first)

    pages = [list(pages_of(store, query, limit, newest_first=newest_first)) for limit in (1, 7, 1000)]

    assert len(everything) == 70
    assert pages == [expected] * 3


def matches(query, info):
    wanted = [(query.ids, info.id), (query.names, info.name), (query.queues, info.queue), (query.states, info.state)]
    return all(values is None or value in values for values, value in wanted)


def pages_of(store, query, limit, *, newest_first):
    last = None
    while page := store.find(
        TaskQuery(
            ids=query.ids, names=query.names, queues=query.queues, states=query.states,
            limit=limit, newest_first=newest_first, after_id=last,
        )
    ):  # fmt: skip
        yield from page
        last = page[-1].id


def test_restored_tasks_leave_bundled_ones_as_they_are(store):
    """An id in a bundle is taken; others are free."""
    ids = store.add(numbered(3))
    info = store.get(ids[1])
    store.cancel(ids[0])
    strangers = [StoredTask(info=replaced(info, task_id)) for task_id in (*ids, ids[-1] + 1)]

    assert store.restore(strangers) == 1
    assert [info.input_json for info in store.get_all_tasks()] == ['{"n":0}', '{"n":1}', '{"n":2}', '"restored"']
    assert store.add([TASK])[0] > ids[-1] + 1


def replaced(info, task_id):
    import msgspec

    return msgspec.structs.replace(info, id=task_id, input_json='"restored"')


def insert_as_version_2(store, count):
    """Add tasks as programs did before there were bundles."""
    execute(
        store,
        "WITH added AS (INSERT INTO {tasks}"
        " (lane, state, priority, run_at, created_at, max_lost_attempts, description, input)"
        " SELECT id, 7, 0, now(), now(), 3, '', '{{}}' FROM {lanes}, generate_series(1, %s::integer)"
        " WHERE name = 'task' RETURNING lane)"
        " INSERT INTO {lane_counts} (lane, state, n) SELECT lane, 7, count(*) FROM added GROUP BY lane",
        str(count),
    )


def test_tasks_that_older_programs_add_are_run(store):
    """They do not know of the new tables until they are restarted."""
    ids = store.add([TASK])
    insert_as_version_2(store, 3)

    assert counts(store) == {("task", TaskState.PENDING): 4}
    assert store.cancel(ids[0] + 3) is TaskState.CANCELLED
    assert claim(store) == [ids[0], ids[0] + 1, ids[0] + 2]
    assert counts(store) == {("task", TaskState.RUNNING): 3, ("task", TaskState.CANCELLED): 1}


def test_tables_of_version_2_are_brought_forward(url, open_store):
    """What was fresh there is ready now, and counted so."""
    store = open_store(url)
    schema = store.address.schema
    migrate_to(2, store, open_store, url)
    with psycopg.connect(store.address.conninfo, autocommit=True) as connection:
        connection.execute(f"INSERT INTO {schema}.lilota_lanes VALUES (1, 'default', 'task')")
        connection.execute(
            f"INSERT INTO {schema}.lilota_tasks (lane, state, priority, run_at, created_at, max_lost_attempts,"
            " description, input) SELECT 1, 7, 0, now(), now(), 3, '', '{}' FROM generate_series(1, 3)"
        )
        connection.execute(f"INSERT INTO {schema}.lilota_lane_counts (lane, state, n) VALUES (1, 7, 3)")

    assert counts(store) == {("task", TaskState.PENDING): 3}
    assert claim(store) == [1, 2, 3]


def insert_as_version_3(connection, schema, lane):
    """Add a task with a row of its own, and three in a bundle, as programs did before there were headers."""
    connection.execute(
        f"INSERT INTO {schema}.lilota_tasks (lane, state, priority, run_at, created_at, max_lost_attempts, description,"
        " input) VALUES (%s, 2, 0, now(), now(), 3, '', '{}')",
        [lane],
    )
    connection.execute(
        f"INSERT INTO {schema}.lilota_bundles (first_id, size, lane, run_at, max_lost_attempts, description, inputs)"
        f" SELECT min(id), 3, %s, now(), 3, '', '{{1,2,3}}'"
        f" FROM (SELECT nextval('{schema}.lilota_task_ids') AS id FROM generate_series(1, 3)) AS drawn",
        [lane],
    )
    connection.execute(f"INSERT INTO {schema}.lilota_lane_counts (lane, state, n) VALUES (%s, 2, 4)", [lane])


def test_tables_of_version_3_are_brought_forward(url, open_store):
    """What waits there is found and run, also in bundles, and has no headers."""
    store = open_store(url)
    schema = store.address.schema
    migrate_to(3, store, open_store, url)
    with psycopg.connect(store.address.conninfo, autocommit=True) as connection:
        connection.execute(f"INSERT INTO {schema}.lilota_lanes VALUES (1, 'default', 'task')")
        insert_as_version_3(connection, schema, 1)

    assert [(info.id, info.input_json, info.headers_json) for info in store.get_all_tasks()] == [
        (1, "{}", None), (2, "1", None), (3, "2", None), (4, "3", None)
    ]  # fmt: skip
    assert counts(store) == {("task", TaskState.PENDING): 4}
    assert claim(store) == [1, 2, 3, 4]


def test_programs_of_version_3_go_on_until_they_are_restarted(store):
    """What they add is run; what they read, the views, is as it was. They have no place for headers: none may start."""
    (first,) = store.add([TASK])
    schema = store.address.schema
    ((lane,),) = execute(store, "SELECT id FROM {lanes}")
    with psycopg.connect(store.address.conninfo, autocommit=True) as connection:
        insert_as_version_3(connection, schema, lane)
        views = [
            connection.execute(f"SELECT * FROM {schema}.lilota_{view}").fetchall()
            for view in ("task_details", "bundled_details")
        ]

    assert sorted(row[0] for rows in views for row in rows) == list(range(first, first + 5))
    assert {len(row) for rows in views for row in rows} == {22}
    assert claim(store) == list(range(first, first + 5))
    assert dict(store._database.read("meta"))["min_reader"] == "4"
