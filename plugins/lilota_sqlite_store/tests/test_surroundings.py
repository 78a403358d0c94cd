"""Warnings about the library and the place of the file."""

from __future__ import annotations

from lilota_sqlite_store.surroundings import file_system_of, warnings_for


def test_old_sqlite_is_named_with_its_version(path):
    """Versions before 3.51.3 have a bug that the operator should know of."""
    (warning,) = warnings_for(path, (3, 40, 1))

    assert "SQLite 3.40.1" in warning
    assert "3.51.3" in warning


def test_new_sqlite_on_a_local_disk_needs_no_warning(path):
    """Silence means that all is well."""
    assert warnings_for(path, (3, 51, 3)) == ()


def test_file_system_is_that_of_the_longest_mount_above_the_file(tmp_path):
    """Names with spaces are read as the kernel writes them, and a mount that only begins alike does not count."""
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "disk / ext4 rw 0 0\nserver:/x /net/my\\040share nfs4 rw 0 0\nserver:/y /net/my\\040sh cifs rw 0 0\n"
    )

    kinds = [file_system_of(path, str(mounts)) for path in ("/net/my share/t.db", "/net/my share2/t.db", "/srv/t.db")]

    assert kinds == ["nfs4", "ext4", "ext4"]


def test_network_file_system_is_warned_about(path, monkeypatch):
    """SQLite's locks can fail there, and the message says what to do."""
    monkeypatch.setattr("lilota_sqlite_store.surroundings.file_system_of", lambda _: "nfs4")

    (warning,) = warnings_for(path, (3, 51, 3))

    assert "network file system (nfs4)" in warning
    assert "Move it to a local disk" in warning


def test_system_that_tells_nothing_about_mounts_needs_no_warning(path):
    """Elsewhere than on Linux there is no such list."""
    assert file_system_of(path, "/nonexistent/mounts") == ""
