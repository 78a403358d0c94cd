"""The tasks of the application: they run in worker processes, and know nothing of the web."""

from __future__ import annotations

import csv
import io
import time
import zipfile

from PIL import Image, ImageOps

from lilota import FileRef, TaskContext, task

_LONGEST_SIDE = 320


@task(description="Thumbnails")
def make_thumbnails(ctx: TaskContext, photos: list[FileRef]) -> dict[str, int]:
    """Make a small JPEG of each photograph, and attach all of them as a ZIP file."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        for number, photo in enumerate(photos, 1):
            ctx.report_progress(step=number - 1, of=len(photos), message=photo.name)
            packed.writestr(f"{number:03d}.jpg", _thumbnail(ctx, photo))
            ctx.logger.info("%s is done", photo.name)
    archive.seek(0)
    ctx.attach(archive, name="thumbnails.zip", media_type="application/zip")
    ctx.report_progress(step=len(photos), of=len(photos))
    return {"thumbnails": len(photos)}


def _thumbnail(ctx: TaskContext, photo: FileRef) -> bytes:
    small = io.BytesIO()
    with ctx.open_file(photo) as stream, Image.open(stream) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
        upright.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
        upright.save(small, "JPEG", quality=85)
    return small.getvalue()


@task(description="Yearly report")
def make_report(ctx: TaskContext, year: int, seconds: float = 12) -> None:
    """Work for so many seconds, and attach a table with a line for each month."""
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(["month", "total"])
    for month in range(1, 13):
        ctx.report_progress(step=month - 1, of=12, message=f"Month {month} of {year}")
        time.sleep(seconds / 12)  # here it would add up the month
        writer.writerow([f"{year}-{month:02d}", month * 100])
    ctx.attach(io.BytesIO(table.getvalue().encode()), name=f"report-{year}.csv", media_type="text/csv")
