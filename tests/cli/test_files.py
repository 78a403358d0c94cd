"""`lilota files`: list what a task has attached, and save it."""

from __future__ import annotations

import hashlib
import json

import pytest
from cli_calls import call, end_task, start_task

from lilota.files.folder import FolderArea
from lilota.files.reading import note_of
from lilota.models import AttachedFile, AttemptUpdate


@pytest.fixture
def attach(store, tmp_path):
    """Return a function that lets a task attach files, name -> content, and returns its id."""
    area = FolderArea(tmp_path / "tasks.db.files")

    def attach_all(files):
        started = start_task(store)
        notes = []
        for number, (name, content) in enumerate(files.items()):
            place = f"0/{started.id}-0-1-{number:016x}"
            area.put(place, [content])
            sha256 = hashlib.sha256(content).hexdigest()
            file = AttachedFile(name=name, size=len(content), media_type="text/csv", sha256=sha256, place=place)
            notes.append(note_of(file))
        store.commit([AttemptUpdate(id=started.id, token=started.token, notes=tuple(notes))])
        return str(end_task(store, started))

    return attach_all


def test_files_are_listed_by_name(attach):
    """With their sizes as people say them, and what to type next."""
    task_id = attach({"b.csv": b"x" * 12_345, "a.csv": b""})

    lines = call("files", task_id).stdout.splitlines()

    assert lines[0].split() == ["size", "type", "attempt", "expires", "name"]
    assert [line.split() for line in lines[1:3]] == [
        ["0", "bytes", "text/csv", "1", "a.csv"],
        ["12.3", "kB", "text/csv", "1", "b.csv"],
    ]
    assert lines[3] == f"Save one with: lilota files {task_id} NAME -o FILE"


def test_files_for_machines_are_one_document(attach):
    """Without where they are: that is nobody's business."""
    task_id = attach({"a.csv": b"abc"})

    (file,) = json.loads(call("files", task_id, "--json").stdout)

    assert (file["name"], file["size"], file["expires_at"]) == ("a.csv", 3, None)
    assert "place" not in file


def test_a_task_without_files_is_told_to_have_none(attach):
    """For machines the list is empty."""
    task_id = attach({})

    assert call("files", task_id).stdout == f"Task {task_id} has no files.\n"
    assert call("files", task_id, "--json").stdout == "[]\n"


def test_a_file_is_saved_under_another_name(attach, tmp_path):
    """As it was attached, and nothing else is left beside it."""
    task_id = attach({"a.csv": b"\0\xffdata"})

    result = call("files", task_id, "a.csv", "-o", str(tmp_path / "saved.csv"))

    assert (result.exit_code, (tmp_path / "saved.csv").read_bytes()) == (0, b"\0\xffdata")
    assert list(tmp_path.glob("saved.csv*")) == [tmp_path / "saved.csv"]


def test_a_file_can_go_to_standard_output(attach):
    """Its bytes, and not one more."""
    task_id = attach({"a.csv": b"\0\xff\r\n"})

    assert call("files", task_id, "a.csv", "-o", "-").stdout_bytes == b"\0\xff\r\n"


def test_what_is_there_is_replaced_only_if_that_is_said(attach, tmp_path):
    """So that no mistake costs a file."""
    task_id = attach({"a.csv": b"new"})
    (tmp_path / "kept").write_text("old")
    typed = ("files", task_id, "a.csv", "-o", str(tmp_path / "kept"))

    refused = call(*typed)
    kept = (tmp_path / "kept").read_text()
    call(*typed, "--force")

    assert (refused.exit_code, kept, (tmp_path / "kept").read_text()) == (2, "old", "new")
    assert "write --force" in refused.stderr


@pytest.mark.parametrize(
    ("typed", "code", "says"),
    [
        (("a.csv",), 2, "lilota files ID NAME -o FILE"),
        (("-o", "x"), 2, "lilota files ID NAME -o FILE"),
        (("b.csv", "-o", "x"), 1, "has no file 'b.csv'. It has: 'a.csv'."),
        (("a.csv", "-o", "no/folder/x"), 1, "'no/folder/x' can't be written: No such file or directory."),
        (("a.csv", "-o", "."), 2, "'.' is there already"),
    ],
)
def test_what_can_not_be_saved_is_refused_by_what_to_do(attach, typed, code, says):
    """In one line."""
    result = call("files", attach({"a.csv": b"x"}), *typed)

    assert result.exit_code == code
    assert says in result.stderr


def test_a_file_that_was_damaged_is_not_saved(attach, tmp_path):
    """Its hash tells."""
    task_id = attach({"a.csv": b"as it was"})
    (kept,) = (tmp_path / "tasks.db.files" / "0").iterdir()
    kept.write_bytes(b"as it is!")

    result = call("files", task_id, "a.csv", "-o", str(tmp_path / "saved.csv"))

    assert result.exit_code == 1
    assert "was damaged in the file area" in result.stderr
    assert list(tmp_path.glob("saved.csv*")) == []


def test_a_file_that_is_gone_is_told_to_be(attach, tmp_path):
    """And where it should be."""
    task_id = attach({"a.csv": b"x"})
    (kept,) = (tmp_path / "tasks.db.files" / "0").iterdir()
    kept.unlink()

    result = call("files", task_id, "a.csv", "-o", str(tmp_path / "saved.csv"))

    assert result.exit_code == 1
    assert f"The file 'a.csv' of the task {task_id} is not there any more." in result.stderr
    assert f"the folder {tmp_path}/tasks.db.files" in result.stderr


@pytest.mark.usefixtures("store")
def test_a_task_that_is_not_there_has_no_files():
    """As everywhere."""
    result = call("files", "77")

    assert (result.exit_code, result.stderr) == (
        1,
        "Error: The task with the id '77' does not exist in the store. It may have been pruned.\n",
    )


def test_prune_deletes_the_files_of_what_it_deletes(attach, tmp_path):
    """Whether a runner lives that would sweep them or not."""
    attach({"b.csv": b"x", "a.csv": b""})

    pruned = call("prune", "--older-than", "0", "--yes")

    assert pruned.stdout == "Deleted 1 task and 2 files.\n"
    assert list(FolderArea(tmp_path / "tasks.db.files").files("0")) == []


def test_what_prune_can_not_delete_of_files_is_said_and_left_to_runners(attach, tmp_path):
    """The tasks are deleted all the same."""
    attach({"a.csv": b""})
    (tmp_path / "tasks.db.files" / "0").rename(tmp_path / "elsewhere")
    (tmp_path / "tasks.db.files").rmdir()
    (tmp_path / "tasks.db.files").write_text("no folder")

    pruned = call("prune", "--older-than", "0", "--yes", "--json")

    assert (pruned.exit_code, json.loads(pruned.stdout)) == (0, {"deleted": 1, "files": 0})
    assert "The files of these tasks could not be deleted: The file area" in pruned.stderr


def area_finding():
    """Return what doctor finds about the file area."""
    findings = json.loads(call("doctor", "--json").stdout)["findings"]
    return next((each["status"], each["text"]) for each in findings if each["check"] == "file-area")


def test_doctor_looks_at_the_file_area(attach, store, tmp_path):
    """It makes none, uses the one that is there, counts what is nobody's, and leaves nothing."""
    store.open()
    before = area_finding()
    made = (tmp_path / "tasks.db.files").exists()
    attach({"a.csv": b""})
    FolderArea(tmp_path / "tasks.db.files").put(f"9/9999-0-1-{1:016x}", [b""])
    status, found = area_finding()

    assert (before[0], made, status) == ("ok", False, "ok")
    assert before[1].startswith("No file was attached yet; the first one makes the folder ")
    assert "Looked at 2 files of tasks, 1 of them nobody's: runners delete them, and `lilota prune`." in found
    assert list((tmp_path / "tasks.db.files" / "uploads").rglob("*")) == []


def test_an_area_that_can_not_be_used_is_a_problem(store, monkeypatch, tmp_path):
    """Doctor has tried it."""
    store.open()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LILOTA_FILES", f"file://{tmp_path}/file/files")

    status, text = area_finding()

    assert status == "problem"
    assert "can't" in text
    assert str(tmp_path / "file") in text
