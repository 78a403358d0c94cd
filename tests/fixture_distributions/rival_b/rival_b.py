"""One of two distributions that claim the same names."""

from lilota.models import TaskBase


class SharedTask(TaskBase):
    def run(self):
        return {"from": "b"}


def open_store(url):
    from lilota_memory_store import MemoryTaskStore

    return MemoryTaskStore()
