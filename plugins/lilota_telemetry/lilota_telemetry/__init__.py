"""Traces, metrics and logs of lilota's tasks, for OpenTelemetry and Prometheus."""
