"""What the environment asks for: which signals are sent by OpenTelemetry, and where Prometheus finds its endpoint."""

from __future__ import annotations

import os
from typing import Final, Literal

import msgspec

from lilota.errors import ConfigurationError

Signal = Literal["TRACES", "METRICS", "LOGS"]

PORT_VARIABLE: Final = "LILOTA_TELEMETRY_PORT"
HOST_VARIABLE: Final = "LILOTA_TELEMETRY_HOST"
_ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
#: Many collectors take no logs, and would complain of each batch: these have to be asked for by themselves.
_SENT_TO_ANY_ENDPOINT: Final = frozenset({"TRACES", "METRICS"})


def wants(signal: Signal) -> bool:
    """Tell whether the environment asks for a signal; where nothing is set, it does not."""
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporter = os.environ.get(f"OTEL_{signal}_EXPORTER", "").strip()
    if exporter:
        return exporter != "none"
    if os.environ.get(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"):
        return True
    return signal in _SENT_TO_ANY_ENDPOINT and bool(os.environ.get(_ENDPOINT))


class Endpoint(msgspec.Struct, frozen=True):
    """Where a runner answers the scrapes of Prometheus."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def prometheus_endpoint() -> Endpoint | None:
    """Return the endpoint that the environment asks for, None for none.

    Raises:
        ConfigurationError: the port can't be one.
    """
    text = os.environ.get(PORT_VARIABLE, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65_535):
        raise ConfigurationError(
            f"{PORT_VARIABLE} must be a port, a whole number from 1 to 65535, not {text!r:.100}. "
            "Unset it for no endpoint."
        )
    return Endpoint(os.environ.get(HOST_VARIABLE, "").strip() or "127.0.0.1", int(text))
