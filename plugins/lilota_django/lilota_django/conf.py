"""The setting `LILOTA` of a Django project: lilota's own settings, with names in capitals.

    LILOTA = {"STORE": "django://default", "TASKS": {"resize": "photos.tasks:Resize"}}

What it leaves out comes from where lilota always looks, the environment and lilota.toml; but the store does not: it is
the project's database unless `LILOTA` says otherwise. Modules that declare tasks, if none are named, are those called
`tasks` in the installed apps; the keys of references, if there are none, are those with which Django signs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.encoding import force_str
from django.utils.module_loading import module_has_submodule
from msgspec.structs import replace

from lilota.config import SETTING_NAMES, Settings, load_settings
from lilota.errors import ConfigurationError

DEFAULT_STORE: Final = "django://default"

_MEMORY: Final = "memory"
_SOURCE_OF_MODULES: Final = "INSTALLED_APPS, as the Django setting LILOTA has no MODULES"
_SOURCE_OF_KEYS: Final = "SECRET_KEY, as the Django setting LILOTA has no REF_KEYS"
_SOURCE_OF_DEFAULT: Final = "DATABASES, as the Django setting LILOTA has no STORE"


def project_settings(store: str | None = None) -> Settings:
    """Return the settings of lilota in this project.

    Args:
        store: a store to use instead of the configured one.

    Raises:
        ConfigurationError: `LILOTA`, or another place where lilota is configured, can't be used.
    """
    chosen: dict[str, Any] = dict(_checked(getattr(settings, "LILOTA", {})))
    is_chosen = bool(store or chosen.get("store"))
    chosen["store"] = store or chosen.get("store", DEFAULT_STORE)
    found = load_settings(place="an argument" if store else "the Django setting LILOTA", **chosen)
    if "modules" not in found.sources:
        found = replace(found, modules=_modules_of_apps(), sources={**found.sources, "modules": _SOURCE_OF_MODULES})
    if "ref_keys" not in found.sources:
        found = replace(found, ref_keys=_keys_of_project(), sources={**found.sources, "ref_keys": _SOURCE_OF_KEYS})
    return found if is_chosen else replace(found, sources={**found.sources, "store": _SOURCE_OF_DEFAULT})


def is_of_one_process(store: str) -> bool:
    """Tell whether a store, by its name or URL, is one that no other process sees: right for tests, and only there."""
    return store.partition(":")[0] == _MEMORY


def _keys_of_project() -> tuple[str, ...]:
    """Return the keys with which Django signs too; none where a project has none, which its commands may do without."""
    try:
        return tuple(map(force_str, (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)))
    except ImproperlyConfigured:
        return ()


def _modules_of_apps() -> tuple[str, ...]:
    """Return the modules `tasks` of the installed apps; none before Django knows these, when nobody adds a task."""
    found = apps.get_app_configs() if apps.apps_ready else ()
    return tuple(f"{app.name}.tasks" for app in found if module_has_submodule(app.module, "tasks"))


def _checked(configured: object) -> Mapping[str, object]:
    known = {name.upper(): name for name in SETTING_NAMES}
    if not isinstance(configured, Mapping):
        raise ConfigurationError(f"The setting LILOTA must be a dict, not {type(configured).__name__}.")
    unknown = sorted(str(name) for name in configured if name not in known)
    if unknown:
        raise ConfigurationError(f"LILOTA has no setting '{unknown[0]}'. It has: {', '.join(sorted(known))}.")
    return {known[name]: value for name, value in configured.items()}
