"""A task, and something that an entry point wrongly calls a task."""

from lilota.models import TaskBase


class GoodTask(TaskBase):
    def run(self):
        return {"good": True}


not_a_task = GoodTask.run
