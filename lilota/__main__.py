"""Make `python -m lilota` the command line."""

from __future__ import annotations

from lilota.cli.main import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
