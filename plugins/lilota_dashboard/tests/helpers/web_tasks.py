"""Tasks for the tests of the dashboard, importable in worker processes."""

from __future__ import annotations

import io
import sys
import time
from pathlib import Path

from lilota.models import TaskBase


class Steps(TaskBase):
    """Copies pages, one after the other, as files in a folder let it.

    It goes on when there is a file named as the step, and ends after the third.
    """

    def run(self, folder: str, title: str = "pages") -> dict[str, object]:
        for step in range(1, 4):
            self.report_progress(step=step - 1, of=3, message=f"Copying {title}, part {step}")
            self.logger.info("Part %d of %s", step, title)
            while not Path(folder, str(step)).exists():
                time.sleep(0.02)
        sys.stdout.write("printed at the end\n")
        return {"copied": 3, "title": title}


class Fail(TaskBase):
    """Raises what it is told."""

    def run(self, text: str = "the disk is full", file: str = "") -> None:
        self.logger.warning("About to fail: %s", text)
        if file and Path(file).exists():
            return
        raise ValueError(text)


class Endless(TaskBase):
    """Runs until it is cancelled."""

    def run(self) -> None:
        self.report_progress(percentage=40, message="Counting sheep")
        while True:
            time.sleep(0.02)


class Attach(TaskBase):
    """Attaches a file of a name and a content."""

    def run(self, name: str, content: str) -> None:
        self.attach(io.BytesIO(content.encode()), name=name, media_type="text/html")


TASKS: dict[str, type[TaskBase]] = {"steps": Steps, "fail": Fail, "endless": Endless, "attach": Attach}
