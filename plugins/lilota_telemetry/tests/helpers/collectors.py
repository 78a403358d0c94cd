"""A collector for OpenTelemetry: takes what the exporters send by OTLP over HTTP, and keeps it."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

WAIT_SECONDS = 60


class Collector:
    """Listens on loopback while it is entered.

    Attributes:
        answers: cleared, each request waits until it is set.
    """

    def __init__(self):
        self.answers = threading.Event()
        self.answers.set()
        self._changed = threading.Condition()
        self._requests = {"/v1/traces": [], "/v1/metrics": [], "/v1/logs": []}
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.answers.wait()
                collector._keep(self.path, body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *exception):
        self.answers.set()
        self._server.shutdown()
        self._server.server_close()

    def spans(self, count):
        """Wait for so many spans, and return all that have come, by their names."""
        return self._wait(lambda: all_spans(self._requests["/v1/traces"]), count)

    def log_records(self, count):
        """Wait for so many log records, and return all that have come."""
        return self._wait(lambda: all_records(self._requests["/v1/logs"]), count)

    def metrics(self, count):
        """Wait for so many metrics, and return the newest of each name."""
        return {each.name: each for each in self._wait(lambda: all_metrics(self._requests["/v1/metrics"]), count)}

    def _keep(self, path, body):
        kinds = {
            "/v1/traces": ExportTraceServiceRequest,
            "/v1/metrics": ExportMetricsServiceRequest,
            "/v1/logs": ExportLogsServiceRequest,
        }
        with self._changed:
            self._requests[path].append(kinds[path].FromString(body))
            self._changed.notify_all()

    def _wait(self, look, count):
        deadline = time.monotonic() + WAIT_SECONDS
        with self._changed:
            while len(look()) < count:
                if not self._changed.wait(deadline - time.monotonic()):
                    raise TimeoutError(f"{len(look())} came, and {count} are wanted: {look()}")
            return look()


def all_spans(requests):
    return [
        span
        for request in requests
        for each in request.resource_spans
        for scope in each.scope_spans
        for span in scope.spans
    ]


def all_metrics(requests):
    return [
        metric
        for request in requests
        for each in request.resource_metrics
        for scope in each.scope_metrics
        for metric in scope.metrics
    ]


def all_records(requests):
    return [
        record
        for request in requests
        for each in request.resource_logs
        for scope in each.scope_logs
        for record in scope.log_records
    ]


def attributes_of(told):
    """Return the attributes of a span or record as a dict."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in told.attributes}
