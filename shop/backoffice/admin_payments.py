"""Back office pages about payments: list, sums, CSV export, one payment's timeline, and the staff actions on it."""

from collections.abc import Iterator
from typing import Any

from flask import Flask, Response, abort, current_app, flash, render_template, request
from flask_babel import gettext as _
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from payments import cancellations, clock, sync
from payments.cancel import cancel_payment
from payments.database import db, transaction
from payments.events import log_event
from payments.models import Payment
from shop.orders import orders, shipping
from shop.orders.buyers import buyers_of
from shop.orders.models import Product
from shop.orders.order_payments import KINDS, numbers_of, order_of
from shop.web.common import provider
from shop.web.labels import label

from . import contacts, export, figures, filters, listing, timeline
from .admin import acting, back_to_payment, bp, log_event_before, operators_only, payment_named, told_after, with_reason
from .filters import Unreadable
from .listing import PaymentFilter
from .next_step import allowed, next_step, was_asked
from .paging import Page
from .titles import titles


@bp.get("/payments", endpoint="payments")
def payment_list() -> str | tuple[str, int]:
    """List payments, newest first: filtered, searched, summed."""
    try:
        chosen = filters.payment_filter()
    except Unreadable as problem:
        return _list(PaymentFilter(q=filters.text("q")), Page([]), problem=str(problem)), 400
    return _list(chosen, listing.payments(chosen, filters.cursor()), **_sums(chosen))


def _sums(chosen: PaymentFilter) -> dict[str, Any]:
    """Return the sums of the listed payments, or why none are shown: the list's own period has no limit."""
    if chosen.q:
        return {"no_sums": _("찾은 결과에는 합계를 내지 않습니다.")}
    if chosen.first is None:
        return {"no_sums": _("합계는 기간을 고르면 보입니다.")}
    days = chosen.first, chosen.last or max(chosen.first, clock.today())
    if days[1] - days[0] >= figures.LONGEST_PERIOD:
        most = figures.LONGEST_PERIOD.days
        return {"no_sums": _("합계는 %(days)s일까지만 냅니다. 기간을 줄이면 보입니다.", days=most)}
    return {"days": days, "sums": figures.sums(*days, chosen)}


def _list(chosen: PaymentFilter, page: Page, **more: Any) -> str:
    return render_template(
        "admin/payments.html",
        chosen=chosen,
        page=page,
        buyers=buyers_of(page.rows),
        numbers=numbers_of(page.rows),
        args={name: value for name, value in request.args.items() if name not in ("older", "newer") and value},
        states=listing.PAYMENT_STATES,
        kinds=KINDS,
        plans=plans(),
        pgs=listing.pg_providers(),
        quick_dates=filters.quick_dates(),
        title=titles(),
        expected=expected_rows(chosen),
        **more,
    )


def plans() -> dict[int, Product]:
    """Return the monthly plans by id."""
    query = select(Product).where(Product.kind == "monthly").order_by(Product.position)
    return {plan.id: plan for plan in db.session.scalars(query)}


def expected_rows(chosen: PaymentFilter, most: int = 10_000) -> int | None:
    """Return the number of rows of an export; None if there are more than `most`, since counting reads them all.

    None too for a search and for what needs a person, which are short.
    """
    if chosen.q or chosen.state not in ("", *figures.COUNTED):
        return None
    rows = figures.count(chosen, most + 1)
    return rows if rows <= most else None


@bp.get("/payments.csv")
def payments_csv() -> AnyResponse | tuple[str, int]:
    """Download the chosen payments as CSV."""
    try:
        chosen = filters.payment_filter()
    except Unreadable as problem:
        return render_template("error.html", code=400, title=_("기간을 확인해 주세요"), message=problem), 400
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    return as_csv(_piecemeal(app, export.payments_csv(chosen)), f"payments-{clock.today():%Y%m%d}.csv")


def _piecemeal(app: Flask, pieces: Iterator[str]) -> Iterator[str]:
    """Read each piece in a separate app context, so that a slow client does not hold a database connection."""
    while True:
        with app.app_context():
            piece = next(pieces, None)
        if piece is None:
            return
        yield piece


def as_csv(pieces: Any, name: str) -> Response:
    """Stream CSV as a file download."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(pieces, mimetype="text/csv", headers=headers)


# --- one payment ------------------------------------------------------------------------------------------------------


@bp.get("/payments/<merchant_uid>")
def payment(merchant_uid: str) -> str:
    """Show one payment: its data, its timeline, PortOne's latest report, and the actions allowed."""
    found = payment_named(merchant_uid)
    events = timeline.events_of(found)
    order, own = order_of(found), cancellations.cancellation_of(found)
    rows = cancellations.cancellations_of(found)
    step = next_step(found, rows, order, events)
    return render_template(
        "admin/payment.html",
        payment=found,
        buyer=buyers_of([found])[found.id],
        title=titles(),
        order=order,
        line=timeline.line_of(found, events, own),
        report=timeline.latest_report(found, events),
        remaining=_remaining(found),
        today=clock.today(),
        next_step=step,
        buyers_phone=contacts.buyers_phone(found, step),
        recipients_phone=contacts.recipients_phone(order, is_open=step in contacts.WITH_BUYER) if order else "",
        may=allowed(found, own, order),
        why_not_send=shipping.why_not_send(order) if order else None,
        cancellation=own,
        undone_by=cancellations.undone_by(found),
        cancellations=rows,
    )


@bp.post("/payments/<merchant_uid>/ask")
@operators_only
def ask_again(merchant_uid: str) -> AnyResponse:
    """Look the payment up at PortOne and record what it says."""
    payment_named(merchant_uid)
    notification = log_event_before("ask", "asked by hand", merchant_uid=merchant_uid)
    result = sync.sync_payment(provider(), notification)
    told = _("포트원에 다시 물었습니다: %(outcome)s", outcome=told_after(result))
    flash(told, "error" if result.outcome in ("unknown", "mismatch") else "success")
    return back_to_payment(merchant_uid)


@bp.post("/payments/<merchant_uid>/cancel")
@with_reason
def cancel(merchant_uid: str, reason: str) -> AnyResponse:
    """Cancel the whole payment."""
    found = payment_named(merchant_uid)
    notification = log_event_before("refuse" if found.held_reason else "cancel", reason, merchant_uid=merchant_uid)
    if found.paid_at is None and not was_asked(found, timeline.events_of(found)):
        flash(label("next", "not_asked"), "error")
        return back_to_payment(merchant_uid)
    result = cancel_payment(provider(), found.id, reason, notification)
    flash(label("cancel", result.reason), "success" if result.outcome == "cancelled" else "error")
    return back_to_payment(merchant_uid)


@bp.post("/payments/<merchant_uid>/decline")
@with_reason
def decline(merchant_uid: str, reason: str) -> AnyResponse:
    """Decline a buyer's cancellation request; the order's page shows the reason to the buyer."""
    notification = acting(merchant_uid=merchant_uid)
    payment_id = payment_named(merchant_uid).id
    with transaction():
        found = db.session.get_one(Payment, payment_id)
        order = order_of(found, lock=True)
        if order is None or not orders.decline_cancel_request(order, reason):
            abort(409)
        log_event(notification, "decline", reason, found)
    flash(_("취소 신청을 거절했습니다. 구매자의 주문 화면에 사유가 보입니다."), "success")
    return back_to_payment(merchant_uid)


@bp.post("/payments/<merchant_uid>/release")
@with_reason
def release(merchant_uid: str, reason: str) -> AnyResponse:
    """Accept a held payment: its order or month counts as paid."""
    found = payment_named(merchant_uid)
    notification = log_event_before("release", reason, merchant_uid=merchant_uid)
    refusal = sync.release(provider(), found.id, notification, reason)
    if refusal:
        flash(label("release", refusal), "error")
    else:
        flash(_("보류를 풀었습니다. 주문을 결제된 것으로 처리합니다."), "success")
    return back_to_payment(merchant_uid)


def _remaining(payment: Payment) -> int:
    """Return what was paid minus what was cancelled, in won."""
    if payment.paid_at is None or payment.status == "cancelled":
        return 0
    return cancellations.remaining(payment)
