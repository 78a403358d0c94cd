"""The tasks of the site: they run in worker processes, and know nothing of requests."""

from __future__ import annotations

import csv
import io
import time
import zipfile

import lilota_django
from django.contrib.auth.models import User
from PIL import Image, ImageOps

from lilota import FileRef, TaskContext, task

_LONGEST_SIDE = 320


@task(description="Thumbnails")
def make_thumbnails(ctx: TaskContext, photos: list[FileRef]) -> dict[str, int]:
    """Make a small JPEG of each photograph, and attach all of them as a ZIP file.

    With lilota's own decorator, which knows uploaded files as arguments.
    """
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


@lilota_django.task(takes_context=True)
def yearly_report(context: lilota_django.LilotaContext, year: int, seconds: float = 12) -> None:
    """Work for so many seconds, and attach a table with a line for each month.

    With the decorator of `django.tasks`, as it comes with lilota's options: `enqueue` adds it.
    """
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(["month", "users"])
    for month in context.track(range(1, 13), message=f"Months of {year}"):
        time.sleep(seconds / 12)  # stands for work
        joined = User.objects.filter(date_joined__year=year, date_joined__month=month)
        writer.writerow([f"{year}-{month:02d}", joined.count()])
    content = io.BytesIO(table.getvalue().encode())
    context.attach(content, name=f"report-{year}.csv", media_type="text/csv")
