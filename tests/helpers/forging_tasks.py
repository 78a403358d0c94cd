"""A task that writes to the runner in the name of its worker, importable in worker processes."""

from __future__ import annotations

import gc
import random
import time

from forged_frames import forge

from lilota.models import Claim, TaskBase
from lilota.workers.outbox import Outbox


class Forge(TaskBase):
    """Sends forged frames over the connection of its worker, with a pause after each, and then returns."""

    def run(self):
        info = self.task_info
        (outbox,) = [item for item in gc.get_objects() if isinstance(item, Outbox)]
        claim = Claim(id=info.id, token=info.token, attempt=info.attempt, name=info.name)
        neighbours = [(info.id + distance, 1) for distance in range(1, 8)]
        chance = random.Random(f"{info.input['seed']}.{info.attempt}")
        for _ in range(10):
            outbox._send(forge(chance, ["hash", info.name]).bound(claim, neighbours))
            time.sleep(0.002)
