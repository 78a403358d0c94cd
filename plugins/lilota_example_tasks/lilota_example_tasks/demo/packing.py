"""The task `pack_folder`: what a folder holds as a ZIP file, which is kept with the task."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

from lilota import TaskContext, task


@task
def pack_folder(ctx: TaskContext, folder: str) -> dict[str, int]:
    """Pack the files of a folder.

    Args:
        folder: whose files are packed; without those of folders in it.

    Returns:
        `files`, how many there are.
    """
    paths = sorted(path for path in Path(folder).iterdir() if path.is_file())
    with tempfile.TemporaryFile() as packed:
        with zipfile.ZipFile(packed, "w") as archive:
            for path in ctx.track(paths, message="Packing"):
                archive.write(path, path.name)
        packed.seek(0)
        ctx.attach(packed, name=f"{Path(folder).name}.zip", media_type="application/zip")
    return {"files": len(paths)}
