"""A file of a task is replaced by its task, however often, while somebody is about to read it."""

import hashlib

import pytest
from lilota_memory_store import MemoryTaskStore

from lilota.config import Settings
from lilota.contract import ClaimRequest, RunnerInfo, microseconds
from lilota.errors import FileGoneError
from lilota.files.places import Owner, new_place
from lilota.files.reading import FilesOfStore, note_of
from lilota.models import AttachedFile, AttemptUpdate, NewTask
from lilota.plugins import Plugins


class Attempt:
    """An attempt that attaches files named `a`."""

    def __init__(self, folder):
        self.store = MemoryTaskStore()
        self.files = FilesOfStore(self.store, Plugins(Settings(files=f"file://{folder}/files")))
        self.store.heartbeat(RunnerInfo(id="runner"))
        self.store.add([NewTask(name="task")])
        (self.claim,) = self.store.claim(ClaimRequest(runner_id="runner", names=("task",))).claims
        self.place = ""

    def attach(self, content):
        """Attach a file in place of the one before, which goes."""
        claim, before = self.claim, self.place
        owner = Owner(claim.id, microseconds(claim.created_at), claim.token)
        self.place = new_place(owner, self.files.settings.namespace)
        self.files.area.put(self.place, [content])
        sha256 = hashlib.sha256(content).hexdigest()
        file = AttachedFile(name="a", size=len(content), media_type="text/plain", sha256=sha256, place=self.place)
        self.store.commit([AttemptUpdate(id=claim.id, token=claim.token, notes=(note_of(file),))])
        if before:
            self.files.area.delete(before)


@pytest.fixture
def attempt(tmp_path):
    attempt = Attempt(tmp_path)
    attempt.attach(b"0")
    return attempt


def test_a_reader_that_is_slower_than_its_task_reads_the_newest_file(attempt, monkeypatch):
    """Whenever it has learned where the file is, there is a newer one, for some time."""
    file = attempt.files.of(attempt.claim.id)["a"]
    attempt.attach(b"1")
    find, newer = attempt.files.find, [b"4", b"3", b"2"]

    def find_too_late(task_id, name):
        found = find(task_id, name)
        if newer:
            attempt.attach(newer.pop())
        return found

    monkeypatch.setattr(attempt.files, "find", find_too_late)

    assert file.read_bytes() == b"4"
    assert file.size == 1


def test_a_file_that_is_gone_and_was_not_replaced_is_said_to_be_gone(attempt):
    """It is looked for once more, and no further."""
    file = attempt.files.of(attempt.claim.id)["a"]
    attempt.files.area.delete(attempt.place)

    with pytest.raises(FileGoneError, match="is not there any more"):
        file.read_bytes()
