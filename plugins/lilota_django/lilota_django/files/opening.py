"""Find the storage of an address in the project, and judge whether files of tasks can be kept in it."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import FileSystemStorage, InMemoryStorage, Storage, storages

from lilota.errors import ConfigurationError
from lilota.files import FileAreaInfo
from lilota_django.files.area import StorageArea
from lilota_django.files.file_systems import FileSystemArea
from lilota_django.files.plugin import StorageAddress
from lilota_django.readiness import set_up


def open_area(address: StorageAddress) -> StorageArea:
    """Return the file area of an address; connects to nothing.

    Raises:
        ConfigurationError: there is no project, or no such storage, or it can't be used for files of tasks.
    """
    set_up("A file area in a Django storage")
    storage = _storage(address.alias)
    is_folder = isinstance(storage, FileSystemStorage)
    info = FileAreaInfo(
        description=f"the Django storage '{address.alias}' ({type(storage).__name__}), folder {address.folder}",
        is_shared=not is_folder if address.is_shared is None else address.is_shared,
    )
    if isinstance(storage, FileSystemStorage):
        return FileSystemArea(storage, address.folder, info)
    return StorageArea(storage, address.folder, info)


def _storage(alias: str) -> Storage:
    if alias not in storages.backends:
        known = ", ".join(f"'{name}'" for name in sorted(storages.backends))
        raise ConfigurationError(f"STORAGES in the settings of the project has no alias '{alias}', only: {known}.")
    try:
        storage = storages[alias]
    except (ImproperlyConfigured, ImportError, TypeError) as error:
        raise ConfigurationError(
            f"The Django storage '{alias}' can't be made: {' '.join(str(error).split())}"
        ) from error
    _check(alias, storage)
    return storage


def _check(alias: str, storage: Storage) -> None:
    if isinstance(storage, InMemoryStorage):
        raise ConfigurationError(
            f"The Django storage '{alias}' is in the memory of each process: nobody would find what a task puts there. "
            "Name another one in the setting 'files'."
        )
    if type(storage).listdir is Storage.listdir:
        raise ConfigurationError(
            f"The Django storage '{alias}' ({type(storage).__name__}) has no listdir(), so files that belong to nobody "
            "would never be found and deleted. Name another one in the setting 'files'."
        )
