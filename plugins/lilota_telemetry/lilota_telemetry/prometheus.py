"""The endpoint of Prometheus: what runners of this process count, and what their store holds when somebody looks."""

from __future__ import annotations

import errno
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server

from lilota.errors import ConfigurationError
from lilota_telemetry.collecting import MemoryCollector, StoreCollector
from lilota_telemetry.environment import HOST_VARIABLE, PORT_VARIABLE
from lilota_telemetry.measuring import DURATION_BUCKETS

if TYPE_CHECKING:
    from lilota.hookspecs import RunnerDetails
    from lilota_telemetry.environment import Endpoint
    from lilota_telemetry.measuring import Ended
    from lilota_telemetry.names import Labels

#: A scrape that is being answered may take so long to end.
_END_SECONDS: Final = 2.0


class PrometheusMeter:
    """Counts ended tasks and attempts, and answers scrapes in threads of its own.

    Args:
        runners: returns the runners of this process.

    Raises:
        ConfigurationError: nobody can listen there.
    """

    def __init__(self, endpoint: Endpoint, runners: Callable[[], Collection[RunnerDetails]], labels: Labels) -> None:
        registry = CollectorRegistry()  # the default one is the application's
        self._tasks = Counter("lilota_tasks_ended", "Tasks that ended here", ["name", "state"], registry=registry)
        self._attempts = Counter(
            "lilota_attempts_ended", "Attempts that ended here", ["name", "outcome"], registry=registry
        )
        self._durations = _histogram("lilota_attempt_duration_seconds", "How long attempts ran", registry)
        self._waits = _histogram("lilota_task_wait_seconds", "From when a task was due to its start", registry)
        registry.register(StoreCollector(runners, labels))
        registry.register(MemoryCollector(runners))
        try:
            self._server, self._thread = start_http_server(endpoint.port, endpoint.host, registry)
        except OSError as error:
            raise ConfigurationError(_refusal(endpoint, error)) from error

    def count(self, ended: Ended) -> None:
        """Take an attempt."""
        self._attempts.labels(ended.label, ended.outcome).inc()
        if ended.state is not None:
            self._tasks.labels(ended.label, ended.state).inc()
        if ended.run_seconds is not None:
            self._durations.labels(ended.label).observe(ended.run_seconds)
        if ended.wait_seconds is not None:
            self._waits.labels(ended.label).observe(ended.wait_seconds)

    def close(self) -> None:
        """Close the port; a scrape that is being answered has a moment to end."""
        self._server.shutdown()
        self._server.socket.close()
        self._thread.join(_END_SECONDS)


def _histogram(name: str, help_text: str, registry: CollectorRegistry) -> Histogram:
    return Histogram(name, help_text, ["name"], buckets=DURATION_BUCKETS, registry=registry)


def _refusal(endpoint: Endpoint, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"The endpoint for Prometheus can't be opened at {endpoint}: another process listens there, perhaps "
            f"another runner of this machine. Give each runner a port of its own by {PORT_VARIABLE}."
        )
    return (
        f"The endpoint for Prometheus can't be opened at {endpoint}: {error.strerror or error}. "
        f"Choose another address by {HOST_VARIABLE} and {PORT_VARIABLE}."
    )
