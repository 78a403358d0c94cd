"""The tutorial works as it is written: its files and commands, in their order, with a real site and a real worker."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import django
import pytest
from shop_sites import until

PAGE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "use-with-django.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE_LINE = re.compile(r"# ([\w/]+\.py)(, at its end)?\n")
BEFORE_DJANGO_6 = {
    "from django.tasks": "from django_tasks",
    '"lilota_django", "reports"': '"lilota_django", "reports", "django_tasks"',
}
LOOK_INTO_ADMIN = """
from django.contrib.auth.models import User
from django.test import Client
client = Client()
client.force_login(User.objects.get())
print(client.get("/admin/lilota/task/", headers={"host": "localhost"}).content.decode())
"""


def steps():
    """Give the files and commands of the page: file, text, whether it is appended; or None, command, False."""
    for language, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        name = FILE_LINE.match(text)
        if language == "python" and name:
            yield name[1], text[name.end() :], bool(name[2])
        elif language == "console":
            yield from ((None, line[2:], False) for line in text.splitlines() if line.startswith("$ "))


def for_this_django(text):
    """Change a file as the page says that it must be changed before Django 6."""
    if django.VERSION < (6, 0):
        for new, old in BEFORE_DJANGO_6.items():
            text = text.replace(new, old)
    return text


class Reader:
    """Somebody who follows the page."""

    def __init__(self, folder, port):
        self.folder = folder
        self.port = port
        own = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "LILOTA_"))}
        path = f"{Path(sys.executable).parent}{os.pathsep}{own.get('PATH', os.defpath)}"
        person = {
            "DJANGO_SUPERUSER_USERNAME": "anna",
            "DJANGO_SUPERUSER_PASSWORD": "a password",
            "DJANGO_SUPERUSER_EMAIL": "anna@example.org",
        }
        self.environment = {**own, **person, "PATH": path, "PYTHONDONTWRITEBYTECODE": "1"}

    def follow(self, stack):
        for name, text, is_appended in steps():
            if name is None:
                self.type(text, stack)
                continue
            path = self.folder / name
            path.write_text((path.read_text() if is_appended else "") + for_this_django(text))

    def type(self, command, stack):
        """Run a command, in the background if it does not end."""
        if command.startswith("pip install"):
            return
        if command.endswith("runserver"):
            stack.enter_context(self.in_background(f"{command} --noreload {self.port}"))
        elif "lilota_worker" in command:
            stack.enter_context(self.in_background(f"{command} --processes 1"))
        else:
            self.run(command + (" --noinput" if command.endswith("createsuperuser") else ""))

    def run(self, command, *arguments):
        done = subprocess.run(
            [*command.split(), *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def in_background(self, command):
        return Background(command.split(), self.folder, self.environment)

    def get(self, path):
        with urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=120) as response:
            return json.load(response)

    def site_answers(self):
        with socket.socket() as connection:
            return connection.connect_ex(("127.0.0.1", self.port)) == 0


class Background:
    """A command that runs until the end of the block."""

    def __init__(self, command, folder, environment):
        self._arguments = {"args": command, "cwd": folder, "env": environment, "start_new_session": True}

    def __enter__(self):
        self._process = subprocess.Popen(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self._arguments)
        return self

    def __exit__(self, *_):
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=60)
        finally:
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()


@pytest.mark.timeout(900)  # ten programs, one after the other
@pytest.mark.skipif(not PAGE.exists(), reason="the documentation is not part of this distribution")
def test_whoever_follows_the_tutorial_sees_a_task_succeed(tmp_path):
    """From an empty folder to a result that the site gives, and a row in the admin."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    reader = Reader(tmp_path, port)

    with ExitStack() as stack:
        reader.follow(stack)
        until(reader.site_answers, bool)
        task_id = reader.get("/reports/start/")["id"]
        shown = until(lambda: reader.get(f"/reports/{task_id}/"), lambda answer: answer["status"] != "READY")
        shown = until(lambda: reader.get(f"/reports/{task_id}/"), lambda answer: answer["status"] != "RUNNING")
        with pytest.raises(HTTPError, match="404") as unknown:
            reader.get("/reports/77/")
        unknown.value.close()
        page = reader.run(f"{sys.executable} manage.py shell -v 0 -c", LOOK_INTO_ADMIN)

    assert shown == {"status": "SUCCESSFUL", "users": 1}
    assert "reports.tasks.count_users" in page
    assert "succeeded" in page
