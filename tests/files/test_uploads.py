"""Files for the input of tasks."""

import io
from datetime import timedelta

import pytest
from file_tasks import ReadUpload
from running import ended, store_url

from lilota import TaskClient, TaskRunner
from lilota.config import Settings
from lilota.errors import InvalidFileError
from lilota.models import FileRef, TaskState


@pytest.fixture(params=["memory", "sqlite"])
def runner(request, tmp_path):
    runner = TaskRunner(store_url(request.param, tmp_path), 1, settings=Settings(max_file_mb=1))
    runner.register("read", ReadUpload)
    runner.start()
    yield runner
    runner.stop(timeout_seconds=0)


def test_a_task_reads_what_was_uploaded_for_it(runner, tmp_path):
    """By its path or as a stream; the same file for several tasks."""
    path = tmp_path / "a.txt"
    path.write_text("by path")
    files = [runner.client.upload(path), runner.client.upload(io.BytesIO(b"stream"), name="b.txt")]

    handles = [runner.add("read", input={"text": file.to_dict()}) for file in [*files, files[0]]]

    assert [handle.result(60) for handle in handles] == ["a.txt: by path", "b.txt: stream", "a.txt: by path"]


def test_a_stream_that_was_read_already_is_no_upload(runner):
    """As one that a form has checked, and not rewound."""
    stream = io.BytesIO(b"abc")
    stream.read()

    with pytest.raises(InvalidFileError, match=r"'b\.txt' would be empty: its stream stands at the end"):
        runner.client.upload(stream, name="b.txt")


def test_what_stands_for_a_file_travels_as_json(runner):
    """It says what the file is, and not what is in it."""
    file = runner.client.upload(io.BytesIO(b"abc"), name="a.csv", media_type="text/csv")

    assert FileRef(**file.to_dict()) == file
    assert (file.name, file.size, file.media_type) == ("a.csv", 3, "text/csv")
    assert file.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_file_that_has_gone_fails_its_task_by_the_remedy(runner):
    """It has expired, or was uploaded elsewhere."""
    file = runner.client.upload(io.BytesIO(b"abc"), name="a.csv")
    runner.client._waiters.files.area.delete(file.place)

    info = ended(runner.add("read", input={"text": file.to_dict()}))

    assert info.error is not None
    assert info.error.type == "FileGoneError"
    assert "The uploaded file 'a.csv' is not there any more" in info.error.message


@pytest.mark.parametrize("place", ["/etc/passwd", "../tasks.db", "uploads/../../tasks.db"])
def test_a_forged_reference_leads_nowhere(runner, place):
    """Inputs come from anybody."""
    forged = FileRef(name="a", size=1, media_type="a/b", sha256="", place=place).to_dict()

    info = ended(runner.add("read", input={"text": forged}))

    assert info.error is not None
    assert (info.state, info.error.type) == (TaskState.FAILED, "FileAreaError")


@pytest.mark.parametrize(
    ("source", "options", "says"),
    [
        ("/nowhere", {}, "There is no file '/nowhere'"),
        (io.BytesIO(b"x" * 1_000_001), {"name": "a"}, "larger than 1 MB"),
        (io.BytesIO(b"x"), {"name": "a", "expires_after": None}, "What is uploaded expires"),
        (io.BytesIO(b"x"), {"name": "a", "expires_after": timedelta(-1)}, "a time that lies ahead"),
        (io.BytesIO(b"x"), {}, "A stream without a name"),
    ],
)
def test_what_can_not_be_uploaded_is_refused(tmp_path, source, options, says):
    """As what can't be attached."""
    settings = Settings(max_file_mb=1)
    with (
        TaskClient(f"sqlite:///{tmp_path}/tasks.db", settings=settings) as client,
        pytest.raises(InvalidFileError, match=says),
    ):
        client.upload(source, **options)
