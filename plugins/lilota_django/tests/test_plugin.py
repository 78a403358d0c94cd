"""URLs of the Django store, and the handle that they give."""

from __future__ import annotations

import pickle
import subprocess
import sys

import pytest
from lilota_django.plugin import open_django_store
from lilota_django.store import DjangoTaskStore

from lilota.contract import TaskStore
from lilota.errors import ConfigurationError
from lilota.stores import open_store


@pytest.mark.parametrize(
    ("url", "alias"),
    [
        ("django", "default"),
        ("django://", "default"),
        ("django://default", "default"),
        ("django://tasks", "tasks"),
        ("django://tasks/", "tasks"),
        ("django://Tasks%20of%20ours", "Tasks of ours"),
    ],
)
def test_url_names_an_alias(url, alias):
    """Upper case and percent codes included."""
    assert open_django_store(url).alias == alias


def test_the_store_is_found_by_its_entry_point():
    """As any other: by its name, or by a URL with that name."""
    assert isinstance(open_store("django://default"), DjangoTaskStore)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("django://default?pool=5", "no option 'pool': set it under DATABASES"),
        ("django://default?pool", "no option 'pool'"),
        ("django://host:5432/db", "names an alias, not a server"),
        ("django://default/table", "something behind the alias"),
        ("django://default#part", "something behind the alias"),
    ],
)
def test_bad_url_is_refused_with_the_remedy(url, words):
    """One sentence that names what is wrong, and where it belongs."""
    with pytest.raises(ConfigurationError, match=words):
        open_django_store(url)


def test_a_password_in_a_url_is_not_repeated():
    """Somebody wrote the URL of a server."""
    with pytest.raises(ConfigurationError, match="not a server") as caught:
        open_django_store("django://user:hush@host/db")

    assert "hush" not in str(caught.value)


def test_the_handle_is_complete_and_travels_without_its_connections(store):
    """Only the alias is sent to another process."""
    copy = pickle.loads(pickle.dumps(store))

    assert isinstance(copy, TaskStore)
    assert (copy.alias, b"sqlite3" in pickle.dumps(store)) == ("default", False)


def test_naming_the_store_does_not_import_django():
    """`lilota plugins` stays quick, and works where no project is."""
    program = "import sys, lilota_django.plugin as p; p.open_django_store('django'); print('django' in sys.modules)"

    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert answer.stdout == "False\n"
