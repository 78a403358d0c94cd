"""What a task logs reaches its log, the terminal and the handlers of the project once each."""

from __future__ import annotations

from shop import tasks
from shop_sites import ShopSite, ended

CONSOLE = {"class": "logging.StreamHandler"}


def log_with(site: ShopSite, **logging: object) -> None:
    """Give the project these settings of its log."""
    configured = {"version": 1, "disable_existing_loggers": False, **logging}
    site.change("shop/settings.py", "TASKS =", f"LOGGING = {configured}\nTASKS =")


def test_what_a_task_logs_is_kept_once(site):
    """Also where the project sends its log to the console, which is kept as well."""
    log_with(site, handlers={"console": CONSOLE}, loggers={"shop": {"handlers": ["console"], "level": "INFO"}})
    result = tasks.talk.enqueue()

    with site.worker():
        ended(site, result.id)

    assert [line.text for line in site.store.logs(int(result.id))] == ["The shop is open."]


def test_each_handler_of_the_project_gets_it_once(site):
    """One that sends letters gets the record as it was made, where it was made; a file gets a line."""
    files = {name: str(site.folder / name) for name in ("letters", "lines")}
    log_with(
        site,
        handlers={
            "letters": {"class": "shop.letters.Letters", "path": files["letters"]},
            "lines": {"class": "logging.FileHandler", "filename": files["lines"]},
        },
        loggers={"shop": {"handlers": list(files)}},
    )
    result = tasks.talk.enqueue()

    with site.worker() as worker:
        ended(site, result.id)
        worker.stop()

    assert (site.folder / "letters").read_text() == "The %s is open.\n"
    assert (site.folder / "lines").read_text() == "The shop is open.\n"
    assert worker.output.count("The shop is open.") == 1


def mails_of(site: ShopSite, *names: str) -> dict[str, dict[str, str]]:
    """Describe handlers that keep the subjects of mails to the administrators, in files of their names."""
    return {name: {"class": "shop.letters.Mails", "path": str(site.folder / name), "level": "ERROR"} for name in names}


def test_what_a_task_logs_is_one_mail_from_the_root(site):
    """An error by its first line, a failed task by its error: a handler there sees the lines one by one."""
    log_with(site, handlers=mails_of(site, "mails"), root={"handlers": ["mails"]})
    tasks.stumble.enqueue()
    result = tasks.broken.enqueue("torn")

    with site.worker() as worker:
        ended(site, result.id)
        worker.stop()

    sent = (site.folder / "mails").read_text().splitlines()
    assert sorted(sent) == [
        f"ERROR: Task {result.id} (django.tasks:shop.tasks.broken) failed: ValueError: torn",
        "ERROR: The shop",
    ]


def test_a_mail_handler_at_two_places_sends_what_a_task_logs_once(site):
    """With the whole record, where it stands on the way to the root; else, from there."""
    log_with(
        site,
        handlers=mails_of(site, "on_the_way", "beside"),
        root={"handlers": ["on_the_way", "beside"]},
        loggers={"shop": {"handlers": ["on_the_way"]}, "orders": {"handlers": ["beside"]}},
    )
    result = tasks.stumble.enqueue()

    with site.worker() as worker:
        ended(site, result.id)
        worker.stop()

    assert (site.folder / "on_the_way").read_text().splitlines() == [r"ERROR: The shop\nstumbled."]
    assert (site.folder / "beside").read_text().splitlines() == ["ERROR: The shop"]


def test_a_project_that_logs_to_the_terminal_sees_each_line_once(site):
    """In its own format, wherever in the tree of loggers it has its handler."""
    log_with(
        site,
        formatters={"own": {"format": "(shop) %(message)s"}},
        handlers={"console": {**CONSOLE, "formatter": "own"}},
        root={"handlers": ["console"], "level": "WARNING"},
    )
    result = tasks.talk.enqueue()

    with site.worker() as worker:
        ended(site, result.id)
        worker.stop()

    lines = [line for line in worker.output.splitlines() if "The shop is open." in line]
    assert lines == ["(shop) The shop is open."]
