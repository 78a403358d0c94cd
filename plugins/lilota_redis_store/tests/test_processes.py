"""Forks and threads: connections belong to the process that opened them."""

from __future__ import annotations

import os
import threading

import pytest
from lilota_redis_store.scripts import OPEN, SCRIPTS

from lilota.models import NewTask


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")  # that is what is tested
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_uses_connections_of_its_own(store):
    """Neither takes the answers of the other."""
    store.add([NewTask(name="before")])
    store.wait_for_change(0)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            ids = [store.add([NewTask(name="child")])[0] for _ in range(50)]
            store.wait_for_change(0)
            os.write(writer, b"%d" % len(set(ids)))
        finally:
            os._exit(0)
    os.close(writer)
    for _ in range(50):
        store.add([NewTask(name="parent")])
    told = os.read(reader, 100)
    os.close(reader)
    os.waitpid(child, 0)

    assert told == b"50"
    assert {row.name: row.count for row in store.counts()} == {"before": 1, "child": 50, "parent": 50}


def test_threads_do_not_share_a_connection(store):
    """Many that use the store at the same moment all get their own answers."""
    store.open()
    wrong = []

    def add_and_read(number):
        for _ in range(20):
            (task_id,) = store.add([NewTask(name="task", description=str(number))])
            if store.get(task_id).description != str(number):
                wrong.append(number)

    threads = [threading.Thread(target=add_and_read, args=[number]) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


@pytest.mark.parametrize("verb", sorted(set(SCRIPTS) - {OPEN}))
def test_every_script_first_makes_sure_that_it_is_in_the_right_store(store, redis_server, client_of, verb):
    """Before it reads what it was asked for, let alone writes."""
    import redis

    store.open()

    with pytest.raises(redis.ResponseError, match="LILOTAGONE"):
        client_of(redis_server.url()).eval(SCRIPTS[verb].text, 1, f"{store._database.prefix}store", "other", 1, "", "")
