"""What does the back office see? Payments and billing keys, and what PortOne said about them."""

from collections import Counter
from functools import wraps
from typing import Any, cast

from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import contains_eager, joinedload
from werkzeug.wrappers import Response as AnyResponse

from . import billing, clock, runs, subscriptions
from .account import login_manager
from .database import db, transaction
from .labels import label
from .models import BillingKey, Event, Order, Payment, Subscription
from .web import View, provider

bp = Blueprint("admin", __name__, url_prefix="/admin")

PAGE_SIZE = 50
RUN_WORKERS = 8
STATUSES = ("ready", "paid", "held", "failed", "cancelled")


@bp.before_request
def only_staff() -> AnyResponse | None:
    """Nobody but staff passes; to a signed-in buyer the back office does not exist."""
    if not current_user.is_authenticated:
        return login_manager.unauthorized()  # type: ignore[no-any-return]
    if not current_user.is_staff:
        abort(404)
    return None


def operators_only(view: View) -> View:
    """Viewers look, operators act."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if current_user.role != "operator":
            abort(403)
        return view(*args, **kwargs)

    return cast("View", guarded)


@bp.get("/")
def index() -> str:
    """Show how many payments stand where."""
    counts = dict.fromkeys(STATUSES, 0)
    for status, count in db.session.execute(select(Payment.status, func.count()).group_by(Payment.status)):
        counts[status] = count
    counts["held"] = db.session.scalar(select(func.count()).where(Payment.held_reason.is_not(None))) or 0
    today_began = clock.now().astimezone(clock.SEOUL).replace(hour=0, minute=0, second=0, microsecond=0)
    paid_today = select(func.coalesce(func.sum(Payment.amount), 0)).where(
        Payment.status == "paid", Payment.held_reason.is_(None), Payment.paid_at >= today_began
    )
    active_keys = select(func.count()).where(BillingKey.status == "active")
    return render_template(
        "admin/index.html",
        counts=counts,
        paid_today=db.session.scalar(paid_today),
        active_keys=db.session.scalar(active_keys),
    )


@bp.get("/payments")
def payments() -> str:
    """List payments, newest first; filtered by state, searched by either id."""
    status, q = request.args.get("status", ""), request.args.get("q", "").strip()
    query = select(Payment).options(
        joinedload(Payment.order).joinedload(Order.user),
        joinedload(Payment.billing_key).joinedload(BillingKey.user),
    )
    query = _in_state(query, status)
    if q:
        query = query.where(or_(Payment.merchant_uid == q, Payment.imp_uid == q))
    before = request.args.get("before", type=int)
    if before:
        query = query.where(Payment.id < before)
    found = db.session.scalars(query.order_by(Payment.id.desc()).limit(PAGE_SIZE + 1)).all()
    page = found[:PAGE_SIZE]
    older = url_for("admin.payments", status=status, q=q, before=page[-1].id) if len(found) > PAGE_SIZE else None
    return render_template(
        "admin/payments.html",
        payments=[_payment_row(payment) for payment in page],
        status=status,
        q=q,
        older=older,
        statuses=STATUSES,
    )


@bp.get("/payments/<merchant_uid>")
def payment(merchant_uid: str) -> str:
    """Show one payment: what we know, what PortOne said, what was decided."""
    found = db.session.scalar(select(Payment).filter_by(merchant_uid=merchant_uid)) or abort(404)
    about_it = or_(Event.payment_id == found.id, Event.merchant_uid == merchant_uid)
    events = db.session.scalars(select(Event).where(about_it).order_by(Event.id).limit(500)).all()
    reports = [event.report for event in events if event.report and event.payment_id == found.id]
    return render_template(
        "admin/payment.html",
        payment=found,
        buyer=found.order or found.billing_key,
        order=found.order,
        events=events,
        report=reports[-1] if reports else None,
    )


@bp.get("/billing-keys")
def billing_keys() -> str:
    """List billing keys, newest first, with their last and next charge."""
    q = request.args.get("q", "").strip()
    last_charge = (
        select(func.max(Payment.paid_at))
        .where(Payment.customer_uid == BillingKey.customer_uid, Payment.status == "paid")
        .scalar_subquery()
    )
    query = (
        select(BillingKey, last_charge, Subscription.next_charge_on)
        .outerjoin(Subscription, Subscription.customer_uid == BillingKey.customer_uid)
        .join(BillingKey.user)
        .options(contains_eager(BillingKey.user))
    )
    if q:
        query = query.where(BillingKey.customer_uid == q)
    rows = db.session.execute(query.order_by(BillingKey.id.desc()).limit(200)).all()
    return render_template("admin/billing_keys.html", keys=[_key_row(*row) for row in rows], q=q)


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
    results = Counter(done.result for done in runs.charge_all(app, provider(), runs.due_now(), RUN_WORKERS))
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


def _in_state(query: Select[tuple[Payment]], status: str) -> Select[tuple[Payment]]:
    if status == "held":
        return query.where(Payment.held_reason.is_not(None))
    return query.where(Payment.status == status) if status in STATUSES else query


def _payment_row(payment: Payment) -> dict[str, Any]:
    buyer = payment.order or payment.billing_key
    columns = ("merchant_uid", "imp_uid", "status", "held_reason", "amount", "name", "created_at", "paid_at")
    row: dict[str, Any] = {column: getattr(payment, column) for column in columns}
    for column in ("buyer_name", "buyer_tel", "buyer_email"):
        row[column] = getattr(buyer, column, "")
    return row


def _key_row(key: BillingKey, last_charge_at: Any, next_charge_on: Any) -> dict[str, Any]:
    columns = ("customer_uid", "status", "buyer_name", "buyer_tel", "issued_at", "user")
    row: dict[str, Any] = {column: getattr(key, column) for column in columns}
    return row | {"last_charge_at": last_charge_at, "next_charge_on": next_charge_on}
