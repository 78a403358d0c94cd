"""What this distribution does in programs of others: nothing, unless there is a Django project."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from shop_sites import ShopSite

_PROGRAM = """
import sys
from lilota.config import Settings
from lilota.plugins import Plugins
plugins = Plugins(Settings())
print("django.tasks:*" in plugins.task_names(), "django" in sys.modules)
print({record.error for record in plugins.records() if record.distribution == "lilota-django"})
"""


def run(folder, *arguments, **environment):
    own = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "LILOTA_"))}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**own, **environment},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


@pytest.mark.parametrize(("module", "expected"), [("", "False False"), ("shop.settings", "True False")])
def test_task_functions_can_only_be_run_where_there_is_a_project(tmp_path, module, expected):
    """A runner without a project does not claim them; and who only looks at plugins does not import Django."""
    site = ShopSite(tmp_path)

    done = run(site.folder, "-c", _PROGRAM, DJANGO_SETTINGS_MODULE=module)

    assert done.stdout.splitlines() == [expected, "{None}"], done.stderr


def test_a_worker_of_the_command_line_loads_the_project(tmp_path):
    """`lilota worker` runs task functions too, if the environment names the project."""
    site = ShopSite(tmp_path)
    assert site.manage("migrate", "-v0").returncode == 0
    program = (
        "from shop.tasks import add_user; from lilota_django import get_client; import subprocess, sys\n"
        "result = add_user.enqueue('anna')\n"
        "command = [sys.executable, '-m', 'lilota', 'worker', '--processes', '1', '--store', 'django']\n"
        "worker = subprocess.Popen(command)\n"
        "print(get_client().get(int(result.id)).result(timeout_seconds=150))\n"
        "worker.terminate(); print(worker.wait())"
    )

    done = run(site.folder, "manage.py", "shell", "-v", "0", "-c", program, DJANGO_SETTINGS_MODULE="shop.settings")

    assert done.stdout.splitlines()[-2:] == ["{'return_value': [1, 1]}", "0"], done.stderr
