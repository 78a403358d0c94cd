"""Find the tracer of a process: that of the application, if it has one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from lilota_telemetry.attributes import SCOPE

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer, TracerProvider


def provider_of_application() -> TracerProvider | None:
    """Return the global provider, None where nobody has set one; then nothing is imported to find that out."""
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return None
    provider: TracerProvider = trace.get_tracer_provider()
    return None if isinstance(provider, trace.ProxyTracerProvider) else provider


class Tracers:
    """Keeps the tracer of the provider that was asked last: to get one takes longer than most other things here."""

    def __init__(self) -> None:
        self._provider: TracerProvider | None = None
        self._tracer: Tracer | None = None

    def of(self, provider: TracerProvider | None) -> Tracer | None:
        """Return the tracer of a provider; None for none."""
        if provider is not self._provider:
            self._provider = provider
            self._tracer = None if provider is None else provider.get_tracer(SCOPE)
        return self._tracer
