"""A task class of lilota's own kind, which uses the models of the project."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import connection, transaction

from lilota import TaskBase


class CountUsers(TaskBase):
    """Says how many users there are, and with which connection it found out."""

    def run(self):
        if self.task_info.input.get("leave_transaction_open"):
            transaction.atomic().__enter__()
            User.objects.create(username="ghost")
        return {"users": User.objects.count(), "in_transaction": connection.in_atomic_block}
