"""Where settings come from, and what is said about those that can't be used."""

from __future__ import annotations

import grp
import os
import pwd

import msgspec
import pytest

from lilota import config
from lilota.config import Settings, load_settings
from lilota.errors import ConfigurationError


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty working folder, and an environment without settings."""
    for variable in ("STORE", "PLUGINS", "DISABLE_PLUGINS", "NO_PLUGINS", "PLUGIN_CHOICE", "STRICT_PLUGINS"):
        monkeypatch.delenv(f"LILOTA_{variable}", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_any_configuration_the_store_is_a_file_in_the_working_folder():
    """The default is durable."""
    settings = load_settings()

    assert settings == Settings(store="sqlite:///lilota.db")


def test_an_argument_wins_over_environment_and_file(folder, monkeypatch):
    """The order of precedence: argument, environment, file, default."""
    (folder / "lilota.toml").write_text('store = "from-file"\nstrict_plugins = true\nplugins_blocked = ["x"]')
    monkeypatch.setenv("LILOTA_STORE", "from-environment")
    monkeypatch.setenv("LILOTA_STRICT_PLUGINS", "0")

    settings = load_settings(store="from-argument", strict_plugins=None)

    assert (settings.store, settings.strict_plugins, settings.plugins_blocked) == ("from-argument", False, ("x",))
    assert settings.source_of("store") == "an argument"
    assert settings.source_of("strict_plugins") == "the environment variable LILOTA_STRICT_PLUGINS"
    assert settings.source_of("plugins_blocked") == str(folder / "lilota.toml")


def test_who_passes_settings_on_names_the_place_where_they_stand():
    """An error then leads to what a person has written."""
    settings = load_settings(place="the Django setting LILOTA", store="memory")

    assert settings.source_of("store") == "the Django setting LILOTA"
    with pytest.raises(ConfigurationError, match="'store' in the Django setting LILOTA"):
        load_settings(place="the Django setting LILOTA", store=5)


def test_every_environment_variable_is_read(monkeypatch):
    """Each variable sets its setting."""
    monkeypatch.setenv("LILOTA_STORE", "memory")
    monkeypatch.setenv("LILOTA_MODULES", "shop.tasks, other.tasks")
    monkeypatch.setenv("LILOTA_PLUGINS", "memory, lilota.tasks:resize,")
    monkeypatch.setenv("LILOTA_DISABLE_PLUGINS", "sqlite")
    monkeypatch.setenv("LILOTA_NO_PLUGINS", "yes")
    monkeypatch.setenv("LILOTA_PLUGIN_CHOICE", "resize = images, send=mail")
    monkeypatch.setenv("LILOTA_STRICT_PLUGINS", "1")
    monkeypatch.setenv("LILOTA_EXECUTOR", "dask://host:8786")
    monkeypatch.setenv("LILOTA_PRUNE_AFTER_SECONDS", "604800")
    monkeypatch.setenv("LILOTA_PLACES_PER_PROCESS", "500")
    monkeypatch.setenv("LILOTA_HEARTBEAT_FILE", "/run/heartbeat")

    settings = load_settings()

    assert settings.store == "memory"
    assert settings.modules == ("shop.tasks", "other.tasks")
    assert settings.plugins_allowed == ("memory", "lilota.tasks:resize")
    assert settings.plugins_blocked == ("sqlite",)
    assert settings.plugins_off is True
    assert settings.plugin_choices == {"resize": "images", "send": "mail"}
    assert settings.strict_plugins is True
    assert settings.executor == "dask://host:8786"
    assert settings.prune_after_seconds == 604_800
    assert settings.places_per_process == 500
    assert settings.heartbeat_file == "/run/heartbeat"


def test_an_empty_environment_variable_is_not_a_setting(monkeypatch):
    """`LILOTA_PLUGINS=` does not forbid every plugin."""
    monkeypatch.setenv("LILOTA_PLUGINS", " ")

    assert load_settings().plugins_allowed is None


def test_the_nearest_folder_with_settings_wins(folder):
    """A pyproject.toml that says nothing about lilota is passed over, and folders are not mixed."""
    inner = folder / "a" / "b"
    inner.mkdir(parents=True)
    (folder / "lilota.toml").write_text('store = "far"\nstrict_plugins = true')
    (folder / "a" / "pyproject.toml").write_text('[tool.lilota]\nstore = "near"')
    (inner / "pyproject.toml").write_text('[project]\nname = "application"')

    settings = load_settings(inner)

    assert (settings.store, settings.strict_plugins) == ("near", False)


def test_lilota_toml_wins_over_pyproject_in_one_folder(folder):
    """Two files in one folder are not mixed either."""
    (folder / "lilota.toml").write_text('store = "own-file"')
    (folder / "pyproject.toml").write_text('[tool.lilota]\nstore = "shared-file"\nstrict_plugins = true')

    settings = load_settings()

    assert (settings.store, settings.strict_plugins) == ("own-file", False)


def test_tasks_of_the_application_are_configured_by_reference(folder):
    """`[tool.lilota.tasks]` names classes by module and name."""
    (folder / "pyproject.toml").write_text('[tool.lilota.tasks]\nresize = "app.tasks:Resize"')

    assert load_settings().tasks == {"resize": "app.tasks:Resize"}


def test_settings_survive_the_way_to_a_worker(folder):
    """Settings are sent as JSON."""
    (folder / "lilota.toml").write_text('plugins_allowed = ["memory"]\nplugin_choices = { a = "b" }')
    settings = load_settings()

    assert msgspec.json.decode(msgspec.json.encode(settings), type=Settings) == settings


def test_an_unknown_setting_is_named_with_its_file_and_the_nearest_known_one(folder):
    """A typing error is not ignored."""
    (folder / "pyproject.toml").write_text('[tool.lilota]\nplugin_blocked = ["x"]')

    with pytest.raises(ConfigurationError, match=r"'plugin_blocked' in .*pyproject\.toml.*mean 'plugins_blocked'"):
        load_settings()


def test_an_unknown_argument_is_refused():
    """The same holds for arguments."""
    with pytest.raises(ConfigurationError, match=r"Unknown setting 'stores' in an argument. Did you mean 'store'"):
        load_settings(stores="memory")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("store = 5", "'store' in .* Expected `str`, got `int`"),
        ('store = " "', "'store' in .* is empty"),
        ('plugins_blocked = "sqlite"', "'plugins_blocked' in .* Expected `array`, got `str`"),
        ('prune_after_seconds = "7d"', "'prune_after_seconds' in .* Expected `float \\| null`, got `str`"),
        ("prune_after_seconds = 0", "'prune_after_seconds' in .* is 0; write a number of seconds above 0"),
        ("prune_after_seconds = nan", "'prune_after_seconds' in .* is nan; write a number of seconds above 0"),
        ("places_per_process = 0", "'places_per_process' in .* is 0; write a whole number from 1 to 10,000"),
        ("places_per_process = 1.5", "'places_per_process' in .* Expected `int`, got `float`"),
        ('heartbeat_file = ""', "'heartbeat_file' in .* is empty; name a file, or leave it out"),
        ("recycle_after_tasks = 0", "'recycle_after_tasks' in .* is 0; write a whole number of at least 1"),
        ("recycle_after_tasks = 1.5", "'recycle_after_tasks' in .* Expected `int \\| null`, got `float`"),
        ("recycle_after_tasks = true", "'recycle_after_tasks' in .* Expected `int \\| null`, got `bool`"),
        ("recycle_after_seconds = -1", "'recycle_after_seconds' in .* is -1.0; write a number of seconds above 0"),
        ("recycle_after_mb = 10", "'recycle_after_mb' in .* is 10.0; write a number of MB from 50 on"),
        ("recycle_after_mb = nan", "'recycle_after_mb' in .* is nan; write a number of MB from 50 on"),
        ("plugins_off = 1", "'plugins_off' in .* Expected `bool`, got `int`"),
        ("tasks = { resize = 1 }", "'tasks' in .* Expected `str`, got `int`"),
        ('modules = "app.tasks"', "'modules' in .* Expected `array`, got `str`"),
        (
            'modules = ["app/tasks.py"]',
            "'modules' in .* names 'app/tasks.py', which is no module; write .*package",
        ),
        ('modules = ["app.tasks:resize"]', "'modules' in .* names 'app.tasks:resize', which is no module"),
        ('tasks = { resize = "app.tasks" }', "task 'resize' in .* 'app.tasks'; write .*package.module:ClassName"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(folder, line, problem):
    """The message names the setting, the file and what was expected."""
    (folder / "lilota.toml").write_text(line)

    with pytest.raises(ConfigurationError, match=problem):
        load_settings()


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("LILOTA_NO_PLUGINS", "maybe", "LILOTA_NO_PLUGINS is 'maybe'; write 1"),
        ("LILOTA_PRUNE_AFTER_SECONDS", "7d", "LILOTA_PRUNE_AFTER_SECONDS is '7d'; write a number, .* 604800"),
        ("LILOTA_PRUNE_AFTER_SECONDS", "-1", "LILOTA_PRUNE_AFTER_SECONDS is -1; write a number of seconds above 0"),
        ("LILOTA_PLACES_PER_PROCESS", "many", "LILOTA_PLACES_PER_PROCESS is 'many'; write a whole number"),
        ("LILOTA_PLUGIN_CHOICE", "resize", "LILOTA_PLUGIN_CHOICE holds 'resize'; write it as \"name=distribution"),
    ],
)
def test_an_environment_variable_that_makes_no_sense_is_refused(monkeypatch, variable, value, problem):
    """The message names the variable and shows how to write it."""
    monkeypatch.setenv(variable, value)

    with pytest.raises(ConfigurationError, match=problem):
        load_settings()


@pytest.mark.parametrize("content", [b"store = ", b"store = '\xff'"])
def test_a_file_that_is_not_toml_is_named(folder, content):
    """A broken file is an error, not a file without settings."""
    (folder / "lilota.toml").write_bytes(content)

    with pytest.raises(ConfigurationError, match=r"lilota\.toml is not a valid TOML file"):
        load_settings()


def test_a_table_that_is_no_table_is_refused(folder):
    """`lilota = "x"` below `[tool]` is a mistake."""
    (folder / "pyproject.toml").write_text('[tool]\nlilota = "memory"')

    with pytest.raises(ConfigurationError, match=r"write it as \[tool\.lilota\]"):
        load_settings()


@pytest.mark.parametrize("mode", [0o666, 0o602])
def test_a_file_that_everybody_can_write_is_warned_of(folder, caplog, mode):
    """The file names modules to import, so its writers can run code."""
    _configure(folder, file_mode=mode)

    load_settings()

    assert "lilota.toml can be changed by other users" in caplog.text


@pytest.mark.parametrize(("folder_mode", "is_warned_of"), [(0o777, True), (0o1777, False), (0o755, False)])
def test_a_file_in_a_folder_that_everybody_can_write_is_warned_of(folder, caplog, folder_mode, is_warned_of):
    """Who can write the folder can put another file there; not so in one like /tmp, where files keep their owner."""
    _configure(folder, folder_mode=folder_mode)

    load_settings()

    assert ("can be changed by other users" in caplog.text) is is_warned_of


@pytest.mark.parametrize(("is_own", "is_warned_of"), [(False, True), (True, False)])
def test_a_file_that_a_group_can_write_is_warned_of(folder, caplog, monkeypatch, is_own, is_warned_of):
    """Unless the group is the person's alone, as many systems make one for each."""
    _configure(folder, file_mode=0o664)
    monkeypatch.setattr(config, "_is_own_group", lambda _group: is_own)

    load_settings()

    assert ("can be changed by other users of the group" in caplog.text) is is_warned_of


def test_a_group_of_ones_own_has_ones_name_and_nobody_else_in_it(monkeypatch):
    """Another group, a shared one, and one without a name are groups of others."""
    user = pwd.getpwuid(os.geteuid())

    def group(name, members, gid=user.pw_gid):
        monkeypatch.setattr(grp, "getgrgid", lambda _group: grp.struct_group((name, "x", gid, members)))
        return config._is_own_group(gid)

    assert group(user.pw_name, [])
    assert group(user.pw_name, [user.pw_name])
    assert not group(user.pw_name, ["eve"])
    assert not group("staff", [])
    assert not group(user.pw_name, [], gid=user.pw_gid + 1)


def test_root_is_warned_of_a_file_of_somebody_else(folder, caplog, monkeypatch):
    """Whoever runs lilota as root in the folder of a person runs what the person configured."""
    _configure(folder)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    theirs = os.stat_result([*os.stat(folder)[:4], 1234, *os.stat(folder)[5:10]])
    stat = os.stat
    monkeypatch.setattr(os, "stat", lambda path, **how: theirs if path == str(folder) else stat(path, **how))

    load_settings()

    assert "lilota.toml can be changed by the owner of its folder, 1234" in caplog.text


@pytest.mark.parametrize("mark", [".git", ".hg"])
def test_the_search_ends_at_the_root_of_a_repository(folder, mark):
    """What lies above a repository is somebody else's; what lies in its root counts."""
    inner = folder / "repository" / "src"
    inner.mkdir(parents=True)
    (inner.parent / mark).mkdir()
    (folder / "lilota.toml").write_text('store = "above"')

    assert load_settings(inner).store == "sqlite:///lilota.db"
    (inner.parent / "lilota.toml").write_text('store = "root"')
    assert load_settings(inner).store == "root"


def test_the_search_ends_at_the_persons_own_folder(folder, monkeypatch):
    """On a machine of many, nobody configures the others from the folder above."""
    inner = folder / "home" / "project"
    inner.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(inner.parent))
    (folder / "lilota.toml").write_text('store = "above"')

    assert load_settings(inner).store == "sqlite:///lilota.db"
    (inner.parent / "lilota.toml").write_text('store = "home"')
    assert load_settings(inner).store == "home"


def _configure(folder, file_mode=0o644, folder_mode=0o755):
    path = folder / "lilota.toml"
    path.write_text('store = "memory"')
    path.chmod(file_mode)
    folder.chmod(folder_mode)
