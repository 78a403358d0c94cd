"""What is found by metadata: wherever it is on the import path, however broken it is, and how little is read for it."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from distributions import record_of, write_distribution

from lilota.config import Settings
from lilota.errors import PluginError, UnknownTaskError
from lilota.plugins import Plugins
from lilota.plugins.folders import in_folders
from lilota.plugins.metadata import Metadata

TASK = "[lilota.tasks]\n{0} = {0}_module:Task\n"

# Counts what a `Plugins()` does to the files of a folder, and which modules it imports from there.
COUNTING = """
import json, sys
from collections import Counter
import importlib_metadata
from lilota.config import Settings
from lilota.plugins import Plugins

folder, counted = sys.argv[1], Counter()

def count(event, arguments):
    if event == "open" and str(arguments[0]).startswith(folder):
        counted[str(arguments[0]).rpartition("/")[2]] += 1

sys.path.insert(0, folder)
sys.addaudithook(count)
plugins = Plugins(Settings())
known = [name for name in plugins.task_names() if name.startswith("task_")]
print(json.dumps({"read": counted, "known": len(known), "imported": [m for m in sys.modules if m.startswith("task_")]}))
"""


def write_many(folder, tasks, others):
    """Install distributions that bring a task each, and such that have nothing to do with lilota."""
    for i in range(tasks):
        write_distribution(folder, f"task-{i}", "1.0", TASK.format(f"task_{i}"))
    for i in range(others):
        write_distribution(folder, f"other-{i}", "1.0", "[console_scripts]\nx = y:z\n")


def metadata_of(folder, name, version="1.0"):
    """Return the folder in which the metadata of a distribution is."""
    return folder / f"{name}-{version}.dist-info"


# --- How much is read ---


def test_each_file_of_metadata_is_read_once(tmp_path):
    """Of a distribution without plugins only one file; and no module of any is imported."""
    write_many(tmp_path, 20, 40)

    done = subprocess.run([sys.executable, "-c", COUNTING, str(tmp_path)], capture_output=True, text=True, check=True)

    seen = json.loads(done.stdout)
    assert seen["known"] == 20
    assert seen["read"] == {"entry_points.txt": 60, "METADATA": 20}
    assert seen["imported"] == []


# --- Where it may be ---


@pytest.mark.parametrize(
    "folder_name", ["Old.Tasks-1.0-py3.11.egg-info", "old_tasks.egg-info", "old-tasks-1.0.egg-info"]
)
def test_metadata_of_eggs_is_found(install, tmp_path, folder_name):
    """As setuptools wrote it for years; the name in its own spelling is inside."""
    install(write_distribution(tmp_path, "Old.Tasks", "1.0", TASK.format("old"), folder_name=folder_name))

    record = record_of(Plugins(Settings()), "old")

    assert (record.distribution, record.version, record.state) == ("Old.Tasks", "1.0", "not loaded")


@pytest.mark.parametrize(
    ("archive", "folder_name"),
    [
        ("zipped-1.0-py3-none-any.whl", "zipped-1.0.dist-info"),
        ("zipped-1.0-py3.11.egg", "EGG-INFO"),
        ("program.pyz", "zipped-1.0.dist-info"),
    ],
)
def test_metadata_in_archives_is_found(install, tmp_path, archive, folder_name):
    """A wheel or an egg on the import path is a place of packages like a folder."""
    write_distribution(tmp_path / "in", "zipped", "1.0", TASK.format("zipped"), folder_name=folder_name)
    os.rename(shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "in"), tmp_path / archive)
    install(tmp_path / archive)

    record = record_of(Plugins(Settings()), "zipped")

    assert (record.distribution, record.version, record.state) == ("zipped", "1.0", "not loaded")


USING_ARCHIVE = """
import sys
from lilota import TaskRunner

if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    with TaskRunner("memory", 1, start_method=sys.argv[2]) as runner:
        print(runner.add("zipped").result(60))
"""


@pytest.mark.parametrize("method", ["forkserver", "spawn"])
def test_a_task_of_an_archive_runs(tmp_path, method):
    """A worker finds the package where its runner has found it, though that is no folder."""
    content = write_distribution(tmp_path / "in", "zipped", "1.0", TASK.format("zipped"))
    module = (
        "from lilota import TaskBase\n\nclass Task(TaskBase):\n    def run(self):\n        return {'file': __file__}\n"
    )
    (content / "zipped_module.py").write_text(module)
    archive = shutil.make_archive(str(tmp_path / "plugins"), "zip", content)
    (tmp_path / "program.py").write_text(USING_ARCHIVE)

    command = [sys.executable, tmp_path / "program.py", archive, method]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)

    assert done.stdout == f"{{'file': '{archive}/zipped_module.py'}}\n", done.stderr


def test_what_a_finder_of_its_own_gives_is_found(monkeypatch):
    """As of frozen programs: there is no folder, and both files are asked for by name."""
    import importlib_metadata

    class Frozen(importlib_metadata.Distribution):
        def read_text(self, filename):
            texts = {"METADATA": "Name: frozen\nVersion: 3\n\nText", "entry_points.txt": TASK.format("frozen")}
            return texts.get(filename)

        def locate_file(self, path):
            raise NotImplementedError

    class Finder:
        @staticmethod
        def find_distributions(_context):
            return [Frozen()]

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder])

    record = record_of(Plugins(Settings()), "frozen")

    assert (record.distribution, record.version, record.state) == ("frozen", "3", "not loaded")


@pytest.mark.parametrize("beside", ["nothing.py", "metadata", "in.egg/EGG-INFO/PKG-INFO", "x.EGG-INFO/PKG-INFO"])
def test_folders_are_searched_as_importlib_metadata_does(install, tmp_path, beside):
    """Which is not imported where there is nothing but folders on the path."""
    import importlib_metadata

    write_many(tmp_path, 3, 3)
    (tmp_path / "old-2.egg-info").write_text("Name: old\nVersion: 2\n")
    (tmp_path / beside).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / beside).touch()
    install(tmp_path, tmp_path / "in.egg", tmp_path / "missing")

    found = in_folders()

    assert found is not None
    assert {Metadata(source).folder for source in found} == {
        Metadata(source).folder for source in importlib_metadata.distributions()
    }


@pytest.mark.parametrize("odd", [None, b"bytes", Path(), "no\0path"])
def test_what_is_no_place_on_the_import_path_has_nothing(monkeypatch, odd):
    """Python imports nothing from it either."""
    monkeypatch.setattr(sys, "path", [odd])

    assert in_folders() == []


def test_a_folder_that_is_on_the_path_twice_counts_once(install, tmp_path):
    """Also by a link, as lib64 is one of lib."""
    write_distribution(tmp_path / "lib", "linked", "1.0", TASK.format("linked"))
    (tmp_path / "lib64").symlink_to(tmp_path / "lib")
    install(tmp_path / "lib", tmp_path / "lib64", tmp_path / "lib")

    assert record_of(Plugins(Settings()), "linked").state == "not loaded"


def test_what_an_interrupted_pip_left_is_not_installed(install, tmp_path):
    """While it uninstalls, the folder is called "~name"; it says that it is "name"."""
    write_distribution(tmp_path, "leaving", "1.0", TASK.format("leaving"), folder_name="~eaving-1.0.dist-info")
    install(tmp_path)

    assert "leaving" not in {record.name for record in Plugins(Settings()).records()}


# --- Two of one name ---


def test_two_versions_of_a_package_are_named(install, tmp_path):
    """Imports find the first; what only the other one brings says why it can't be used."""
    install(write_distribution(tmp_path / "old", "words", "0.9", TASK.format("old") + "t = words:Old\n"))
    install(write_distribution(tmp_path / "new", "words", "2.0", TASK.format("t")))

    plugins = Plugins(Settings())

    assert [record.version for record in plugins.records() if record.state == "not loaded" and record.name == "t"] == [
        "2.0"
    ]
    error = record_of(plugins, "old").error
    assert record_of(plugins, "old").state == "disabled"
    for part in ("version 0.9", str(tmp_path / "old"), "2.0", str(tmp_path / "new"), "uninstall one of them"):
        assert part in error
    with pytest.raises(UnknownTaskError, match=r"version 0.9 in .* is shadowed by 2.0"):
        plugins.load_task("old")


def test_a_folder_without_metadata_shadows_nothing(install, tmp_path):
    """An interrupted upgrade leaves the old folder half empty, and which of both is listed first is chance."""
    write_distribution(tmp_path / "a", "words", "1.0", TASK.format("t"))
    os.remove(metadata_of(tmp_path / "a", "words") / "METADATA")
    install(write_distribution(tmp_path / "b", "words", "2.0", TASK.format("t")), tmp_path / "a")

    plugins = Plugins(Settings())

    assert plugins.task_names().count("t") == 1
    assert {record.version for record in plugins.records() if record.state == "not loaded" and record.name == "t"} == {
        "2.0"
    }


def test_a_folder_whose_name_only_looks_alike_shadows_nothing(install, tmp_path):
    """`my-tasks-1.0.egg-info`, as old tools wrote it, begins like one of `my`."""
    install(write_distribution(tmp_path, "my-tasks", "1.0", TASK.format("t"), folder_name="my-tasks-1.0.egg-info"))
    install(write_distribution(tmp_path / "other", "my", "3.0", "[console_scripts]\nx = y:z\n"))

    assert record_of(Plugins(Settings()), "t").state == "not loaded"


# --- Broken ---


def no_metadata(info):
    (info / "METADATA").unlink()


def metadata_is_a_folder(info):
    (info / "METADATA").unlink()
    (info / "METADATA").mkdir()


def metadata_is_a_dangling_link(info):
    (info / "METADATA").unlink()
    (info / "METADATA").symlink_to(info / "nowhere")


def metadata_links_to_itself(info):
    (info / "METADATA").unlink()
    (info / "METADATA").symlink_to(info / "METADATA")


def empty_metadata(info):
    (info / "METADATA").write_text("")


def no_name(info):
    (info / "METADATA").write_text("Metadata-Version: 2.1\nVersion: 1.0\n")


def odd_name(info):
    (info / "METADATA").write_text("Name: bro\x1b[31mken\nVersion: 1.0\n")


def name_of_another(info):
    (info / "METADATA").write_text("Name: lilota-sqlite-store\nVersion: 1.0\n")


def no_version(info):
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\n\nVersion: 1.0\n")


def metadata_is_a_pipe(info):
    (info / "METADATA").unlink()
    os.mkfifo(info / "METADATA")


def metadata_is_huge(info):
    with (info / "METADATA").open("ab") as file:
        file.truncate(2**30)


def headers_are_not_utf8(info):
    (info / "METADATA").write_bytes(
        b"Name: broken\nVersion: 1.0\nAuthor: J\xf6rg\n\n" + b"All work and no play\n" * 1200
    )


def a_line_without_value(info):
    (info / "entry_points.txt").write_text(TASK.format("t") + "junk line\n")


def a_line_without_name(info):
    (info / "entry_points.txt").write_text(TASK.format("t") + "= x:y\n")


def a_name_twice(info):
    (info / "entry_points.txt").write_text(TASK.format("t") + "t = other:Task\n")


def entries_are_not_utf8(info):
    (info / "entry_points.txt").write_bytes(TASK.format("t").encode() + b"caf\xe9 = x:y\n")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (no_metadata, "has no METADATA that can be read"),
        (metadata_is_a_folder, "has no METADATA that can be read"),
        (metadata_is_a_dangling_link, "has no METADATA that can be read"),
        (metadata_links_to_itself, "has no METADATA that can be read"),
        (metadata_is_a_pipe, "has no METADATA that can be read"),
        (metadata_is_huge, "has no METADATA that can be read"),
        (empty_metadata, "has no METADATA that can be read"),
        (no_name, "METADATA has no name of a package"),
        (odd_name, "METADATA has no name of a package"),
        (name_of_another, "METADATA is of another package, 'lilota-sqlite-store'"),
        (no_version, "METADATA has no version"),
        (headers_are_not_utf8, "METADATA is not UTF-8"),
        (a_line_without_value, "line 3 of"),
        (a_line_without_name, "is not 'name = module:object'"),
        (a_name_twice, "has 't' twice in 'lilota.tasks'"),
        (entries_are_not_utf8, "entry_points.txt is not UTF-8"),
    ],
)
def test_broken_metadata_keeps_a_record_and_one_short_warning(install, tmp_path, caplog, damage, words):
    """The record has failed and stays so; both say where it is. In strict mode it is an error."""
    info = metadata_of(write_distribution(tmp_path, "broken", "1.0", TASK.format("t")), "broken")
    damage(info)
    install(tmp_path)

    plugins = Plugins(Settings())

    record = record_of(plugins, "t")
    assert (record.state, record.distribution, record.version) == ("failed", "broken", "1.0")
    assert words in record.error
    assert str(info) in record.error
    [warning] = [text for text in caplog.messages if str(info) in text]
    assert len(warning) < 400
    assert "LILOTA_DISABLE_PLUGINS=broken" in warning
    with pytest.raises(UnknownTaskError, match="can't be used"):
        plugins.load_task("t")
    assert record_of(plugins, "t").state == "failed"
    with pytest.raises(PluginError, match=r"broken 1.0 brings can't be used"):
        Plugins(Settings(strict_plugins=True))


def test_broken_metadata_can_be_blocked(install, tmp_path, caplog):
    """By the name of its folder; then it is no fault any more."""
    no_metadata(metadata_of(write_distribution(tmp_path, "broken", "1.0", TASK.format("t")), "broken"))
    install(tmp_path)

    plugins = Plugins(Settings(plugins_blocked=("broken",), strict_plugins=True))

    assert record_of(plugins, "t").state == "disabled"
    assert caplog.messages == []


@pytest.mark.parametrize(
    "entries",
    [
        "[console_scripts]\njunk line\n" + TASK.format("t"),
        "junk line\n" + TASK.format("t"),
        "; a comment\n" + TASK.format("t") + "# another\n\nt = t_module:Task\n",
        "[lilota.stores.of.others]\njunk\n" + TASK.format("t") + "[other]\n=\n",
    ],
)
def test_what_others_write_into_their_groups_is_not_judged(install, tmp_path, entries):
    """A line that is wrong elsewhere does not cost an entry of lilota's groups."""
    install(write_distribution(tmp_path, "mixed", "1.0", entries))

    assert record_of(Plugins(Settings(strict_plugins=True)), "t").state == "not loaded"


def test_a_description_may_be_in_any_encoding(install, tmp_path):
    """It is not needed, so it breaks nothing."""
    info = metadata_of(write_distribution(tmp_path, "old-author", "1.0", TASK.format("t")), "old_author")
    (info / "METADATA").write_bytes(b"Name: old-author\nVersion: 1.0\n\nName: another\nJ\xf6rg wrote it.\n")
    install(tmp_path)

    assert record_of(Plugins(Settings()), "t").state == "not loaded"


@pytest.mark.parametrize("name", ["a" * 201, "tab\tinside"])
def test_an_entry_that_can_not_be_the_name_of_a_task_fails_alone(install, tmp_path, name):
    """A name is checked as that of a class that a program registers; the other entries are whole."""
    install(write_distribution(tmp_path, "odd-names", "1.0", f"[lilota.tasks]\n{name} = x:Y\nfine = x:Y\n"))

    plugins = Plugins(Settings())

    assert "must be 1 to 200 printable characters" in record_of(plugins, name).error
    assert record_of(plugins, "fine").state == "not loaded"


@pytest.mark.parametrize(
    ("group", "meant"),
    [
        ("lilota.task", "lilota.tasks"),
        ("lilota_tasks", "lilota.tasks"),
        ("Lilota.Tasks", "lilota.tasks"),
        ("lilota.store", "lilota.stores"),
        ("lilota.executor", "lilota.executors"),
        ("lilota.file", "lilota.files"),
        ("lilota.plugin", "lilota.plugins"),
    ],
)
def test_a_misspelt_group_is_noticed(install, tmp_path, caplog, group, meant):
    """Its entries have failed records in the group that was meant, so whoever misses one learns why."""
    install(write_distribution(tmp_path, "speller", "1.0", f"[{group}]\nmisspelt = x:Y\nsecond = x:Z\n"))

    plugins = Plugins(Settings())

    record = record_of(plugins, "misspelt")
    assert (record.group, record.state) == (meant, "failed")
    assert f"lilota knows no group {group!r}. Did you mean {meant!r}?" in record.error
    assert len([text for text in caplog.messages if "speller" in text]) == 1


@pytest.mark.parametrize("group", ["lilota.formats", "lilota_web.pages", "lilota"])
def test_groups_that_plugins_have_for_themselves_are_left_alone(install, tmp_path, caplog, group):
    """A plugin may have plugins of its own."""
    install(write_distribution(tmp_path, "host", "1.0", f"[{group}]\npage = x:Y\n"))

    Plugins(Settings(strict_plugins=True))

    assert caplog.messages == []


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("hidden", ["entry_points.txt", "."])
def test_entries_that_this_user_can_not_read_are_remarked(install, tmp_path, caplog, hidden):
    """Whether they are of lilota can't be known, so it is said, once for all of them."""
    for name in ("private", "secret"):
        metadata_of(write_distribution(tmp_path, name, "1.0", TASK.format("t")), name).joinpath(hidden).chmod(0)
    install(tmp_path)

    plugins = Plugins(Settings())
    for info in tmp_path.iterdir():
        info.chmod(0o700)  # so that pytest can delete it

    [remark] = plugins.remarks()
    assert "and of 1 more can't be read" in remark
    assert caplog.messages == [remark]


def be_a_pipe(file):
    file.unlink()
    os.mkfifo(file)


def be_a_device(file):
    file.unlink()
    file.symlink_to("/dev/zero")


def be_huge(file):
    os.truncate(file, 2**30)


def be_a_link_to_nothing(file):
    file.unlink()
    file.symlink_to(file.with_name("nowhere"))


@pytest.mark.parametrize("be_no_file", [be_a_pipe, be_a_device, be_huge, be_a_link_to_nothing])
def test_entries_that_are_no_file_are_remarked(install, tmp_path, be_no_file):
    """What can't be read, or not to its end, is no reason to stop, nor to wait."""
    info = metadata_of(write_distribution(tmp_path, "hollow", "1.0", TASK.format("t")), "hollow")
    be_no_file(info / "entry_points.txt")
    install(tmp_path)

    [remark] = Plugins(Settings()).remarks()

    assert str(info) in remark


@pytest.mark.parametrize("error", [KeyError, SystemExit])
@pytest.mark.parametrize("begins", [True, False])
def test_a_finder_that_raises_hides_nothing_but_its_own(install, tmp_path, monkeypatch, error, begins):
    """Whether at once or in between; the remark names it."""
    install(write_distribution(tmp_path, "fine", "1.0", TASK.format("t")))

    class Finder:
        @staticmethod
        def find_distributions(_context):
            if begins:
                raise error("planted")
            return (_raise(error("planted")) for _ in range(1))

    importlib.import_module("importlib_metadata")  # it puts its own finder there, which must outlive this test
    monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])

    plugins = Plugins(Settings())

    [remark] = plugins.remarks()
    assert remark.startswith("The finder Finder (")
    assert f"{error.__name__}: " in remark
    assert record_of(plugins, "t").state == "not loaded"


def _raise(error):
    raise error


def test_a_broken_archive_is_remarked_in_one_line(monkeypatch):
    """What another package's finder gives may raise anything, of any length."""
    import importlib_metadata

    class Broken(importlib_metadata.Distribution):
        def read_text(self, filename):
            raise ValueError(f"{filename}: " + "a long story\n" * 1000)

        def locate_file(self, path):
            raise NotImplementedError

    class Finder:
        @staticmethod
        def find_distributions(_context):
            return [Broken()]

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder])

    [remark] = Plugins(Settings()).remarks()

    assert remark.startswith("The metadata of an installed package can't be read")
    assert len(remark) < 400
    assert "\n" not in remark
