"""Traces and durations for an OpenTelemetry collector; without LRS_OTLP_URL nothing of it is imported."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final

from flask import Flask, Response

from lrs.foundation.context import current_request, request_state
from lrs.foundation.settings import Settings, StartFailure

OFF: Final[AbstractContextManager[None]] = nullcontext()
EXTRA: Final = "install laurel-lrs[telemetry], or unset LRS_OTLP_URL"


class Telemetry:
    """What one process tells its collector: spans, and a histogram of how long each kind took."""

    def __init__(self, url: str, service: str) -> None:
        try:
            sdk = {name: importlib.import_module(f"opentelemetry.{name}") for name in MODULES}
        except ImportError as error:
            raise StartFailure("LRS_OTLP_URL is set, and OpenTelemetry is not installed", EXTRA) from error
        resource = sdk["sdk.resources"].Resource.create({"service.name": service})
        traces, metrics = sdk["sdk.trace"], sdk["sdk.metrics"]
        spans = sdk["exporter.otlp.proto.http.trace_exporter"].OTLPSpanExporter(endpoint=f"{url}/v1/traces")
        points = sdk["exporter.otlp.proto.http.metric_exporter"].OTLPMetricExporter(
            endpoint=f"{url}/v1/metrics"
        )
        self.traces = traces.TracerProvider(resource=resource)
        self.traces.add_span_processor(sdk["sdk.trace.export"].BatchSpanProcessor(spans))
        reader = sdk["sdk.metrics.export"].PeriodicExportingMetricReader(points)
        self.metrics = metrics.MeterProvider([reader], resource=resource)
        self.tracer = self.traces.get_tracer("laurel")
        self.seconds = self.metrics.get_meter("laurel").create_histogram("laurel.duration", unit="s")

    @contextmanager
    def span(self, name: str) -> Iterator[None]:
        """Tell of what the block does, below the span that is open."""
        began = time.perf_counter()
        with self.tracer.start_as_current_span(name):
            yield
        self.seconds.record(time.perf_counter() - began, {"name": name})

    def done(self, name: str, seconds: float, **attributes: Any) -> None:
        """Tell of what was just done and took some seconds."""
        end = time.time_ns()
        begun = end - int(seconds * 1e9)
        self.tracer.start_span(name, start_time=begun, attributes=attributes).end(end)
        self.seconds.record(seconds, {"name": name})

    def close(self) -> None:
        """Send what is still held."""
        self.traces.shutdown()
        self.metrics.shutdown()


MODULES: Final = (
    "sdk.resources", "sdk.trace", "sdk.trace.export", "sdk.metrics", "sdk.metrics.export",
    "exporter.otlp.proto.http.trace_exporter", "exporter.otlp.proto.http.metric_exporter",
)  # fmt: skip
_started: list[Telemetry] = []  # at most one in a process


def start(settings: Settings, service: str) -> Telemetry | None:
    """Start telling the collector, once in a process; None without one. Raises StartFailure."""
    if settings.otlp_url and not _started:
        _started.append(Telemetry(settings.otlp_url, service))
    return _started[0] if _started else None


def span(name: str) -> AbstractContextManager[None]:
    """Return a span around a block; nothing where no collector is told."""
    return _started[0].span(name) if _started else OFF


def done(name: str, seconds: float) -> None:
    """Tell of what was just done, where a collector is told."""
    if _started:
        _started[0].done(name, seconds)


def register(app: Flask, telemetry: Telemetry | None) -> None:
    """Surround each request by a span, which names the route and no value of the request."""
    if telemetry is None:
        return

    def begin() -> None:
        manager = telemetry.tracer.start_as_current_span("request")
        request_state().span = (manager, manager.__enter__(), time.perf_counter())

    def end(response: Response) -> Response:
        one, what = request_state(), current_request()
        if "span" in one:
            manager, span, began = one.span
            route = what.url_rule.rule if what.url_rule else "-"
            span.update_name(f"{what.method} {route}")
            span.set_attributes({"http.route": route, "http.response.status_code": response.status_code})
            manager.__exit__(None, None, None)
            telemetry.seconds.record(time.perf_counter() - began, {"name": "request", "http.route": route})
        return response

    app.before_request(begin)
    app.after_request(end)
