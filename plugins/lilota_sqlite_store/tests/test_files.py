"""The file: who may read it, and what is said when it can't be used."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
import warnings
from contextlib import closing

import pytest
from lilota_sqlite_store import SQLiteTaskStore
from lilota_sqlite_store.connection import Connection

from lilota.contract import RunnerInfo
from lilota.errors import LilotaError, StoreUnavailableError, TaskNotFoundError
from lilota.models import NewTask
from lilota.runner import TaskRunner

TASK = NewTask(name="task")
NOBODY = 65534


def test_file_and_its_companions_are_for_the_owner_only(store, path):
    """Database, log and shared memory have mode 0600, the folder of the pipes 0700, whatever the umask is."""
    store.add([TASK])
    store.wait_for_change(0)

    modes = {name: os.stat(path + name).st_mode & 0o777 for name in ("", "-wal", "-shm", "-wake")}
    assert modes == {"": 0o600, "-wal": 0o600, "-shm": 0o600, "-wake": 0o700}


def test_asking_whether_the_file_exists_does_not_make_it(path):
    """Only opening does, so that whoever looks at what is not there leaves nothing behind."""
    store = SQLiteTaskStore(str(path))

    before = [store.exists(), store.exists()]
    store.open()
    after = store.exists()
    store.close()

    assert (before, after) == ([False, False], True)


def test_asking_for_a_file_that_could_not_be_made_says_why(tmp_path):
    """To answer that it is not there yet would promise that it can be."""
    with pytest.raises(StoreUnavailableError, match=r"There is no folder '.*/nowhere'"):
        SQLiteTaskStore(f"{tmp_path}/nowhere/tasks.db").exists()


def test_existing_file_keeps_its_mode(path):
    """Who made the file readable for a group wants it so."""
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o640))
    os.chmod(path, 0o640)

    SQLiteTaskStore(path).open()

    assert os.stat(path).st_mode & 0o777 == 0o640


def test_dangling_link_is_not_followed(path, tmp_path):
    """Nobody can have the file created elsewhere."""
    target = tmp_path / "elsewhere"
    os.symlink(target, path)

    with pytest.raises(StoreUnavailableError):
        SQLiteTaskStore(path).open()

    assert not target.exists()


def test_folder_in_place_of_a_file_is_named(tmp_path):
    """The message says what it is and what to do."""
    with pytest.raises(StoreUnavailableError, match=r"is a folder, not a SQLite file. Name a file in it"):
        SQLiteTaskStore(str(tmp_path)).open()


def test_file_that_is_no_database_is_refused_and_left_alone(path):
    """A text file stays as it is."""
    text = "These are my notes.\n" * 100
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)

    with pytest.raises(StoreUnavailableError, match="is not a SQLite database"):
        SQLiteTaskStore(path).open()

    with open(path, encoding="utf-8") as file:
        assert file.read() == text


def test_database_of_another_program_is_refused_and_left_alone(path):
    """lilota's tables are never put among those of somebody else."""
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE customers (name)")
        other.commit()

    with pytest.raises(StoreUnavailableError, match="belongs to another program"):
        SQLiteTaskStore(path).open()

    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT name FROM sqlite_schema").fetchall() == [("customers",)]


def test_damaged_database_is_named(store, path):
    """A file whose pages were overwritten is reported, not repaired by guessing."""
    store.add([TASK] * 500)
    store.close()
    with open(path, "r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096 * 20)

    with pytest.raises(StoreUnavailableError, match=r"tasks.db' (is damaged|is not a SQLite database)"):
        SQLiteTaskStore(path).get_all_tasks()


def open_as_nobody(path):
    """Open a store in a process of another user; return what it says.

    A forked process: a new one could not even start a Python that lives in root's home.
    """
    reading_end, writing_end = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        try:
            SQLiteTaskStore(path).open()
        except LilotaError as error:
            os.write(writing_end, f"{type(error).__name__} {error}".encode())
        finally:
            os._exit(0)
    os.close(writing_end)
    with open(reading_end, encoding="utf-8") as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


@pytest.fixture
def public_folder():
    """A folder that every user may enter, which pytest's own are not."""
    folder = f"/tmp/lilota-files-{os.getpid()}"
    os.mkdir(folder)
    os.chmod(folder, 0o755)
    yield folder
    shutil.rmtree(folder)


def make_store(path):
    store = SQLiteTaskStore(path)
    store.open()
    store.close()


def test_nothing_is_added_to_a_file_that_was_deleted(store, path):
    """It would be acknowledged and gone. When the file is back, work goes on."""
    (kept,) = store.add([TASK])
    os.rename(path, f"{path}.away")

    for call in (lambda: store.add([TASK]), store.counts, lambda: store.heartbeat(RunnerInfo(id="runner"))):
        with pytest.raises(
            StoreUnavailableError, match=r"tasks.db' was deleted or moved away while .* Put the file back"
        ):
            call()

    assert not os.path.exists(path)
    os.rename(f"{path}.away", path)
    assert store.add([TASK]) == [kept + 1]


def test_file_that_was_replaced_is_not_mixed_up_with_the_one_before(store, path, tmp_path):
    """Half of a program's threads would write into the old one. A program that opens it afresh gets the new one."""
    store.add([TASK] * 3)
    make_store(str(tmp_path / "backup.db"))
    os.replace(tmp_path / "backup.db", path)

    with pytest.raises(StoreUnavailableError, match="was replaced by another file while"):
        store.add([TASK])

    for companion in ("-wal", "-shm"):
        os.unlink(path + companion)
    store.close()
    assert store.add([TASK]) == [1]


def test_deleted_file_is_reported_by_a_runner(path, caplog):
    """Its heartbeats notice it, though nobody adds anything."""
    with TaskRunner(f"sqlite:///{path}", 1, lease_seconds=1) as runner:
        runner.store.counts()
        os.unlink(path)

        for _ in range(600):
            if "was deleted or moved away" in caplog.text:
                break
            time.sleep(0.1)

    assert "was deleted or moved away" in caplog.text


def test_library_that_is_too_old_is_named(path, monkeypatch):
    """Not an error about the grammar of a statement."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))

    with pytest.raises(StoreUnavailableError, match=r"needs 3\.37\.0 or newer\. Use a newer Python, or another store"):
        SQLiteTaskStore(path).open()


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")


@as_root
def test_other_user_can_not_read_the_file(public_folder):
    """Inputs and outputs are for the owner's eyes."""
    make_store(f"{public_folder}/tasks.db")

    said = open_as_nobody(f"{public_folder}/tasks.db")

    assert said.startswith("StoreUnavailableError")
    assert "can't be opened" in said


@as_root
def test_read_only_file_is_refused_when_it_is_opened(public_folder):
    """Not only when the first task is lost."""
    path = f"{public_folder}/tasks.db"
    make_store(path)
    os.chmod(path, 0o444)

    said = open_as_nobody(path)

    assert said.startswith("StoreUnavailableError")
    assert "Check the owner and the mode" in said


@as_root
def test_read_only_folder_is_named(public_folder):
    """The message names the file that can't be created, and why."""
    said = open_as_nobody(f"{public_folder}/tasks.db")

    assert said.startswith("StoreUnavailableError")
    assert "can't be created: Permission denied" in said


@as_root
def test_root_who_looks_leaves_nothing_that_shuts_out_the_owner(public_folder):
    """`sudo lilota watch` makes a pipe, a folder for it and a lock; they belong to whom the file belongs."""
    path = f"{public_folder}/tasks.db"
    make_store(path)
    for name in os.listdir(public_folder):
        os.chown(f"{public_folder}/{name}", NOBODY, NOBODY)
    store = SQLiteTaskStore(path)
    store.wait_for_change(0)
    store.add([NewTask(name="task", input_json=f'{{"text": "{"x" * 10_000_000}"}}')])
    made = [f"{path}-wake", *(f"{path}-wake/{pipe}" for pipe in os.listdir(f"{path}-wake")), f"{path}-checkpoint.lock"]

    assert {name: os.stat(name).st_uid for name in made} == dict.fromkeys(made, NOBODY)


def limit_pages(monkeypatch, pages):
    """Make SQLite say that the disk is full beyond that many pages."""
    take = Connection.be_durable

    def limited(self, durable):
        self.execute(f"PRAGMA max_page_count={pages}")
        take(self, durable)

    monkeypatch.setattr(Connection, "be_durable", limited)


def test_full_disk_is_named_and_nothing_is_half_written(store, monkeypatch):
    """A batch that does not fit leaves no task behind, and the store works again when there is space."""
    (kept,) = store.add([TASK])
    limit_pages(monkeypatch, 60)

    with pytest.raises(StoreUnavailableError, match=r"the disk is full. Free some space"):
        store.add([TASK] * 20_000)

    assert [info.id for info in store.get_all_tasks()] == [kept]
    limit_pages(monkeypatch, 1_000_000)
    assert store.add([TASK]) == [kept + 1]


def test_lock_of_another_program_is_waited_for_and_then_named(store, path, monkeypatch):
    """Whoever holds a transaction open for too long is blamed."""
    store.close()
    monkeypatch.setattr("lilota_sqlite_store.connection.BUSY_TIMEOUT_SECONDS", 0.05)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        store.counts()
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(StoreUnavailableError, match="is locked by another process"):
            store.add([TASK])


@pytest.mark.parametrize("task_id", [0, -1, 2**63, 10**30])
def test_number_that_can_be_no_id_is_not_found(store, task_id):
    """Numbers that SQLite can't store are unknown tasks like others."""
    for ask in (store.get, store.cancel, store.retry, store.logs):
        with pytest.raises(TaskNotFoundError):
            ask(task_id)
