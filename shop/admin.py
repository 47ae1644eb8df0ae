"""What does the back office see? Payments and billing keys, and what PortOne said about them."""

from functools import wraps
from typing import Any, cast

from flask import Blueprint, abort, render_template, request, url_for
from flask_login import current_user
from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import contains_eager, joinedload
from werkzeug.wrappers import Response as AnyResponse

from . import clock
from .account import login_manager
from .database import db
from .models import BillingKey, Event, Order, Payment, Subscription
from .web import View

bp = Blueprint("admin", __name__, url_prefix="/admin")

PAGE_SIZE = 50
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
