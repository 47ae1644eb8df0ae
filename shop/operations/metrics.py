"""Prometheus metrics at `/metrics`: requests, notifications, decisions, calls to PortOne, and open payments.

Counters live in this process; with several processes, set PROMETHEUS_MULTIPROC_DIR to add them up. Open payments are
counted in the database at each scrape, so that the number does not depend on processes and commands.
"""

import hmac
import os
import time
from collections.abc import Iterator
from functools import cache
from ipaddress import ip_address
from types import SimpleNamespace
from typing import Any

from flask import Blueprint, Flask, Response, abort, g, request
from sqlalchemy import func, select, text

from payments import clock
from payments.database import db, end_reading
from payments.models import OPEN, REFUNDED_BY_BANK, Event, Payment
from payments.monthly.models import LATER_MONTH
from payments.signals import Call, event_recorded, portone_called
from shop.web.common import settings

bp = Blueprint("metrics", __name__)

ENDPOINTS = ("callback", "redirect", "webhook", "confirm")
FORWARDED = ("X-Forwarded-For", "X-Real-IP", "Forwarded", "Via")
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15)

# The fixed parts of V1's paths. All other parts are ids, each of which would create a series.
PORTONE_WORDS = {
    "users", "getToken", "pg", "payments", "prepare", "find", "status", "ready", "paid", "failed", "cancelled",
    "cancel", "subscribe", "customers", "again",
}  # fmt: skip


@cache
def counters() -> SimpleNamespace:
    """Return the counters of this process, which all of its apps share.

    The library is imported here and not above: it reads PROMETHEUS_MULTIPROC_DIR when it is imported, and that may
    stand in `.env`.
    """
    from prometheus_client import Counter, Histogram, disable_created_metrics

    disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, with its creation time
    return SimpleNamespace(
        requests=Histogram(
            "shop_request_seconds", "Requests by route.", ("method", "route", "status"), buckets=SECONDS
        ),
        notifications=Counter("shop_notifications", "Notifications by endpoint.", ("endpoint", "outcome")),
        decisions=Counter("shop_decisions", "Rows of the event log.", ("source", "outcome")),
        portone=Histogram("shop_portone_seconds", "Calls to PortOne.", ("call", "result"), buckets=SECONDS),
    )


def install(app: Flask) -> None:
    counters()  # before threads could create them twice
    event_recorded.connect(_count_event)
    portone_called.connect(_count_call)
    app.after_request(_count_request)
    app.register_blueprint(bp)


@bp.get("/metrics", endpoint="metrics")
def show() -> Response:
    """Return all metrics in Prometheus's text format; 403 for callers that `_may_read` refuses."""
    if not _may_read():
        abort(403)
    from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest, multiprocess

    counted = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        counted = CollectorRegistry()
        multiprocess.MultiProcessCollector(counted)  # type: ignore[no-untyped-call]
    read = CollectorRegistry()
    read.register(OpenPayments())
    return Response(generate_latest(counted) + generate_latest(read), content_type=CONTENT_TYPE_LATEST)


def _may_read() -> bool:
    """Accept callers with METRICS_TOKEN if it is set; else direct callers from this machine, not through a proxy."""
    token = settings().metrics_token
    if token:
        return hmac.compare_digest(request.headers.get("Authorization", "").encode(), f"Bearer {token}".encode())
    if any(name in request.headers for name in FORWARDED):
        return False
    try:
        return ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False


class OpenPayments:
    """Collector of the numbers that each scrape reads from the database."""

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import GaugeMetricFamily

        waiting = text(OPEN), Payment.status == "ready", Payment.held_reason.is_(None)
        opened, oldest = db.session.execute(select(func.count(), func.min(Payment.created_at)).where(*waiting)).one()
        held = db.session.scalar(select(func.count()).where(Payment.held_reason != REFUNDED_BY_BANK))
        # A month's charges are created in that month, and `created_at` has an index.
        monthly = select(Payment.status, func.count()).where(
            Payment.created_at >= clock.month_began(), Payment.kind == LATER_MONTH
        )
        by_status = db.session.execute(monthly.group_by(Payment.status)).all()
        end_reading()
        age = (clock.now() - oldest).total_seconds() if oldest else 0
        yield GaugeMetricFamily("shop_open_payments", "Payments whose outcome is not known yet.", opened)
        yield GaugeMetricFamily("shop_oldest_open_payment_seconds", "Age of the oldest of them.", max(age, 0))
        yield GaugeMetricFamily("shop_held_payments", "Payments whose money waits for a decision.", held)
        family = GaugeMetricFamily("shop_monthly_charges", "Charges for this month, by state.", labels=["status"])
        for status, count in by_status:
            family.add_metric([status], count)
        yield family


def _count_request(response: Response) -> Response:
    route = request.url_rule.rule if request.url_rule else "none"
    method = request.method if request.method in ("GET", "POST", "HEAD", "OPTIONS") else "other"
    seconds = time.perf_counter() - g.began if "began" in g else 0.0  # the access log reports the same time
    counters().requests.labels(method, route, str(response.status_code)).observe(seconds)
    return response


def _count_event(line: Event) -> None:
    counters().decisions.labels(line.source, line.outcome).inc()
    if line.source in ENDPOINTS:
        counters().notifications.labels(line.source, line.outcome).inc()


def _count_call(_client: object, call: Call) -> None:
    method, _, path = call.request.partition(" ")
    parts = [part if part in PORTONE_WORDS else "{id}" for part in path.split("/")[1:]]
    counters().portone.labels(f"{method} /{'/'.join(parts)}", call.result).observe(call.seconds)
