"""Which file area the files of a store are in, and what is said where there is none."""

import platform

import pytest

from lilota.config import Settings, load_settings
from lilota.contract import StoreCapabilities
from lilota.errors import ConfigurationError, FileAreaError
from lilota.files.opening import file_settings, open_area
from lilota.plugins import Plugins
from lilota.stores import open_store

SERVER = StoreCapabilities(
    description="PostgreSQL database 'shop' at db:5432",
    durable=True,
    multi_process=True,
    multi_host=True,
    supports=frozenset({"notes"}),
    identity="postgresql:shop at db:5432",
)
HOST = platform.node()


def found(capabilities, url="s3://bucket/files", host=HOST):
    return file_settings(Settings(files=url), capabilities, host)


def changed(**fields):
    return StoreCapabilities(**{name: getattr(SERVER, name) for name in SERVER.__struct_fields__} | fields)


def test_files_lie_beside_a_sqlite_file(tmp_path):
    """In a folder that is the store's alone."""
    store = open_store(f"sqlite:///{tmp_path}/with space.db")

    files = file_settings(Settings(), store.capabilities(), HOST)

    area = open_area(files, Plugins(Settings()))
    assert area.info().description == f"the folder {tmp_path}/with space.db.files"
    assert files.namespace == ""


def test_a_memory_store_has_a_folder_that_ends_with_it(tmp_path, monkeypatch):
    """Each has one of its own, and whoever asks again gets the same."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    one, other = open_store("memory"), open_store("memory")
    url = one.capabilities().files

    open_area(file_settings(Settings(), one.capabilities(), HOST), Plugins(Settings())).put("0/a", [b"x"])
    while_it_lives = list(tmp_path.iterdir())
    same, another = one.capabilities().files, other.capabilities().files
    del one

    assert (same, url != another) == (url, True)
    assert [f"file://{path}" for path in while_it_lives] == [url]
    assert list(tmp_path.iterdir()) == []


def test_a_server_has_no_place_for_files_until_somebody_sets_one():
    """The error says what to write, for one host and for several."""
    files = file_settings(Settings(), SERVER, HOST)

    with pytest.raises(FileAreaError) as raised:
        open_area(files, Plugins(Settings()))
    for part in ("PostgreSQL database 'shop'", "LILOTA_FILES", "file:///srv/app/files", "s3://bucket/folder"):
        assert part in str(raised.value)


def test_a_store_that_keeps_no_notes_has_no_place_either():
    """Nobody would find a file."""
    with pytest.raises(FileAreaError, match=r"can't keep what is to be known of files\. Upgrade"):
        open_area(found(changed(supports=frozenset())), Plugins(Settings()))


def test_a_folder_of_another_host_is_refused(tmp_path):
    """What a worker there attaches would be found by nobody; one that all have mounted is theirs."""
    here = f"file://{tmp_path}"

    with pytest.raises(FileAreaError, match=r"is on the host elsewhere, and this is .* file:///mnt/files\?shared=1"):
        open_area(found(SERVER, here, "elsewhere"), Plugins(Settings()))
    assert open_area(found(SERVER, f"{here}?shared=1", "elsewhere"), Plugins(Settings())).info().is_shared


def test_two_stores_have_two_folders_in_an_area():
    """So no sweep takes the files of one for nobody's; the version of the server says nothing of which it is."""
    spaces = {
        found(each).namespace
        for each in (SERVER, changed(description="newer"), changed(identity="other"), changed(identity="third"))
    }

    assert len(spaces) == 3


@pytest.mark.parametrize(
    "capabilities",
    [
        changed(multi_host=False, identity="sqlite:/srv/tasks.db"),
        changed(identity="postgresql:shop at localhost:5432"),
        changed(identity="redis://127.0.0.1:6379/0"),
        changed(identity="unix:///var/run/redis.sock?db=0"),
    ],
)
def test_what_each_host_has_for_itself_is_told_apart_by_the_host(capabilities):
    """Two hosts may have a file of the same path, and share a bucket."""
    assert found(capabilities, host="one").namespace != found(capabilities, host="two").namespace
    assert found(SERVER, host="one").namespace == found(SERVER, host="two").namespace


@pytest.mark.parametrize("switches", [{"plugins_off": True}, {"plugins_allowed": ("elsewhere",)}])
def test_the_own_folder_is_no_plugin(tmp_path, switches):
    """Who uses none can attach files all the same."""
    settings = Settings(files=f"file://{tmp_path}", **switches)

    assert open_area(file_settings(settings, SERVER, HOST), Plugins(settings)).info().description


@pytest.mark.parametrize(
    ("name", "value"),
    [("files", "/srv/files"), ("files", "files"), ("max_file_mb", 0), ("max_file_mb", -1), ("max_file_mb", 10**12)],
)
def test_settings_that_can_not_be_used_are_refused(tmp_path, name, value):
    """With what to write instead."""
    with pytest.raises(ConfigurationError, match=f"The setting '{name}' .* write a"):
        load_settings(tmp_path, **{name: value})


def test_settings_are_read_from_the_environment(tmp_path, monkeypatch):
    """As all others."""
    monkeypatch.setenv("LILOTA_FILES", "s3://bucket/files")
    monkeypatch.setenv("LILOTA_MAX_FILE_MB", "7")

    settings = load_settings(tmp_path)

    assert (settings.files, settings.max_file_mb) == ("s3://bucket/files", 7)
