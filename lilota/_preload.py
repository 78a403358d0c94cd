"""What the fork server imports before the first worker, so that all workers share the memory of it.

Programs that have a runner import `lilota.runner`, and so do their workers when they import the program.
"""

from __future__ import annotations

import gc
import pkgutil  # noqa: F401 - with it, `runpy` imports the program

import lilota.runner
import lilota.workers.worker  # noqa: F401 - imported to be there

# Frozen, objects are not touched by the garbage collector of a worker, which would copy their pages. What is garbage
# by now stays, but once for all workers; to collect it first would cost each start of a program 6 ms.
gc.freeze()
