"""What does the back office do month by month? A billing key's page and the monthly run; the other pages join here."""

from collections import Counter

from flask import abort, current_app, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response as AnyResponse

from . import admin_pages, admin_payments, billing, clock, runs, subscriptions
from .database import db, transaction
from .labels import label
from .models import BillingKey, Payment, Subscription
from .staff import bp, only_staff, operators_only
from .web import provider

__all__ = ["PAGES", "bp", "only_staff", "operators_only"]

PAGES = (admin_payments, admin_pages)  # imported for their pages, which join the same blueprint
RUN_WORKERS = 8


@bp.get("/billing-keys/<customer_uid>")
def billing_key(customer_uid: str) -> str:
    """Show one billing key with its subscription and every payment made with it."""
    key = db.session.scalar(select(BillingKey).filter_by(customer_uid=customer_uid)) or abort(404)
    made = select(Payment).filter_by(customer_uid=customer_uid).order_by(Payment.id.desc()).limit(500)
    subscription = db.session.scalar(select(Subscription).filter_by(customer_uid=customer_uid))
    return render_template(
        "admin/billing_key.html",
        key=key,
        subscription=subscription,
        why_not_charge=_why_not_charge(subscription),
        payments=db.session.scalars(made).all(),
    )


@bp.post("/billing-keys/<customer_uid>/charge")
@operators_only
def charge_now(customer_uid: str) -> AnyResponse:
    """Charge the month that is due now, by the same rules as the monthly run."""
    subscription = db.session.scalar(select(Subscription).filter_by(customer_uid=customer_uid)) or abort(404)
    result = billing.charge(provider(), subscription.id)
    flash(label("charge", result), "info")
    return redirect(url_for("admin.billing_key", customer_uid=customer_uid))


@bp.post("/billing-keys/<customer_uid>/delete")
@operators_only
def delete_key(customer_uid: str) -> AnyResponse:
    """End the subscription and delete its key at PortOne."""
    with transaction():
        subscription = db.session.scalar(select(Subscription).filter_by(customer_uid=customer_uid)) or abort(404)
        subscriptions.end(subscription, "by_admin", clock.now())
    billing.delete_ended_keys(provider())
    flash(_("구독을 끝내고 빌링키를 지웁니다."), "success")
    return redirect(url_for("admin.billing_key", customer_uid=customer_uid))


@bp.get("/monthly")
def monthly() -> str:
    """Show what is due this month, what was declined and why, and what ended."""
    live = (
        select(Subscription)
        .where(Subscription.status.in_(subscriptions.LIVE))
        .options(joinedload(Subscription.user), joinedload(Subscription.product))
    )
    coming = db.session.scalars(live.order_by(Subscription.next_charge_on, Subscription.id).limit(200)).all()
    attempts = select(Payment).where(Payment.subscription_id.is_not(None)).options(joinedload(Payment.billing_key))
    return render_template(
        "admin/monthly.html",
        today=clock.today(),
        subscriptions=coming,
        attempts=db.session.scalars(attempts.order_by(Payment.id.desc()).limit(100)).all(),
        demo_clock="demo" in current_app.blueprints,
    )


@bp.post("/monthly/run")
@operators_only
def run_monthly() -> AnyResponse:
    """Carry out the monthly run now, as the command does."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    results = Counter(runs.charge_all(app, provider(), list(runs.due_now()), RUN_WORKERS))
    runs.delete_ended_keys(provider())
    for result, count in sorted(results.items()):
        flash(f"{label('charge', result)} ({count})", "error" if result == "error" else "info")
    if not results:
        flash(label("charge", "skipped"), "info")
    return redirect(url_for("admin.monthly"))


def _why_not_charge(subscription: Subscription | None) -> str | None:
    """Why the month cannot be charged now, in words for the page; None: it can."""
    if subscription is None or subscription.status not in subscriptions.LIVE:
        return str(_("이용 중인 구독이 없습니다."))
    day = subscription.next_charge_on
    if day is None or day > clock.today():
        return str(_("다음 결제일이 아직 오지 않았습니다. KG는 한 달에 한 번, 같은 날 결제를 요구합니다."))
    return None
