"""Back office pages and actions for a billing key and for the monthly run.

The pages belong to the blueprint of `admin.py`. Every action needs a reason, which is logged with the operator's e-mail
and address before the action is carried out.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import islice

from flask import abort, current_app, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from payments import clock
from payments.database import db, end_reading, locked, transaction
from payments.events import log_staff_action
from payments.models import Event, Payment
from payments.monthly import batch, charging, subscriptions
from payments.monthly.billing_month import Month, month_of, months_of
from payments.monthly.first_month import NO_KEY_TEXT
from payments.monthly.models import LATER_MONTH, BillingKey, Subscription
from payments.portone.report import ProviderError
from shop.orders.models import User
from shop.orders.plans import plans_by_ref, subscribers_of
from shop.web.common import given_reason, provider, settings
from shop.web.labels import label

from .admin import acting, bp, operators_only

RUN_WORKERS = 8
UNFOLDED = 10  # rows of a part of the page that are shown at once
MOST_WAITING, MOST_COMING, MOST_ENDED = 50, 50, 5
MOST_IN_ONE_CLICK = 300  # about ten seconds at PortOne's pace; the command has no such limit


@bp.get("/billing-keys/<customer_uid>")
def billing_key(customer_uid: str) -> str:
    """Show one billing key: owner, subscription, its payments, staff actions, and the actions allowed."""
    return _key_page(_key(customer_uid))


@bp.get("/billing-keys/<customer_uid>/portone")
def billing_key_at_portone(customer_uid: str) -> str:
    """Show the key as PortOne reports it now."""
    found = _key(customer_uid)
    end_reading()
    try:
        seen = provider().get_billing_key(customer_uid)
    except ProviderError as error:
        flash(_("포트원이 답하지 않았습니다: %(why)s", why=str(error)), "error")
        return _key_page(found)
    return _key_page(found, asked=True, seen=seen)


@bp.post("/billing-keys/<customer_uid>/charge")
@operators_only
def charge_now(customer_uid: str) -> AnyResponse | tuple[str, int]:
    """Charge the month that is due now, by the same rules as the monthly run."""
    found = _key(customer_uid)
    subscription = _subscription_of(found) or abort(404)
    reason = _reason()
    if not reason:
        return _key_page(found), 400
    _acts("charge", reason, customer_uid)
    result = charging.charge(provider(), subscription.id)
    flash(label("charge", result), "success" if result == "charged" else "info")
    return redirect(url_for("admin.billing_key", customer_uid=customer_uid))


@bp.get("/billing-keys/<customer_uid>/delete")
@operators_only
def confirm_delete(customer_uid: str) -> str:
    """Ask for confirmation before a key is deleted: it cannot be undone."""
    return _confirm_delete_page(_key(customer_uid))


@bp.post("/billing-keys/<customer_uid>/delete")
@operators_only
def delete_key(customer_uid: str) -> AnyResponse | tuple[str, int]:
    """End the subscription and delete its key at PortOne."""
    found = _key(customer_uid)
    subscription = _subscription_of(found) or abort(404)
    reason = _reason()
    if not reason:
        return _confirm_delete_page(found), 400
    subscription_id = subscription.id
    _acts("delete_key", reason, customer_uid)
    with transaction():
        subscriptions.end(locked(Subscription, subscription_id), "by_admin", clock.now())
    charging.delete_ended_keys(provider())
    db.session.expire_all()
    if _key(customer_uid).status == "deleted":
        flash(_("구독을 끝내고 빌링키를 지웠습니다."), "success")
    else:  # a charge is in flight, or PortOne did not respond
        flash(_("구독을 끝냈습니다. 포트원의 빌링키는 진행 중인 결제가 끝나는 대로 지웁니다."), "info")
    return redirect(url_for("admin.billing_key", customer_uid=customer_uid))


@bp.get("/monthly")
def monthly() -> str:
    """Show due, coming, declined and ended subscriptions, with the reasons."""
    return _monthly_page()


@bp.post("/monthly/run")
@operators_only
def run_monthly() -> AnyResponse | tuple[str, int]:
    """Run the monthly run as the command does, limited to `MOST_IN_ONE_CLICK` charges."""
    reason = _reason()
    if not reason:
        return _monthly_page(), 400
    _acts("run", reason)
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    due = islice(batch.due_now(), MOST_IN_ONE_CLICK)
    results: Counter[str] = Counter()
    for done in batch.charge_all(app, provider(), due, RUN_WORKERS):
        results[done.result] += 1
    charging.delete_ended_keys(provider())
    for result, count in sorted(results.items()):
        flash(
            f"{label('charge', result)} ({count})", "error" if result in ("error", "declined", "key_gone") else "info"
        )
    if not results:
        flash(label("charge", "none"), "info")
    return redirect(url_for("admin.monthly"))


# --- helpers of the pages ---


def _key(customer_uid: str) -> BillingKey:
    return db.session.scalar(select(BillingKey).filter_by(customer_uid=customer_uid)) or abort(404)


def _subscription_of(key: BillingKey) -> Subscription | None:
    return db.session.scalar(select(Subscription).filter_by(customer_uid=key.customer_uid))


def _owner_of(key: BillingKey) -> User:
    return subscribers_of([key])[key.customer_ref]


def _key_page(key: BillingKey, **at_portone: object) -> str:
    made = select(Payment).filter_by(customer_uid=key.customer_uid).order_by(Payment.id.desc()).limit(500)
    payments = db.session.scalars(made).all()
    acts = select(Event).filter_by(customer_uid=key.customer_uid, payment_id=None).order_by(Event.id.desc()).limit(100)
    subscription = _subscription_of(key)
    month = month_of(subscription) if subscription else None
    return render_template(
        "admin/billing_key.html",
        key=key,
        owner=_owner_of(key),
        subscription=subscription,
        month=month,
        plans=plans_by_ref(),
        why_not_charge=_why_not_charge(subscription, month),
        without_contract=any(_made_no_key(payment) for payment in payments),
        payments=payments,
        acts=db.session.scalars(acts).all(),
        **at_portone,
    )


def _made_no_key(payment: Payment) -> bool:
    """Return whether the payment was paid but issued no key; it is held or cancelled."""
    return payment.held_reason == "no_billing_key" or payment.cancel_reason == NO_KEY_TEXT


def _confirm_delete_page(key: BillingKey) -> str:
    subscription = _subscription_of(key) or abort(404)
    return render_template(
        "admin/billing_key_delete.html",
        key=key,
        owner=_owner_of(key),
        subscription=subscription,
        plans=plans_by_ref(),
    )


def _monthly_page() -> str:
    waiting = _live("past_due", MOST_WAITING)
    coming = _live("active", MOST_COMING)
    ended = select(Subscription).where(Subscription.status == "ended", Subscription.started_at.is_not(None))
    ended_ones = db.session.scalars(ended.order_by(Subscription.ended_at.desc()).limit(MOST_ENDED)).all()
    attempts = select(Payment).where(Payment.kind == LATER_MONTH).order_by(Payment.created_at.desc(), Payment.id.desc())
    listed = [*waiting, *coming]
    now, months = clock.now(), months_of(listed)
    return render_template(
        "admin/monthly.html",
        today=clock.today(),
        now=now,
        due=charging.count_due(),
        paused=charging.count_paused(),
        waiting=waiting,
        coming=coming,
        unfolded=UNFOLDED,
        months=months,
        standing={subscription_id: month.standing(now) for subscription_id, month in months.items()},
        attempts=db.session.scalars(attempts.limit(UNFOLDED)).all(),
        ended=ended_ones,
        plans=plans_by_ref(),
        subscribers=subscribers_of(listed, ended_ones),
        demo_clock="demo" in current_app.blueprints and settings().demo_clock,
        most=MOST_IN_ONE_CLICK,
    )


def _live(status: str, most: int) -> Sequence[Subscription]:
    query = select(Subscription).where(Subscription.status == status)
    return db.session.scalars(query.order_by(Subscription.next_charge_on, Subscription.id).limit(most)).all()


def _why_not_charge(subscription: Subscription | None, month: Month | None) -> str | None:
    """Return why the month cannot be charged now, as text for the page; None: it can."""
    if subscription is None or month is None or subscription.status not in subscriptions.LIVE:
        return str(_("이용 중인 구독이 없습니다."))
    standing = month.standing(clock.now())
    return None if standing in ("due", "unanswered") else label("month", standing)


def _reason() -> str:
    """Return the given reason; if there is none, flash a message and return an empty text."""
    reason = given_reason()
    if not reason:
        flash(_("사유를 적어 주세요. 누가 왜 했는지 기록에 남습니다."), "error")
    return reason


def _acts(act: str, reason: str, customer_uid: str | None = None) -> None:
    """Log who acts and why, before the action is carried out."""
    notification = acting()
    with transaction():
        log_staff_action(notification, act, reason, customer_uid)
