"""process_images: whatever names, links and other things are in the folders, each image stands for itself."""

from __future__ import annotations

import errno
import json
import os
import struct
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from lilota_example_tasks.process_images import ProcessImages, results
from lilota_example_tasks.shared import write_whole
from PIL import Image

from lilota.errors import InvalidInputError
from lilota.testing.tasks import run_task

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a name be any bytes")


@pytest.fixture
def target(tmp_path):
    return tmp_path / "target"


def paint(path, colour="red", size=(20, 10)):
    """Make an image, and the folders to it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


def reasons(output):
    """Return why what was skipped."""
    return {each["file"]: each["reason"] for each in output["skipped"]}


@LINUX
def test_a_name_that_is_not_utf_8_costs_nothing_but_itself(images, target):
    """A broken file with such a name is reported in a text that can be stored; a whole one is made."""
    paint(images / "a.jpg")
    os.rename(images / "a.jpg", os.fsencode(images) + b"/whole\xe9.jpg")
    with open(os.fsencode(images) + b"/broken\xe9.jpg", "wb") as file:
        file.write(b"no image")

    result = run_task(ProcessImages, {"source": str(images), "target": str(target)})

    assert result.error is None
    assert result.output["images"] == 1
    assert reasons(result.output) == {"broken\\udce9.jpg": "this is not an image in a format that is supported"}
    assert os.path.exists(os.fsencode(target) + b"/whole\xe9.jpg.webp")


@LINUX
def test_a_working_folder_that_is_not_utf_8_can_be_told(images, tmp_path, monkeypatch):
    """The output says where the results are, in a text that can be stored."""
    paint(images / "a.jpg")
    odd = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(odd)
    monkeypatch.chdir(odd)

    result = run_task(ProcessImages, {"source": str(images), "target": "results"})

    assert result.error is None
    assert result.output["target"].endswith("caf\\udce9/results")


@LINUX
def test_line_ends_in_a_name_are_shown_as_escapes(run_images, images):
    """Neither the log nor a list of what was skipped gets lines that somebody put into a name."""
    (images / "a\nSucceeded\x1b[2J.jpg").write_bytes(b"no image")

    assert list(reasons(run_images())) == ["a\\nSucceeded\\x1b[2J.jpg"]


def test_a_name_that_is_too_long_for_its_results_costs_nothing_but_itself(run_images, images, target):
    """The images before and after it are made, and nothing is left of it."""
    for name in ("a.jpg", "b" * 240 + ".jpg", "c.jpg"):
        paint(images / name)

    output = run_images()

    assert output["images"] == 2
    assert "name too long" in reasons(output)["b" * 240 + ".jpg"]
    assert sorted(path.name for path in target.iterdir()) == [
        *("a.jpg.thumbnail.jpg", "a.jpg.webp", "c.jpg.thumbnail.jpg", "c.jpg.webp")
    ]


def test_a_folder_where_a_result_should_be_costs_that_image(run_images, images, target):
    """One cannot be replaced by the other."""
    paint(images / "a.jpg")
    paint(images / "b.jpg")
    (target / "a.jpg.webp" / "precious").mkdir(parents=True)

    output = run_images()

    assert list(reasons(output)) == ["a.jpg"]
    assert (target / "b.jpg.webp").is_file()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_what_is_no_regular_file_is_skipped_at_once(run_images, images):
    """A pipe would be waited for without an end; a folder may be called like an image; a link may lead nowhere."""
    os.mkfifo(images / "pipe.jpg")
    (images / "folder.jpg").mkdir()
    (images / "nowhere.jpg").symlink_to("gone.jpg")
    (images / "circle.jpg").symlink_to("circle.jpg")
    (images / "empty.jpg").touch()

    output = run_images()

    assert output["skipped_images"] == 4
    assert reasons(output)["pipe.jpg"] == "it is not a regular file"
    assert reasons(output)["nowhere.jpg"] == "No such file or directory"
    assert reasons(output)["empty.jpg"] == "the file is empty"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_that_may_not_be_read_is_skipped(run_images, images):
    """The others are made."""
    paint(images / "a.jpg")
    paint(images / "b.jpg")
    (images / "a.jpg").chmod(0)

    assert reasons(run_images()) == {"a.jpg": "Permission denied"}


def test_a_file_that_goes_while_the_task_runs_is_skipped(run_images, images, monkeypatch):
    """The list of files is as old as the task."""
    paint(images / "a.jpg")
    paint(images / "b.jpg")
    write = results.write_whole

    def write_and_remove(path, content):
        write(path, content)
        (images / "b.jpg").unlink(missing_ok=True)

    monkeypatch.setattr(results, "write_whole", write_and_remove)

    output = run_images()

    assert output["images"] == 1
    assert reasons(output) == {"b.jpg": "No such file or directory"}


def test_a_huge_file_of_a_format_that_is_read_as_a_whole_is_skipped(run_images, images):
    """A hole of 3 GB takes no place on the disk; in the memory it would."""
    with (images / "huge.webp").open("wb") as file:
        file.write(b"RIFF\0\0\0\x80WEBPVP8 ")
        file.truncate(3_000_000_000)

    assert "more than an image of 120,000,000 pixels can need" in reasons(run_images())["huge.webp"]


def test_a_small_picture_in_an_enormous_tile_is_skipped(run_images, images):
    """Memory would be needed for the whole tile."""
    tags = {256: 32, 257: 32, 258: 8, 259: 1, 262: 1, 277: 1, 322: 60_000, 323: 60_000, 324: 8, 325: 1024}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, number) for tag, number in tags.items())
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    (images / "tile.tif").write_bytes(b"II*\0" + struct.pack("<I", 8 + 1024) + bytes(1024) + directory)

    assert "tiles of 60,000 x 60,000 pixels" in reasons(run_images())["tile.tif"]


def test_links_are_followed_within_the_folder_and_not_out_of_it(run_images, images, tmp_path):
    """A link out of a folder in which others may write would publish what only the worker may read."""
    paint(images / "a.jpg")
    (images / "again.jpg").symlink_to("a.jpg")
    paint(tmp_path / "secret.jpg")
    (images / "out.jpg").symlink_to(tmp_path / "secret.jpg")

    output = run_images()

    assert output["images"] == 2
    assert reasons(output) == {"out.jpg": "it is a link that leads out of the folder"}


def test_folders_below_are_taken_where_it_is_wanted(run_images, images, target):
    """The target gets the same folders; a link to a folder is told and not entered."""
    paint(images / "a.jpg")
    paint(images / "2026" / "may" / "a.jpg")
    (images / "2026" / "circle").symlink_to(images)

    assert run_images()["images"] == 1
    output = run_images(recursive=True)

    assert (output["images"], output["made_before"]) == (2, 1)
    assert reasons(output) == {"2026/circle": "it is a link to a folder, and those are not followed"}
    assert (target / "2026" / "may" / "a.jpg.webp").is_file()


def test_a_target_in_the_source_is_not_taken_for_images(run_images, images):
    """However often it runs, results are not made of results."""
    paint(images / "below" / "a.jpg")
    inside = images / "results"

    run_images(recursive=True, target=str(inside))
    output = run_images(recursive=True, target=str(inside))

    assert (output["images"], output["made_before"], output["other_files"]) == (1, 1, 0)


def test_a_source_in_the_target_is_refused_with_folders_below(run_images, images, tmp_path):
    """Results would come to stand among the images."""
    with pytest.raises(InvalidInputError, match="Choose another target"):
        run_images(recursive=True, target=str(tmp_path))


def test_a_folder_of_the_target_that_is_a_link_out_of_it_is_not_used(run_images, images, target, tmp_path):
    """Where others may write into the target, they can't send results elsewhere."""
    paint(images / "below" / "a.jpg")
    (tmp_path / "elsewhere").mkdir()
    target.mkdir()
    (target / "below").symlink_to(tmp_path / "elsewhere")

    output = run_images(recursive=True)

    assert "a link that leads out" in reasons(output)["below/a.jpg"]
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_what_is_done_is_not_made_again(run_images, images, target):
    """A second run makes what is new, what has changed, and what is broken, and says how many it found done."""
    for name in ("same.jpg", "changed.jpg", "damaged.jpg", "lost.jpg"):
        paint(images / name)
    run_images()
    before = (target / "same.jpg.webp").stat().st_mtime_ns
    paint(images / "changed.jpg", "blue", (30, 30))
    paint(images / "new.jpg")
    (target / "damaged.jpg.webp").write_bytes(b"cut off")
    (target / "lost.jpg.thumbnail.jpg").unlink()

    output = run_images()

    assert (output["images"], output["made_before"]) == (5, 1)
    assert (target / "same.jpg.webp").stat().st_mtime_ns == before
    with Image.open(target / "changed.jpg.webp") as webp:
        assert webp.size == (30, 30)
    assert run_images()["made_before"] == 5


@pytest.mark.parametrize("keys", [{"thumbnail_pixels": 8}, {"thumbnail_quality": 30}, {"webp_quality": 30}])
def test_other_settings_make_all_again(run_images, images, keys):
    """What is there was made with others."""
    paint(images / "a.jpg")
    run_images()

    assert run_images(**keys)["made_before"] == 0


def test_the_sizes_of_what_was_there_before_are_counted_too(run_images, images):
    """A run that has nothing to do tells the same as the one that did it."""
    paint(images / "a.jpg")

    first, second = run_images(), run_images()

    assert first | {"made_before": 1} == second


def test_a_full_disk_leaves_the_output_as_far_as_it_came(make_task, images, target, monkeypatch):
    """The next attempt goes on from there."""
    for name in ("a.jpg", "b.jpg"):
        paint(images / name)
    write = results.write_whole

    def fill(path, content):
        if path.name.startswith("b"):
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, content)

    data = {"source": str(images), "target": str(target)}
    with monkeypatch.context() as patched:
        patched.setattr(results, "write_whole", fill)
        task = make_task(ProcessImages, "process_images", data)
        with pytest.raises(OSError, match="No space left"):
            task.run()

    assert task.outputs[-1]["images"] == 1
    again = make_task(ProcessImages, "process_images", data).run()
    assert (again["images"], again["made_before"]) == (2, 1)


def test_two_tasks_with_one_target_do_not_disturb_each_other(tmp_path):
    """Both write the same file again and again: it is whole at any time, and nothing else stays."""
    place = tmp_path / "photo.jpg.webp"
    contents = [bytes([number]) * 100_000 for number in range(2)]
    with ThreadPoolExecutor(2) as pool:
        for _ in pool.map(lambda number: write_whole(place, contents[number % 2]), range(100)):
            assert place.read_bytes() in contents

    assert list(tmp_path.iterdir()) == [place]


def test_leftovers_of_killed_processes_are_removed_and_others_are_not(run_images, images, target):
    """They do not gather; a file that is being written now, and what is not ours, stays."""
    paint(images / "below" / "a.jpg")
    long_ago = time.time() - 3 * 24 * 3600
    for folder in (target, target / "below"):
        folder.mkdir(parents=True)
        for name in (".lilota-0123456789abcdef.part", ".lilota-notes.part"):
            (folder / name).touch()
            os.utime(folder / name, (long_ago, long_ago))
        (folder / ".lilota-fedcba9876543210.part").touch()

    run_images(recursive=True)

    for folder in (target, target / "below"):
        hidden = sorted(path.name for path in folder.iterdir() if path.name.startswith("."))
        assert hidden == [".lilota-fedcba9876543210.part", ".lilota-notes.part"]


def test_names_that_the_target_takes_for_one_are_told(run_images, images, target):
    """On a disk that does not tell capital letters apart, the second image would replace the results of the first."""
    paint(images / "A.jpg")
    paint(images / "a.jpg", "blue")
    target.mkdir()
    # What such a disk does, for those who look.
    (target / "a.jpg.webp").symlink_to("A.jpg.webp")

    output = run_images()

    assert output["images"] == 1
    assert reasons(output) == {"a.jpg": "the target can't tell its name from that of 'A.jpg'"}


def test_a_list_of_very_many_skipped_images_is_cut(run_images, images):
    """An output has a limit; all of them are counted."""
    for number in range(1010):
        (images / f"{number}.jpg").touch()

    output = run_images()

    assert (output["skipped_images"], len(output["skipped"])) == (1010, 1000)
    assert len(json.dumps(output)) < 100_000


@pytest.mark.parametrize("path", ["a\0b", ""])
@pytest.mark.parametrize("key", ["source", "target"])
def test_a_path_that_cannot_be_is_an_error_that_names_it(run_images, key, path):
    """As any other wrong input."""
    with pytest.raises(InvalidInputError, match=key):
        run_images(**{key: path})
