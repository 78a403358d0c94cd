"""What a process finds around itself, told in a file: the target of processes that tests start."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path


def tell_surroundings(path: str) -> None:
    """Write what this process was given."""
    found = {
        "set": os.environ.get("LILOTA_TEST_SET"),
        "removed": os.environ.get("LILOTA_TEST_REMOVED"),
        "zone": time.localtime(0).tm_gmtoff,
        "folder": os.getcwd(),
        "path": sys.path,
    }
    Path(path).write_text(json.dumps(found))
