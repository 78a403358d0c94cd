"""Installed packages whose every text attacks: what they are called, their versions, entries and errors."""

from __future__ import annotations

from hostile import TEXTS

#: A line of metadata has no control characters, and the name of an entry ends at "=".
LINES = tuple(text for text in TEXTS if text.isprintable())
ENTRIES = tuple(text.replace("=", ":") for text in LINES)
#: What a folder may be called: no slash, no hyphen, behind which the version stands, and no dot, which is one, too.
FOLDERS = tuple(text for text in LINES if not set("/-.") & set(text))


def install_hostile(folder):
    """Put packages into a folder of the import path: with hostile folders, names, versions, entries and modules."""
    for number, text in enumerate(LINES):
        _write(folder / f"hostile{number}-1.dist-info", f"hostile{number}", text, f"{ENTRIES[number]} = raises{number}")
        _write(folder / f"unnamed{number}-1.dist-info", text, "1", f"unnamed{number} = {text}")
        folder.joinpath(f"raises{number}.py").write_text(f"raise RuntimeError({text!r})\n")
    for text in FOLDERS:
        _write(folder / f"{text}-1.dist-info", text, "1", "in_hostile_folder = raises0")


def _write(info, name, version, entry):
    info.mkdir()
    info.joinpath("METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    info.joinpath("entry_points.txt").write_text(f"[lilota.plugins]\n{entry}\n")
