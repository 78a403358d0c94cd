"""The task itself: its input, its output, and what it does with each image."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import msgspec

from lilota.errors import InvalidInputError
from lilota.models import TaskBase
from lilota.texts.safe import escape
from lilota_example_tasks.process_images.listing import Listing
from lilota_example_tasks.process_images.making import ImageSkippedError, Made, Maker
from lilota_example_tasks.process_images.results import Settings
from lilota_example_tasks.shared import folder_to_write

SKIPPED_SHOWN: Final = 1000

# A path with a NUL in it can't be, and an empty one would be the folder in which the runner was started.
FolderPath = Annotated[str, msgspec.Meta(pattern=r"^[^\0]+$")]
Quality = Annotated[int, msgspec.Meta(ge=1, le=100)]


class _Output(msgspec.Struct, kw_only=True):
    """The output of the task, as it grows."""

    target: str
    other_files: int
    images: int = 0
    made_before: int = 0
    source_bytes: int = 0
    thumbnail_bytes: int = 0
    webp_bytes: int = 0
    skipped_images: int = 0
    skipped: list[dict[str, str]] = []

    def add(self, made: Made) -> None:
        self.images += 1
        self.made_before += made.before
        self.source_bytes += made.sizes.source
        self.thumbnail_bytes += made.sizes.thumbnail
        self.webp_bytes += made.sizes.webp


class ProcessImages(TaskBase):
    """Make a thumbnail and a WebP of every image in a folder.

    `photo.jpg` becomes `photo.jpg.thumbnail.jpg` and `photo.jpg.webp`: the whole name stays, so that `photo.png` can
    stand beside it. Images are turned the way their EXIF orientation says; the colour profile is kept, other metadata
    (place, camera) is not. Of an animation, and of a file with several pages, the first picture is taken.

    Results that are there already, of the same image and with the same settings, are not made again: a task that is
    tried again goes on where it was stopped.

    Input: the parameters of `run`.
    Output: `images` (how many have results), `made_before` (of them, those that had them already), `skipped_images`
        (how many have none), `skipped` (the first 1,000 of these: a list of `file` and `reason`), `other_files` (how
        many files have no image suffix), `source_bytes`, `thumbnail_bytes`, `webp_bytes`, `target`. A task that fails
        or is cancelled leaves the output too, as far as it came.
    Errors: InvalidInputError for folders that can't be used; OSError when results can't be written into the target.
        An image that can't be read is no error: it is skipped, and reported with the reason.
    """

    def run(
        self,
        *,
        source: FolderPath,
        target: FolderPath,
        recursive: bool = False,
        thumbnail_pixels: Annotated[int, msgspec.Meta(ge=8, le=8192)] = 256,
        thumbnail_quality: Quality = 85,
        webp_quality: Quality = 80,
        megapixels_limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 120,
    ) -> None:
        """Process the images of a folder.

        Args:
            source: the folder with the images.
            target: the folder for the results, made if it is missing; a different one.
            recursive: also take the folders below the source; the target gets the same ones.
            thumbnail_pixels: the longest side of a thumbnail.
            thumbnail_quality: 1 to 100, of the JPEG.
            webp_quality: 1 to 100.
            megapixels_limit: a larger image is skipped: a small file can claim to be enormous and fill the memory.
        """
        images, results = _checked_folders(source, target, recursive)
        settings = Settings(thumbnail_pixels, thumbnail_quality, webp_quality)
        maker = Maker(images, results, settings, megapixels_limit * 1_000_000)
        listing = Listing(images, results, recursive=recursive)
        output = _Output(target=escape(str(results.absolute())), other_files=listing.other_files)
        self.logger.info("Processing %d images of '%s'", len(listing.images), images)
        for name, reason in listing.unusable:
            self._skip(name, reason, output)
        try:
            self._process_all(listing.images, maker, output)
        finally:
            self.set_output(self.task_info.id, msgspec.to_builtins(output))
        self.logger.info("%d images have results, %d of them from before", output.images, output.made_before)

    def _process_all(self, names: list[str], maker: Maker, output: _Output) -> None:
        for number, name in enumerate(names, start=1):
            try:
                output.add(maker.make(name))
            except ImageSkippedError as error:
                self._skip(name, str(error), output)
            self.set_progress(self.task_info.id, 100 * number / len(names))

    def _skip(self, name: str, reason: str, output: _Output) -> None:
        shown = {"file": escape(name), "reason": escape(reason)}
        self.logger.warning("Skipped '%(file)s': %(reason)s", shown)
        output.skipped_images += 1
        if len(output.skipped) < SKIPPED_SHOWN:
            output.skipped.append(shown)


def _checked_folders(given_source: str, given_target: str, recursive: bool) -> tuple[Path, Path]:
    source, target = Path(given_source), Path(given_target)
    if not source.is_dir():
        raise InvalidInputError(f"source: there is no folder '{source}' (looked in the folder '{Path.cwd()}').")
    # Compare before the folder is made; results among the sources would be processed by the next run.
    if target.resolve() == source.resolve() or (target.exists() and target.samefile(source)):
        raise InvalidInputError(f"source and target are the same folder, '{given_source}'. Choose another target.")
    if recursive and source.resolve().is_relative_to(target.resolve()):
        message = (
            f"source is below target, '{given_target}': with recursive, results would come to stand among the images."
        )
        raise InvalidInputError(f"{message} Choose another target.")
    return source, folder_to_write(given_target, "target")
