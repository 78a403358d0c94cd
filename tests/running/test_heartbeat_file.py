"""The heartbeat file: young while somebody beats, never a part of it, and nobody else's."""

from __future__ import annotations

import os
import threading

import pytest

from lilota.errors import ConfigurationError
from lilota.running.heartbeat_file import HeartbeatFile, age_seconds


@pytest.fixture
def path(tmp_path):
    return tmp_path / "heartbeat"


def make_old(path):
    """Let a file be of yesterday."""
    then = os.stat(path).st_mtime - 86_400
    os.utime(path, (then, then))


def test_a_file_is_young_after_each_beat(path):
    """And there is none before the first: nobody has served yet."""
    file = HeartbeatFile(path, "content\n")
    assert os.listdir(path.parent) == []

    file.beat()
    make_old(path)
    was_old = age_seconds(str(path)) > 80_000
    file.beat()

    assert was_old
    assert abs(age_seconds(str(path))) < 80_000
    assert path.read_text() == "content\n"
    assert os.listdir(path.parent) == ["heartbeat"]


def test_the_file_of_a_killed_process_is_replaced_as_a_whole(path):
    """Whoever reads meanwhile has one or the other."""
    old, new = "old\n" * 50_000, "new\n" * 50_000
    path.write_text(old)
    file = HeartbeatFile(path, new)
    beating = threading.Thread(target=file.beat)

    beating.start()
    seen = {path.read_text() for _ in range(200)}
    beating.join()

    assert seen <= {old, new}
    assert path.read_text() == new


def test_a_file_that_was_removed_is_written_again(path):
    """By those who clean a folder of temporary files."""
    file = HeartbeatFile(path, "content\n")
    file.beat()
    path.unlink()

    file.beat()

    assert path.read_text() == "content\n"


def test_a_beat_that_fails_leaves_nothing_behind(path):
    """And the next one tries again."""
    file = HeartbeatFile(path, "content\n")
    path.mkdir()

    with pytest.raises(OSError, match="Is a directory"):
        file.beat()
    assert os.listdir(path.parent) == ["heartbeat"]
    path.rmdir()
    file.beat()

    assert path.read_text() == "content\n"


def test_a_file_of_another_runner_is_left_alone(path):
    """The one that was started last has it; the other one is told so, and removes nothing that is not its own."""
    first, second = HeartbeatFile(path, "first\n"), HeartbeatFile(path, "second\n")
    first.beat()
    second.beat()
    make_old(path)

    with pytest.raises(FileExistsError, match="another runner writes it, too; give each a path of its own"):
        first.beat()
    first.remove()

    assert path.read_text() == "second\n"
    assert age_seconds(str(path)) > 80_000
    second.remove()
    assert os.listdir(path.parent) == []


def test_a_file_that_was_never_written_is_not_removed(path):
    """It is what another process has left."""
    path.write_text("of another\n")

    HeartbeatFile(path, "content\n").remove()

    assert path.exists()


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("", "that is a folder. Name a file of its own"),
        ("nowhere/heartbeat", "there is no folder .*nowhere. Make it"),
        ("x" * 300, "can't be written: File name too long. Choose another place"),
        ("pipe", "that is no regular file. Name a file of its own"),
    ],
    ids=["folder", "no folder", "long name", "pipe"],
)
def test_a_place_where_no_file_can_be_is_refused(tmp_path, place, said):
    """At once, in a sentence, and nothing is left there; a device must not be replaced."""
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(ConfigurationError, match=said):
        HeartbeatFile(tmp_path / place, "content\n")

    assert os.listdir(tmp_path) == ["pipe"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_can_not_be_written_is_refused(tmp_path):
    """What is wrong is what the system says."""
    tmp_path.chmod(0o500)

    with pytest.raises(ConfigurationError, match="Permission denied"):
        HeartbeatFile(tmp_path / "heartbeat", "content\n")


def test_the_age_of_no_file_is_none(path):
    """And not an error: the worker has not started, or has stopped."""
    assert age_seconds(str(path)) is None
