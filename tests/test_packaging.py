"""What holds of the distributions together: versions, pins, entry points, what is documented, what is not imported."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

import lilota
from lilota.config import SETTING_NAMES
from lilota.hookspecs import LilotaHooks

ROOT = Path(__file__).resolve().parent.parent
PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))
DISTRIBUTIONS = [ROOT, *PLUGINS]
HOOKS = sorted(name for name in vars(LilotaHooks) if not name.startswith("_"))
# A store's contents must never run code.
UNSAFE_MODULES = {"cloudpickle", "cPickle", "dill", "marshal", "pickle", "shelve", "yaml"}
UNSAFE_CALLS = {"eval", "exec"}
# In pieces, or this file would be the first to break its own rule.
REGISTRY_HOSTS = "|".join(
    re.escape(name + "." + domain)
    for name, domain in [
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("debian", "org"),
    ]
)
BARE_SUPPRESSION = re.compile(
    r"#\s*(?:ruff:\s*)?noqa\b(?!: [A-Z]+\d+(?:, [A-Z]+\d+)* - \S)|#\s*type:\s*ignore\b(?!\[[\w, -]+\]  ?# \S)"
)
WORKPLACE = (
    r"(?<![\w.~}/-])/(?:work|root)/|(?<![\w/])shared" + r"/|\.lib" + r"rary/|\bseed\.m" + r"d\b|/tmp/(?:dev|briefs)\b"
)


def project(folder: Path) -> dict:
    return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def entry_points_of(folder: Path) -> Iterator[tuple[str, str]]:
    """Give (group/name, "module:attribute") for each entry point that a distribution declares, scripts included."""
    declared = project(folder)
    groups = {**declared.get("entry-points", {}), "console_scripts": declared.get("scripts", {})}
    return ((f"{group}/{name}", target) for group, entries in groups.items() for name, target in entries.items())


def is_installed(name: str) -> bool:
    try:
        return bool(metadata.version(name))
    except metadata.PackageNotFoundError:
        return False


def shipped_modules() -> list[Path]:
    """List what runs in applications; `lilota.testing` pickles its own store handles to prove that they survive."""
    packages = [ROOT / "lilota", *(plugin / plugin.name for plugin in PLUGINS)]
    modules = sorted(path for package in packages for path in package.rglob("*.py"))
    return [path for path in modules if ROOT / "lilota" / "testing" not in path.parents]


def tracked_files() -> list[Path]:
    """List what a clone would have, and what is about to be committed."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    return [ROOT / name for name in listing.split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.skipif("LILOTA_TEST_WHEELS" not in os.environ, reason="only nox promises that wheels are tested")
def test_the_wheels_are_tested_and_not_the_checkout():
    """Under nox, `lilota` comes from site-packages, so that a file missing from a wheel is noticed."""
    assert "site-packages" in Path(lilota.__file__).parts


@pytest.mark.parametrize("folder", DISTRIBUTIONS, ids=lambda folder: project(folder)["name"])
def test_all_distributions_have_one_version(folder):
    """A release is one number for the core and every plugin; the code says the same as the metadata."""
    assert project(folder)["version"] == lilota.__version__


def test_the_installed_version_is_the_one_that_the_code_says():
    """`pip list` and `lilota.__version__` agree."""
    assert metadata.version("lilota") == lilota.__version__


@pytest.mark.parametrize("folder", PLUGINS, ids=lambda folder: folder.name)
def test_a_plugin_excludes_the_older_unrelated_line_of_the_same_name(folder):
    """The package index has a `lilota` 1.x that is another program; a plugin must never be satisfied with it."""
    requirements = project(folder)["dependencies"]

    assert [item for item in requirements if re.match(r"lilota\b(?!-)", item)] == ["lilota>=2.0.0.dev0,<3"]


@pytest.mark.parametrize("folder", DISTRIBUTIONS, ids=lambda folder: project(folder)["name"])
def test_every_entry_point_of_an_installed_distribution_resolves(folder):
    """No entry point names a module or an attribute that does not exist."""
    name = project(folder)["name"]
    if not is_installed(name):
        pytest.skip(f"{name} is not installed here; tests/package loads its entry points too")
    declared = dict(entry_points_of(folder))

    installed = {f"{entry.group}/{entry.name}": entry for entry in metadata.distribution(name).entry_points}
    assert {key: entry.value for key, entry in installed.items()} == declared
    for entry in installed.values():
        assert entry.load() is not None


def reference_documentation() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("docs/reference/**/*.md")))


def test_there_are_hooks_and_settings_to_document():
    """The two lists below come from the code, and are not empty by mistake."""
    assert "lilota_run_attempt" in HOOKS
    assert "store" in SETTING_NAMES


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_documented(hook):
    """docs/reference names each hook, as code."""
    assert re.search(rf"`{hook}\b", reference_documentation()), f"Describe `{hook}` in docs/reference/."


@pytest.mark.parametrize("setting", SETTING_NAMES)
def test_every_setting_is_documented(setting):
    """docs/reference names each setting, as code."""
    assert f"`{setting}`" in reference_documentation(), f"Describe `{setting}` in docs/reference/."


def unsafe_names(module: Path) -> list[str]:
    """List the imports and calls in a module that could run code which came from outside."""
    found = []
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name.partition(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            only_writes = {alias.name for alias in node.names} == {"dumps"}  # which can't become code here
            names = [] if only_writes else [(node.module or "").partition(".")[0]]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            names = [node.func.id] if node.func.id in UNSAFE_CALLS else []
        found += [f"line {node.lineno}: {name}" for name in names if name in UNSAFE_MODULES | UNSAFE_CALLS]
    return found


def test_no_module_unpickles_or_evaluates():
    """What came from a store or a pipe can't become code: no pickle, no YAML, no eval, no exec."""
    found = {str(module.relative_to(ROOT)): unsafe_names(module) for module in shipped_modules()}

    assert {module: names for module, names in found.items() if names} == {}


def test_the_check_for_unsafe_names_finds_them(tmp_path):
    """The check above is not blind."""
    module = tmp_path / "module.py"
    module.write_text("import pickle\nfrom yaml import load\nimport json\neval('1')\nfrom pickle import dumps\n")

    assert unsafe_names(module) == ["line 1: pickle", "line 2: yaml", "line 4: eval"]


@pytest.mark.parametrize(("what", "pattern"), [("a registry's host", REGISTRY_HOSTS), ("a workplace path", WORKPLACE)])
def test_no_file_names(what, pattern):
    """The project installs from wherever the user's tools point, and knows no machine but the user's."""
    lines = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}"
        for path in tracked_files()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if re.search(pattern, line)
    ]

    assert lines == [], f"{what} is named"


def test_every_suppression_names_its_rule_and_its_reason():
    """Whoever reads one knows what is allowed there, and why; as `noqa: S603 - fixed words` and the like."""
    lines = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}"
        for path in tracked_files()
        if path.suffix == ".py"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if BARE_SUPPRESSION.search(line)
    ]

    assert lines == []


def test_an_old_python_can_read_dev_py_and_is_told_which_one_is_needed():
    """dev.py parses back to Python 3.6 and says its sentence before it imports or defines anything newer."""
    tree = ast.parse((ROOT / "dev.py").read_text(encoding="utf-8"), feature_version=(3, 6))

    _docstring, first, second, *_ = tree.body
    assert ast.unparse(first) == "import sys"
    assert ast.unparse(second).startswith("if sys.version_info < (3, 11):")
    assert not [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
