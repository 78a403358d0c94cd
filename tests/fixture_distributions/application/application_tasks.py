"""The tasks of an application, good and bad; not a distribution, just importable."""

import abc

from lilota.models import TaskBase


class Resize(TaskBase):
    max_lost_attempts = 1

    def run(self):
        return None


class Other(TaskBase):
    def run(self):
        return None


class Incomplete(TaskBase):
    pass


class Abstract(TaskBase):
    def run(self):
        return None

    @abc.abstractmethod
    def size(self):
        """Say how large."""


class AsynchronousYielding(TaskBase):
    async def run(self):
        yield


class Yielding(TaskBase):
    def run(self):
        yield


class NoTask:
    def run(self):
        return None


class Outer:
    class Inner(TaskBase):
        def run(self):
            return None


def make_local():
    class Local(TaskBase):
        def run(self):
            return None

    return Local


class Hidden(TaskBase):
    def run(self):
        return None


HiddenClass, Hidden = Hidden, Other  # the name stands for something else in the end
