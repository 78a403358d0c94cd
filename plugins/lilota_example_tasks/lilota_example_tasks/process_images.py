"""The task `process_images`: a thumbnail (JPEG) and a WebP of every image in a folder."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import msgspec
from PIL import Image, ImageOps, UnidentifiedImageError

from lilota.errors import InvalidInputError
from lilota.models import TaskBase
from lilota_example_tasks.shared import folder_to_write, parse_input, write_whole

SUFFIXES: Final = (".avif", ".bmp", ".gif", ".heic", ".jfif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
#: The formats that Pillow reads by itself. Others would start a program (EPS starts Ghostscript).
FORMATS: Final = ("AVIF", "BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
WEBP_LIMIT_PIXELS: Final = 16_383

Quality = Annotated[int, msgspec.Meta(ge=1, le=100)]


class ProcessImagesInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which images to process, and how.

    Attributes:
        source: the folder with the images (not those below it).
        target: the folder for the results, made if it is missing; a different one.
        thumbnail_pixels: the longest side of a thumbnail.
        thumbnail_quality: 1 to 100, of the JPEG.
        webp_quality: 1 to 100.
        megapixels_limit: a larger image is skipped: a small file can claim to be enormous and fill the memory.
    """

    source: str
    target: str
    thumbnail_pixels: Annotated[int, msgspec.Meta(ge=8, le=8192)] = 256
    thumbnail_quality: Quality = 85
    webp_quality: Quality = 80
    megapixels_limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 120


class _Results(msgspec.Struct, kw_only=True):
    """The output of the task, as it grows."""

    target: str
    other_files: int
    images: int = 0
    source_bytes: int = 0
    thumbnail_bytes: int = 0
    webp_bytes: int = 0
    skipped: list[dict[str, str]] = []


class ProcessImages(TaskBase):
    """Make a thumbnail and a WebP of every image in a folder.

    `photo.jpg` becomes `photo.jpg.thumbnail.jpg` and `photo.jpg.webp`: the whole name stays, so that `photo.png` can
    stand beside it. Images are turned the way their EXIF orientation says; the colour profile is kept, other metadata
    (place, camera) is not. Of an animation the first picture is taken.

    Input: see `ProcessImagesInput`.
    Output: `images` (how many were processed), `skipped` (a list of `file` and `reason`), `other_files` (how many
        files have no image suffix), `source_bytes`, `thumbnail_bytes`, `webp_bytes`, `target`.
    Errors: InvalidInputError for a missing or equal folder; OSError when a result can't be written. An image that
        can't be read is no error: it is skipped, and reported with the reason.
    """

    def run(self) -> None:
        job = parse_input(self.task_info, ProcessImagesInput)
        source, target = _check_folders(job)
        images, others = _list_images(source)
        self.logger.info("Processing %d images of '%s'", len(images), source)
        results = _Results(target=str(target.absolute()), other_files=others)
        for number, path in enumerate(images, start=1):
            self._process(path, target, job, results)
            self.set_progress(self.task_info.id, 100 * number / len(images))
        self.set_output(self.task_info.id, msgspec.to_builtins(results))

    def _process(self, path: Path, target: Path, job: ProcessImagesInput, results: _Results) -> None:
        try:
            thumbnail, webp = convert(path, job)
        except Exception as error:  # noqa: BLE001 - a broken file makes Pillow raise nearly anything
            self.logger.warning("Skipped '%s': %s", path.name, _reason(error))
            results.skipped.append({"file": path.name, "reason": _reason(error)})
            return
        write_whole(target / f"{path.name}.thumbnail.jpg", thumbnail)
        write_whole(target / f"{path.name}.webp", webp)
        results.images += 1
        results.source_bytes += path.stat().st_size
        results.thumbnail_bytes += len(thumbnail)
        results.webp_bytes += len(webp)


def convert(path: Path, job: ProcessImagesInput) -> tuple[bytes, bytes]:
    """Return the thumbnail and the WebP of one image file.

    Raises:
        Exception: whatever Pillow raises at a file that is broken, no image, or too large.
    """
    with _pixel_limit(job.megapixels_limit * 1_000_000), Image.open(path, formats=_formats()) as opened:
        if max(opened.size) > WEBP_LIMIT_PIXELS:
            raise ValueError(f"a side is longer than {WEBP_LIMIT_PIXELS:,} pixels, which WebP can't hold")
        # A profile of greys or inks does not fit the colours that the picture is converted to.
        profile = opened.info.get("icc_profile") if opened.mode in ("RGB", "RGBA", "P") else None
        image = _in_displayable_mode(ImageOps.exif_transpose(opened))
    image.info.clear()
    webp = _encode(image, "WEBP", job.webp_quality, profile)
    image.thumbnail((job.thumbnail_pixels, job.thumbnail_pixels), Image.Resampling.LANCZOS)
    return _encode(_on_white(image), "JPEG", job.thumbnail_quality, profile), webp


def _check_folders(job: ProcessImagesInput) -> tuple[Path, Path]:
    source = Path(job.source)
    if not source.is_dir():
        raise InvalidInputError(f"source: there is no folder '{source}' (looked in the folder '{Path.cwd()}').")
    # Compare before the folder is made; results among the sources would be processed by the next run.
    if Path(job.target).resolve() == source.resolve():
        raise InvalidInputError(f"source and target are the same folder, '{job.source}'. Choose another target.")
    return source, folder_to_write(job.target, "target")


def _list_images(source: Path) -> tuple[list[Path], int]:
    """Return the files with the suffix of an image, sorted, and how many others there are."""
    files = sorted(path for path in source.iterdir() if path.is_file())
    images = [path for path in files if path.suffix.lower() in SUFFIXES]
    return images, len(files) - len(images)


def _formats() -> list[str]:
    """Return the formats that this build of Pillow can read; AVIF is an option of it."""
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


@contextmanager
def _pixel_limit(pixels: int) -> Iterator[None]:
    """Make Pillow refuse larger images, as an error, from the size in the file's head."""
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = pixels
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def _in_displayable_mode(image: Image.Image) -> Image.Image:
    """Return the picture as RGB, or as RGBA if some of it is transparent."""
    if image.mode.startswith("I"):
        # 16 bits per pixel: a plain conversion would turn all but the darkest into white.
        image = image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _on_white(image: Image.Image) -> Image.Image:
    """Return the picture without transparency, which JPEG does not have."""
    if image.mode == "RGB":
        return image
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def _encode(image: Image.Image, image_format: str, quality: int, profile: bytes | None) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, image_format, quality=quality, icc_profile=profile)
    return buffer.getvalue()


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "this is not an image in a format that is supported"
    return str(error) or type(error).__name__
