"""The server has no room left, on its disk or in its memory: a clear error, nothing half written, and on it goes."""

from __future__ import annotations

import secrets

import msgspec
import pytest
from history.parties import new_task
from sites.small_disk import small_disk
from sites.starting import KINDS, start_site

from lilota.errors import StoreUnavailableError

pytestmark = pytest.mark.slow

MEGABYTES = {"postgres": 100, "redis": 16}
INPUT_BYTES = 50_000
#: More would not fit on the disk.
ADDS = 2000


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_is_told_to_who_adds_and_forgotten_when_there_is_room(kind, make_field, tmp_path):
    """What was acknowledged before is there, what was refused is not, and the runner goes on by itself."""
    gate = tmp_path / "gate"
    with small_disk(MEGABYTES[kind]) as disk:
        site = start_site(kind, folder=disk.folder)
        try:
            field = make_field(site.new_url())
            field.start_runner()
            running = field.add(1, gate=gate)
            field.await_starts(running)
            disk.fill()
            error = add_until_refused(field)
            gate.touch()
            disk.make_room()
            if site.ends_on_full_disk:
                field.until(lambda: not site.server.is_running())
                site.server.start()
            field.until(lambda: bool(field.add(5)))

            found = field.settle()
        finally:
            site.server.close()

    assert found == []
    # Redis may have ended at the heartbeat of the runner.
    said = ("closed the connection", "can't be reached") if site.ends_on_full_disk else ("disk",)
    assert any(words in str(error) for words in said), error


def test_full_memory_of_redis_keeps_only_new_tasks_out(started_redis, make_field, tmp_path):
    """With `noeviction` nothing vanishes: who adds is refused until there is memory again, but what runs can end."""
    gate = tmp_path / "gate"
    field = make_field(started_redis.new_url())
    field.start_runner()
    running = field.add(1, gate=gate)
    field.await_starts(running)
    with started_redis.connect() as client:
        client.config_set("maxmemory", 1)
        error = add_until_refused(field)
        gate.touch()
        field.await_end(running)
        client.config_set("maxmemory", 0)
    field.until(lambda: bool(field.add(5)))

    found = field.settle()

    assert found == []
    assert "no memory left" in str(error)


def test_a_server_that_ends_because_it_can_not_write_its_journal_has_kept_what_it_acknowledged(make_field):
    """PostgreSQL ends itself when the disk of its write-ahead log is full; started again with room, all goes on."""
    with small_disk(MEGABYTES["postgres"]) as disk:
        site = start_site("postgres", folder=disk.folder)
        try:
            field = make_field(site.new_url())
            field.start_runner()
            field.add(20, seconds=0.01)
            disk.fill()
            switch_journals_until_lost(site)
            field.until(lambda: "PANIC" in (site.server.folder / "server.log").read_text())
            site.server.kill()
            disk.make_room()
            site.server.start()
            field.until(lambda: bool(field.add(5)))

            found = field.settle()
        finally:
            site.server.close()

    assert found == []


def switch_journals_until_lost(site) -> None:
    """Make the server begin new files of its log until there is no room for another one."""
    from psycopg import OperationalError

    with site.connect(site.server.url()) as connection, pytest.raises(OperationalError):
        switch_journals(connection)


def switch_journals(connection) -> None:
    for _ in range(ADDS):
        connection.execute("SELECT pg_switch_wal(), pg_logical_emit_message(true, 'lilota', 'test')")


def add_until_refused(field) -> StoreUnavailableError:
    """Add tasks until one is refused, and return the error."""
    with pytest.raises(StoreUnavailableError) as caught:
        add_large(field, ADDS)
    return caught.value


def add_large(field, count: int) -> None:
    """Add tasks with large inputs that can't be compressed, one by one."""
    for number in range(count):
        task = new_task(f"large-{number}")
        known = {**msgspec.json.decode(task.input_json), "ballast": secrets.token_hex(INPUT_BYTES // 2)}
        field.add_these([msgspec.structs.replace(task, input_json=msgspec.json.encode(known).decode())])
