"""`lilota demo`: the real runner, store and mail server, as a person runs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from lilota_example_tasks.demo.jobs import Columns, guess_columns
from lilota_example_tasks.demo.samples import make_images
from PIL import Image


@pytest.fixture
def start_demo(tmp_path):
    """Return what starts the command in a folder of its own; it is killed at the end if it still runs."""
    started = []

    def start(*arguments, **more):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LILOTA_")}
        process = subprocess.Popen(
            [sys.executable, "-m", "lilota", "demo", *arguments],
            cwd=tmp_path,
            env={**environment, **more},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_the_demo_ends_with_thumbnails_a_report_and_mails(start_demo, tmp_path):
    """Without a terminal it prints lines; all results are where it says; what can't work is skipped and said."""
    process = start_demo()

    output, errors = process.communicate(timeout=100)

    assert (process.returncode, errors) == (0, "")
    assert "process_images   succeeded" in output
    assert "Skipped 'broken.jpg': image file is truncated" in output
    assert "skipped broken.jpg" in output
    assert "closed@example.org: 550 No such mailbox" in output
    assert "lilota show 1 --store sqlite:///lilota-demo/lilota.db" in output
    command = next(line for line in output.splitlines() if " show 1 " in line)
    assert subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    folder = tmp_path / "lilota-demo"
    assert len(list(folder.glob("images/*.thumbnail.jpg"))) == 6
    assert len(list(folder.glob("mails/*.eml"))) == 11
    assert (folder / "report" / "report.pdf").read_bytes().startswith(b"%PDF")
    with Image.open(folder / "images" / "turned.jpg.webp") as turned:
        assert turned.width > turned.height


def test_the_demo_takes_images_and_a_table_of_ones_own(start_demo, tmp_path, photographs):
    """The photographs are processed, and the columns of the table are guessed."""
    (tmp_path / "own.csv").write_text("id,kind,size\n1,a,5\n2,b,6\n3,a,7\n")

    process = start_demo("--images", str(photographs), "--csv", "own.csv", "--folder", "my demo")
    output, errors = process.communicate(timeout=100)

    assert (process.returncode, errors) == (0, "")
    assert (tmp_path / "my demo" / "images" / "china.jpg.webp").exists()
    assert "3 rows in 2 groups" in output
    assert (tmp_path / "my demo" / "report" / "report.csv").read_text().splitlines()[1].startswith("a,2,0,12,")


def test_a_task_that_fails_makes_the_demo_fail_with_the_reason(start_demo, tmp_path):
    """The exit code is 1, the reason is printed, the other tasks have their results."""
    (tmp_path / "own.csv").write_text("kind,size\na,5\n")

    process = start_demo("--csv", "own.csv", "--group-by", "kinds", "--value", "size")
    output, _ = process.communicate(timeout=100)

    assert process.returncode == 1
    assert "Did you mean 'kind'?" in output
    assert "send_emails      succeeded" in output


def test_ctrl_c_cancels_what_runs_and_leaves_no_half_file(start_demo, tmp_path):
    """The demo ends in order, with the exit code of an interrupted program."""
    process = start_demo()
    for line in process.stdout:
        if "running" in line:
            break
    process.send_signal(signal.SIGINT)

    output, _ = process.communicate(timeout=100)

    assert process.returncode == 130
    assert "cancelled" in output
    assert list(Path(tmp_path).rglob("*.part")) == []


def test_columns_of_a_user_without_a_file_are_refused(start_demo):
    """--value means a column of the file that --csv names."""
    process = start_demo("--value", "size")
    _, errors = process.communicate(timeout=60)

    assert process.returncode == 2
    assert "--csv" in errors


def test_without_the_dashboard_there_is_no_web_and_nothing_is_made(start_demo, tmp_path):
    """One line names the package."""
    blocked = {"LILOTA_DISABLE_PLUGINS": "lilota-dashboard"} if find_spec("lilota_dashboard") else {}
    process = start_demo("--web", **blocked)
    output, errors = process.communicate(timeout=60)

    assert (process.returncode, output) == (2, "")
    assert errors.startswith("Error: The dashboard ")
    assert "lilota-dashboard" in errors
    assert errors.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        ("city,price\na,1\nb,NA\n", Columns("city", "price")),
        ("when,city,price\nmo,a,1\ntu,a,2\nwe,b,3\n", Columns("city", "price")),
        ("city\na\n", None),
        ("price\n1\n", None),
        ("", None),
    ],
)
def test_the_columns_are_guessed(tmp_path, content, columns):
    """The last numbers, by the texts that differ least."""
    path = tmp_path / "table.csv"
    path.write_text(content)

    assert guess_columns(path) == columns


def test_the_samples_have_a_turned_and_a_broken_image(tmp_path):
    """They show what the task does with such files."""
    make_images(tmp_path)

    with Image.open(tmp_path / "turned.jpg") as turned:
        assert turned.getexif()[0x0112] == 6
    with Image.open(tmp_path / "broken.jpg") as broken, pytest.raises(OSError, match="truncated"):
        broken.load()


def test_the_plugin_module_imports_nothing_slow():
    """Runners and workers load it at start."""
    slow = "PIL", "reportlab", "aiosmtpd", "click", "rich"
    code = f"import sys, lilota_example_tasks.plugin; print([name for name in {slow} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert result.stdout.strip() == "[]"
