"""Make `python -m lilota` the command line."""

from __future__ import annotations

import os
import sys

# `python -m` looks in the working folder first: a `click.py` that lies there must not be taken for the library. Nothing
# else may be imported before this; `lilota worker` puts the folder at the end, to find tasks in it.
try:
    if sys.path[0] in {"", os.getcwd()} and not sys.flags.safe_path:
        del sys.path[0]
except OSError:  # the folder was deleted: nothing lies in it
    pass

from lilota.cli.main import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
