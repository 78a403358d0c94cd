"""Name the embedded stores as dependencies: by path in a checkout, by name in a release.

`pip install .` must bring the stores along though no index has them; see docs/decisions/packaging.md.
Everything else about the distribution is in pyproject.toml.
"""

import sys
from pathlib import Path

from setuptools import setup

CORE = ["click>=8.1", "importlib-metadata>=8", "msgspec>=0.19", "pluggy>=1.5", "rich>=13"]
STORES = ["lilota-memory-store", "lilota-sqlite-store"]

plugins = Path(__file__).parent.resolve() / "plugins"


def requirement(store: str) -> str:
    """Return how to ask for a store: a release is built through an sdist, which has no `plugins/`."""
    folder = plugins / store.replace("-", "_")
    if folder.is_dir() and "sdist" not in sys.argv:
        return f"{store} @ {folder.as_uri()}"
    return f"{store}>=2.0.0.dev0,<3"


setup(install_requires=[*CORE, *map(requirement, STORES)])
