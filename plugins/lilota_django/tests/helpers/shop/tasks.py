"""Task functions of each kind."""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from pathlib import Path

from django.contrib.auth.models import User
from django.db import connection

try:
    from django.tasks import task
except ImportError:
    from django_tasks import task

PRICE = 1


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
