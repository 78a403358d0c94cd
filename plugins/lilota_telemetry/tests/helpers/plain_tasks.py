"""A task that needs nothing, in a module that imports nothing."""

from __future__ import annotations

import sys

from lilota.models import TaskBase


class Modules(TaskBase):
    """Returns which libraries its worker has imported."""

    def run(self):
        return {
            "modules": sorted(
                sys.modules.keys() & {"importlib.metadata", "opentelemetry", "prometheus_client", "psutil"}
            )
        }
