"""What a frozen program, or one without metadata, says of what it lacks."""

from __future__ import annotations

import sys

import pytest
from distributions import write_distribution

from lilota.config import Settings
from lilota.errors import ConfigurationError, PluginError, UnknownStoreError
from lilota.plugins import Plugins, discovery
from lilota.plugins.folders import MetadataFolder


@pytest.fixture
def without_metadata(monkeypatch, tmp_path):
    """A program that runs lilota from a folder or an archive into which only the packages were copied."""
    monkeypatch.setattr(
        discovery, "in_folders", lambda: [MetadataFolder(str(path)) for path in tmp_path.glob("*-info")]
    )


@pytest.fixture
def frozen(monkeypatch, without_metadata):
    """A program that was made with no options, by a tool that knows nothing of lilota."""
    monkeypatch.setattr(sys, "frozen", True, raising=False)


@pytest.mark.parametrize(
    ("use", "name", "package"),
    [
        (Plugins.executor_factory, "processes", "lilota"),
        (Plugins.store_factory, "memory", "lilota_memory_store"),
        (Plugins.store_factory, "sqlite", "lilota_sqlite_store"),
        (Plugins.store_factory, "postgresql", "lilota_postgres_store"),
    ],
)
def test_a_frozen_program_says_how_it_should_have_been_built(frozen, use, name, package):
    """Nothing can be installed into it."""
    with pytest.raises((ConfigurationError, UnknownStoreError)) as refusal:
        use(Plugins(Settings()), name)

    assert f"build it with `--collect-all {package} --copy-metadata {package}`" in str(refusal.value)
    assert "pip install" not in str(refusal.value)


def test_lilota_without_its_metadata_says_that_this_is_what_lacks(without_metadata):
    """It is there, so nobody should be told to install it and no more."""
    with pytest.raises(ConfigurationError, match=r"The metadata of lilota is not where lilota is.*lilota-\*.dist-info"):
        Plugins(Settings()).executor_factory("processes")


@pytest.mark.parametrize("name", ["memory", "sqlite"])
def test_a_store_of_this_project_is_named_with_its_package(without_metadata, name):
    """Whoever lacks one has no list in which it could be looked up."""
    with pytest.raises(UnknownStoreError, match=f"pip install lilota-{name}-store"):
        Plugins(Settings()).store_factory(name)


def test_a_frozen_program_that_has_the_metadata_alone_says_what_else_it_needs(frozen, tmp_path):
    """The module that the metadata names was not bundled, because nothing imports it by name."""
    write_distribution(tmp_path, "lilota-far-store", "1.0", "[lilota.stores]\nfar = lilota_far_store:FarStore\n")

    with pytest.raises(PluginError, match="No module named 'lilota_far_store'") as refusal:
        Plugins(Settings()).store_factory("far")

    assert "build it with `--collect-all lilota_far_store" in str(refusal.value)
    assert "LILOTA_DISABLE_PLUGINS" not in str(refusal.value)
