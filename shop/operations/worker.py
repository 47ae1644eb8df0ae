"""Celery worker and schedule that spread the monthly run over several machines.

Optional: `pip install -r requirements-scale.txt` and `CELERY_BROKER_URL`. Nothing else of the shop imports this file.
A message only names a subscription to check. A lost, duplicate or late one does no harm, because `charging.charge`
decides by the row. A killed worker needs no recovery: the next tick sends a message for whatever is still due.
"""

import logging
from typing import Any

from celery import Celery, Task
from celery.schedules import crontab
from flask import Flask, current_app

from payments import sweep
from payments.monthly import batch, charging
from shop.config import Settings
from shop.web.common import provider

from . import notify

HOUR_SECONDS = 3600
SWEEP_EVERY_SECONDS = 180
# Redis redelivers a message that is not acknowledged for this long: longer than any charge takes.
VISIBILITY_SECONDS = 600

log = logging.getLogger(__name__)


def create_worker(app: Flask, settings: Settings) -> Celery:
    """Create the Celery app, whose tasks call the same functions as the commands, inside the shop's app context."""

    class ShopTask(Task):  # type: ignore[misc]  # Celery has no types
        def __call__(self, *args: object, **options: object) -> Any:
            with app.app_context():
                return self.run(*args, **options)

    celery = Celery("shop", task_cls=ShopTask)
    celery.conf.update(
        broker_url=settings.broker_url,
        broker_connection_retry_on_startup=True,
        broker_transport_options={"visibility_timeout": VISIBILITY_SECONDS},
        task_ignore_result=True,  # the result is a row
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,  # the shop configures its own log …
        worker_redirect_stdouts=False,  # … on standard error, which Celery would redirect to its log
        timezone="Asia/Seoul",
        beat_schedule_filename=str(settings.instance_path / "scheduler"),
        beat_schedule={
            "bill": {"task": "shop.tick", "schedule": crontab(minute="5")},
            "sync": {"task": "shop.sync", "schedule": SWEEP_EVERY_SECONDS},
            "notify": {"task": "shop.notify", "schedule": SWEEP_EVERY_SECONDS},
        },
    )
    if settings.demo_reset:
        celery.conf.beat_schedule["reset"] = {"task": "shop.reset", "schedule": crontab(hour="4", minute="0")}
    _add_tasks(celery)
    app.extensions["celery"] = celery
    return celery


def _add_tasks(celery: Celery) -> None:
    # Drop a message that is still waiting when the next one of its kind is sent.
    def task(name: str, every: int) -> Any:
        return celery.task(name=name, expires=every, shared=False)

    @task("shop.charge", HOUR_SECONDS)  # type: ignore[untyped-decorator]
    def charge(subscription_id: int) -> str:
        """Charge one due subscription as far as possible now."""
        result = charging.charge(provider(), subscription_id)
        log.info("subscription %s: %s", subscription_id, result)
        return result

    @task("shop.tick", HOUR_SECONDS)  # type: ignore[untyped-decorator]
    def tick() -> int:
        """Send one message for each due subscription, and return how many."""
        count = 0
        with celery.producer_pool.acquire(block=True) as producer:
            for due in batch.due_now():
                charge.apply_async((due.subscription_id,), producer=producer)
                count += 1
        log.info("%s charges handed out", count)
        return count

    @task("shop.sync", SWEEP_EVERY_SECONDS)  # type: ignore[untyped-decorator]
    def sync() -> None:
        """Look up open payments, expire unpaid orders, finish cancels, delete the keys of ended subscriptions."""
        log.info("swept: %s", dict(sweep.sweep(provider())))

    @task("shop.notify", SWEEP_EVERY_SECONDS)  # type: ignore[untyped-decorator]
    def send_messages() -> None:
        """Announce coming charges, and send the messages that wait for buyers."""
        log.info("notified: %s", dict(notify.run()))

    @task("shop.reset", HOUR_SECONDS)  # type: ignore[untyped-decorator]
    def reset() -> None:
        """Reset a public demo; only with the sandbox, where `reset.py` is loaded."""
        current_app.extensions["reset_demo"]()
