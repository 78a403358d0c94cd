"""Many processes and threads on one database."""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import threading
import warnings

import psycopg
from postgres_processes import claim_all
from postgres_waiting import wait_until

from lilota.contract import RunnerInfo, TaskCount
from lilota.models import NewTask, TaskState

TASK = NewTask(name="task")


def sessions_of(store):
    """Return how many sessions of this database come from stores."""
    with psycopg.connect(store.address.conninfo, autocommit=True) as connection:
        ((number,),) = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lilota' AND datname = current_database()"
        ).fetchall()
    return number


def test_four_processes_never_claim_the_same_task(store, url):
    """Every task of two lanes is granted once, and the counts are right in the end."""
    ids = [*store.add([TASK] * 500), *store.add([NewTask(name="other")] * 500)]
    context = multiprocessing.get_context("forkserver")
    barrier, answers = context.Barrier(4), context.Queue()
    claimers = [
        context.Process(target=claim_all, args=(url, f"runner{n}", barrier, answers), daemon=True) for n in range(4)
    ]
    for claimer in claimers:
        claimer.start()
    granted = [task_id for _ in claimers for task_id in answers.get(timeout=60)]
    for claimer in claimers:
        claimer.join()

    assert sorted(granted) == ids
    assert sorted(store.counts(), key=lambda count: count.name) == [
        TaskCount(queue="default", name=name, state=TaskState.SUCCEEDED, count=500) for name in ("other", "task")
    ]


def test_handle_travels_without_its_connections(store, open_store):
    """A pickled store opens the same database by itself, with the same settings."""
    (task_id,) = store.add([TASK])

    copy = pickle.loads(pickle.dumps(store))

    assert copy.get(task_id).id == task_id
    assert copy.capabilities() == store.capabilities()
    copy.close()


def in_forked_child(work):
    """Run `work` in a child made by a bare fork, and let it end as a program does; return whether all went well."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking beside threads is what is tested here
        child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            gc.collect()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_forked_process_opens_connections_of_its_own(store):
    """Parent and child go on with the same store object; neither harms the other."""
    store.add([TASK])
    store.wait_for_change(0)
    inherited = set(store._database.pool.sessions)

    def work():
        store.add([TASK])
        assert not inherited & store._database.pool.sessions
        store.wait_for_change(0)
        store.close()

    ended_well = in_forked_child(work)
    store.add([TASK])

    assert ended_well
    assert set(store._database.pool.sessions) == inherited
    assert len(store.get_all_tasks()) == 3


def test_fork_that_never_uses_the_store_does_not_close_what_it_inherited(store):
    """A child that ends as a program does leaves the sessions to its parent."""
    store.add([TASK])
    sessions = set(store._database.pool.sessions)

    ended_well = in_forked_child(store._end)

    assert ended_well
    assert len(store.get_all_tasks()) == 1
    assert store._database.pool.sessions == sessions


def test_threads_that_come_and_go_do_not_pile_up_connections(store):
    """Thirty threads, one after the other, need one connection."""
    for _ in range(30):
        reader = threading.Thread(target=store.counts)
        reader.start()
        reader.join()

    assert len(store._database.pool.sessions) == 1


def test_heartbeat_does_not_wait_for_others(store):
    """All places in the pool are taken, and the lease is renewed."""
    with_connection = [store._database.pool.lend() for _ in range(16)]
    for lent in with_connection:
        lent.__enter__()

    store.heartbeat(RunnerInfo(id="runner"))

    for lent in with_connection:
        lent.__exit__(None, None, None)
    assert [runner.id for runner in store.runners()] == ["runner"]


def test_store_that_was_dropped_closes_its_connections(url, postgres_server):
    """Without close(), too; also the one that waits for changes."""
    from lilota_postgres_store.plugin import open_postgres_store

    store = open_postgres_store(url)
    store.add([TASK])
    while not store.wait_for_change(1):
        pass  # until it listens
    database, listener = store._database, store._watch._listener

    del store
    gc.collect()

    assert database.pool.sessions == set()
    assert not listener.is_alive()


def test_close_leaves_no_session_on_the_server(store, url, open_store):
    """Neither of the pool nor of the one that listens."""
    wait_until(lambda: store.wait_for_change(0.2))  # it listens
    store.add([TASK])
    others = sessions_of(store) - len(store._database.pool.sessions) - 1

    store.close()

    wait_until(lambda: sessions_of(store) <= others)
