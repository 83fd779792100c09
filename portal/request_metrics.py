"""Counts of requests, by route and status, kept by each web process and summed when somebody collects them.

A route is the name of an address, so that no number, name or point from an address becomes a label.
"""

import time
from collections.abc import Callable, Iterator
from datetime import datetime

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from portal import monitoring
from portal.tracing import route_of

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
SECONDS = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

OWN = CollectorRegistry()
ANSWERS = Counter(
    "kirikae_requests", "Answers by route, method and status.", ("route", "method", "status"), registry=OWN
)
DURATION = Histogram(
    "kirikae_request_seconds", "Seconds until the answer began, by route.", ("route",), buckets=SECONDS, registry=OWN
)


class Counted:
    """The outermost middleware: everything that is answered is counted, also what the others refuse."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        began = time.perf_counter()
        response = self.get_response(request)
        route = route_of(request)
        ANSWERS.labels(route, method_of(request), str(response.status_code)).inc()
        DURATION.labels(route).observe(time.perf_counter() - began)
        return response


def method_of(request: HttpRequest) -> str:
    """The method, `other` for whatever else somebody writes there."""
    return str(request.method) if request.method in METHODS else "other"


class _Figures(Collector):
    def __init__(self, now: datetime) -> None:
        self.now = now

    def collect(self) -> Iterator[GaugeMetricFamily]:
        for figure in monitoring.figures(now=self.now):
            family = GaugeMetricFamily(figure.name, figure.words, labels=figure.labels)
            for labels, value in figure.values.items():
                family.add_metric(labels, value)
            yield family


def registry(*, now: datetime) -> CollectorRegistry:
    """Everything that can be collected at this moment: the counts of this host's web processes, and the figures."""
    found = CollectorRegistry()
    if settings.METRICS_DIR:
        MultiProcessCollector(found, path=settings.METRICS_DIR)
    else:
        found.register(_Own())
    found.register(_Figures(now))
    return found


class _Own(Collector):
    """The counts of this process, where it is the only one."""

    def collect(self) -> Iterator:
        return iter(OWN.collect())
