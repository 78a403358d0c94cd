"""process_images: real photographs, odd images, and files that are none."""

from __future__ import annotations

import errno
import shutil
import struct
import tracemalloc
import zlib

import pytest
from lilota_example_tasks.process_images import ProcessImages, results
from PIL import Image, ImageCms

from lilota.errors import CancelRequested, InvalidInputError

NAME = "process_images"


@pytest.fixture
def source(images):
    return images


@pytest.fixture
def run(run_images):
    return run_images


def test_photographs_become_thumbnails_and_webp(make_task, photographs, tmp_path):
    """Both photographs are made small and converted, in their proportions, with progress after each."""
    task = make_task(ProcessImages, NAME, {"source": str(photographs), "target": str(tmp_path)})

    output = task.run()

    assert (output["images"], output["skipped"], task.progress) == (2, [], [50, 100])
    assert output["webp_bytes"] < output["source_bytes"]
    with Image.open(tmp_path / "china.jpg.thumbnail.jpg") as thumbnail, Image.open(tmp_path / "china.jpg.webp") as webp:
        assert (thumbnail.format, thumbnail.size) == ("JPEG", (256, 171))
        assert (webp.format, webp.size) == ("WEBP", (640, 427))


def test_the_exif_orientation_is_applied_and_metadata_left_out(run, photographs, source, tmp_path):
    """A photograph that was taken upright comes out upright, without where and when it was taken."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "A camera"
    with Image.open(photographs / "china.jpg") as china:
        china.save(source / "upright.jpg", exif=exif)

    run()

    for result in ("upright.jpg.webp", "upright.jpg.thumbnail.jpg"):
        with Image.open(tmp_path / "target" / result) as image:
            assert image.height > image.width
            assert not image.getexif()


def test_the_colour_profile_is_kept(run, photographs, source, tmp_path):
    """Colours look the same in a viewer that knows profiles."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    with Image.open(photographs / "china.jpg") as china:
        china.save(source / "profiled.jpg", icc_profile=profile)

    run()

    for result in ("profiled.jpg.webp", "profiled.jpg.thumbnail.jpg"):
        with Image.open(tmp_path / "target" / result) as image:
            assert image.info["icc_profile"] == profile


def test_bad_files_are_skipped_and_reported(run, photographs, source):
    """A truncated photograph and a text that is called an image do not keep the good one from being processed."""
    whole = (photographs / "china.jpg").read_bytes()
    (source / "china.jpg").write_bytes(whole)
    (source / "half.jpg").write_bytes(whole[: len(whole) // 2])
    (source / "text.png").write_text("no image")
    (source / "notes.txt").write_text("no image either")

    output = run()

    assert (output["images"], output["other_files"]) == (1, 1)
    assert [each["file"] for each in output["skipped"]] == ["half.jpg", "text.png"]
    assert "truncated" in output["skipped"][0]["reason"]
    assert "not an image" in output["skipped"][1]["reason"]


def test_a_decompression_bomb_is_skipped(run, source):
    """A PNG of a few bytes that claims 900 megapixels is refused by what its head says."""
    (source / "bomb.png").write_bytes(_png_head(30_000, 30_000))

    output = run()

    assert output["images"] == 0
    assert "more than 120,000,000 pixels" in output["skipped"][0]["reason"]


def test_an_image_that_is_too_long_for_webp_is_skipped_with_that_reason(run, source):
    """WebP holds 16,383 pixels a side."""
    Image.new("L", (17_000, 2)).save(source / "long.png")

    output = run()

    assert "16,383" in output["skipped"][0]["reason"]


def test_names_that_differ_in_the_suffix_do_not_collide(run, source, tmp_path):
    """photo.png and photo.gif have results of their own."""
    Image.new("RGB", (9, 9), "red").save(source / "photo.png")
    Image.new("RGB", (9, 9), "blue").save(source / "photo.gif")

    assert run()["images"] == 2
    assert len(list((tmp_path / "target").iterdir())) == 4


def test_transparency_becomes_white_in_the_thumbnail(run, source, tmp_path):
    """JPEG has no transparency; black would not be what one sees elsewhere."""
    Image.new("RGBA", (20, 10), (0, 0, 0, 0)).save(source / "clear.png")

    run()

    with Image.open(tmp_path / "target" / "clear.png.thumbnail.jpg") as thumbnail:
        assert thumbnail.getpixel((5, 5)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"source": "nowhere"}, "source: there is no folder 'nowhere'"),
        ({"target": None}, "target"),
        ({"thumbnail_pixels": 0}, "thumbnail_pixels"),
        ({"webp_quality": 101}, "webp_quality"),
        ({"sauce": 1}, "no parameter 'sauce'. Did you mean 'source'?"),
    ],
)
def test_a_wrong_input_is_an_error_that_names_it(run, keys, message):
    """A folder that is not there, a missing key, a number out of range and a misspelt key."""
    with pytest.raises(InvalidInputError, match=message):
        run(**keys)


def test_source_and_target_must_differ(run, source):
    """Results among the sources would be taken for sources by the next run, however the folder is spelt."""
    with pytest.raises(InvalidInputError, match="same folder"):
        run(target=f"{source}/../{source.name}")


def test_a_target_that_is_a_file_is_an_error(run, tmp_path):
    """The folder for the results can't be made."""
    (tmp_path / "target").touch()

    with pytest.raises(InvalidInputError, match="can't be made"):
        run()


def test_a_cancellation_leaves_no_half_file(run, photographs, source, tmp_path, monkeypatch):
    """What is there when the task is cancelled while it writes is whole, and nothing else is there."""
    shutil.copy(photographs / "china.jpg", source)

    def cancel(descriptor):
        raise CancelRequested

    monkeypatch.setattr("lilota_example_tasks.shared.os.fsync", cancel)

    with pytest.raises(CancelRequested):
        run()
    assert list((tmp_path / "target").iterdir()) == []


def test_a_link_that_lies_in_wait_is_not_followed(run, photographs, source, tmp_path):
    """Where others may write into the target, a result replaces their link; what it points to stays as it is."""
    shutil.copy(photographs / "china.jpg", source)
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "target").mkdir()
    for name in ("china.jpg.webp", ".china.jpg.webp.part"):
        (tmp_path / "target" / name).symlink_to(tmp_path / "precious")

    assert run()["images"] == 1

    assert (tmp_path / "precious").read_text() == "precious"
    assert not (tmp_path / "target" / "china.jpg.webp").is_symlink()


def test_an_image_that_hides_a_bomb_in_its_profile_is_skipped(run, source):
    """Not only pixels unpack to a thousand times their size."""
    bomb = b"profile\0\0" + zlib.compress(bytes(100_000_000), 9)
    head = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    chunks = _chunk(b"IHDR", head) + _chunk(b"iCCP", bomb) + _chunk(b"IDAT", zlib.compress(bytes(200)))
    (source / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunks + _chunk(b"IEND", b""))

    tracemalloc.start()
    try:
        run()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 50_000_000


def test_a_failing_disk_fails_the_task_and_is_not_taken_for_a_bad_image(run, photographs, source, monkeypatch):
    """A full disk concerns all images: the task must not succeed with every one of them skipped."""
    shutil.copy(photographs / "china.jpg", source)

    def fail(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(results, "write_whole", fail)

    with pytest.raises(OSError, match=r"target': No space left on device. Mend that and retry the task"):
        run()


def _png_head(width: int, height: int) -> bytes:
    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", size) + _chunk(b"IDAT", zlib.compress(bytes(100)))


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
