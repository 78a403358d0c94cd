"""A plugin whose hooks contribute names that other distributions claim with entry points."""

from lilota import hookimpl
from lilota.models import TaskBase


class Contributed(TaskBase):
    def run(self):
        return {"from": "hook"}


def open_store(url):
    from lilota_memory_store import MemoryTaskStore

    return MemoryTaskStore()


@hookimpl
def lilota_tasks():
    return {"shared_task": Contributed}


@hookimpl
def lilota_stores():
    return {"sharedstore": open_store}
