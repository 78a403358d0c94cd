"""Bundle what no import shows: all of lilota, and of the installed packages that bring something for it.

PyInstaller runs this while it builds. The program then has what the environment has in which it is built.
"""

from __future__ import annotations

from importlib.metadata import distributions

from PyInstaller.utils.hooks import collect_all, copy_metadata


def _is_for_programs(module: str) -> bool:
    return not module.startswith("lilota.testing")  # which imports pytest


datas = []
binaries = []
hiddenimports = []
for _distribution in distributions():
    _modules = {entry.module for entry in _distribution.entry_points if entry.group.startswith("lilota.")}
    if _modules:
        datas += copy_metadata(_distribution.name)
    for _package in sorted({module.partition(".")[0] for module in _modules}):
        _datas, _binaries, _imports = collect_all(_package, filter_submodules=_is_for_programs)
        datas += _datas
        binaries += _binaries
        hiddenimports += _imports
