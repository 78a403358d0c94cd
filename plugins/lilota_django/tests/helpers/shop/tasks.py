"""Task functions of each kind."""

from __future__ import annotations

import asyncio
import functools
import io
import logging
import os
import signal
import time
from datetime import date
from pathlib import Path

from django.contrib.auth.models import User
from django.db import connection
from lilota_django import task as lilota_task

import lilota
from lilota import Backoff

try:
    from django.tasks import task
except ImportError:
    from django_tasks import task

PRICE = 1
AT_ONCE = Backoff(first_seconds=0)


@task
def total(amount, price=PRICE):
    return amount * price


@task
def broken(text):
    raise ValueError(text)


@task
def unwritable():
    return object()


@task(takes_context=True)
def report(context, steps):
    for step in range(steps):
        context.set_progress(100 * (step + 1) / steps)
    context.logger.info("The report has %d steps.", steps)
    return {"attempt": context.attempt, "id": context.task_result.id, "queue": context.task_result.task.queue_name}


@task(takes_context=True)
def count_boxes(context, boxes):
    begin = context.last_checkpoint or 0
    for box in context.track(range(begin, boxes), total=boxes, message="Counting"):
        context.checkpoint(box + 1)
    context.attach(io.BytesIO(b"%d boxes" % boxes), name="boxes.txt", media_type="text/plain")
    context.report_progress(step=boxes, of=boxes, message="Counted")
    return boxes - begin


@task(takes_context=True)
def enqueued_at(context):
    return context.task_result.enqueued_at.isoformat()


@task
def talk():
    logging.getLogger("shop").warning("The %s is open.", "shop")


@task
def stumble():
    try:
        broken.func("torn")
    except ValueError:
        logging.getLogger("shop").exception("The shop\nstumbled.")


@task
def count_users():
    return User.objects.count()


@task
async def add_user(name):
    await asyncio.sleep(0)
    user = await User.objects.acreate(username=name)
    return [user.pk, await User.objects.filter(username=name).acount()]


@task(takes_context=True)
async def wait_for_ever(context, folder):
    context.set_progress(50)
    try:
        await asyncio.sleep(600)
    finally:
        await User.objects.acount()
        Path(folder, "cleaned_up").touch()  # noqa: ASYNC240 - nothing else runs in this loop


@task(takes_context=True)
def sleep(context, seconds):
    context.set_progress(50)
    time.sleep(seconds)


_KEPT = []


@task
def connection_id(keep=False):
    connection.ensure_connection()
    if keep:
        _KEPT.append(connection.connection)  # or else the next one could have its id
    return id(connection.connection)


@lilota.task(max_attempts=2, backoff=AT_ONCE)
def label(user: str, copies: int = 1) -> list[str]:
    return [User.objects.create(username=user).username] * copies


@lilota.task
async def label_later(context: lilota.TaskContext, user: str) -> date:
    made = await User.objects.acreate(username=user)
    context.logger.info("There are %d.", await User.objects.acount())
    return made.date_joined.date()


@lilota_task(max_attempts=3, backoff=AT_ONCE, never_retry_on=(KeyError,), takes_context=True)
def stubborn(context, good_attempt=3):
    if context.attempt < good_attempt:
        raise ConnectionError(f"no answer to the attempt {context.attempt}")
    if good_attempt < 1:
        raise KeyError("final")
    return context.attempt


# Its other attempts have to end within the time, on a busy machine too.
@lilota_task(max_attempts=4, backoff=AT_ONCE, timeout_seconds=5, kill_after_seconds=60, takes_context=True)
def unlucky(context):
    if context.attempt == 1:
        raise ValueError("torn")
    if context.attempt == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    if context.attempt == 3:
        time.sleep(600)
    return [error.exception_class_path for error in context.task_result.errors]


@lilota_task(max_attempts=2, backoff=AT_ONCE, timeout_seconds=5, takes_context=True)
async def patient(context):
    if context.attempt == 1:
        await asyncio.sleep(600)
    return context.attempt


def with_signature(function):
    @functools.wraps(function)
    def call(*args):
        return function(*args, signature="the shop")

    return call


@task
@with_signature
def signed(amount, *, signature):
    return f"{amount}, {signature}"


class Till:
    @staticmethod
    def open():
        """Not at module level."""


def renamed_later():
    """Keeps its name in the module without being a task."""


under_another_name = task(renamed_later)


@lilota_task(takes_context=True)
def whose(context):
    return context.task_result.task.owner
