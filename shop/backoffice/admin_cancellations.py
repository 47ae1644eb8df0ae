"""Staff actions on money that did not go back: ask for a duplicate payment's once more, or record a refund by bank."""

from datetime import date

from flask import abort, flash, request
from flask_babel import gettext as _
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from payments import clock
from payments.cancel import cancel_again
from payments.cancellations import LONGEST_ACCOUNT, LONGEST_NOTE, BankRefund, record_bank_refund
from payments.database import db
from payments.models import Cancellation, Payment
from payments.privacy import mask_account, printable
from shop.web.common import provider
from shop.web.labels import label

from .admin import acting, back_to_payment, bp, log_event_before, payment_named, with_reason

SHORTEST_ACCOUNT = 6  # digits


@bp.post("/payments/<merchant_uid>/cancel-window")
@with_reason
def cancel_window(merchant_uid: str, reason: str) -> AnyResponse:
    """Ask PortOne once more for the money of a window, such as a duplicate payment's, whose cancel was refused."""
    payment = payment_named(merchant_uid)
    row = db.session.scalar(select(Cancellation).filter_by(payment_id=payment.id, imp_uid=_imp_uid()))
    if row is None:
        abort(404)
    notification = log_event_before("cancel", reason, merchant_uid=merchant_uid, imp_uid=row.imp_uid)
    result = cancel_again(provider(), row.id, reason, notification)
    flash(label("cancel", result.reason), "success" if result.outcome == "cancelled" else "error")
    return back_to_payment(merchant_uid)


@bp.post("/payments/<merchant_uid>/bank-refund")
@with_reason
def bank_refund(merchant_uid: str, reason: str) -> AnyResponse:
    """Record money that staff paid back by bank transfer, since KG cannot cancel its payment any more."""
    payment = payment_named(merchant_uid)
    refund = _bank_refund(payment)
    if refund is None:
        flash(_("돌려준 날과 계좌를 확인해 주세요."), "error")
        return back_to_payment(merchant_uid)
    notification = acting(merchant_uid=merchant_uid, imp_uid=_imp_uid())
    refusal = record_bank_refund(payment.id, refund, _without_account(reason), notification, _imp_uid())
    if refusal:
        flash(label("cancel", refusal), "error")
    else:
        flash(_("계좌로 돌려준 것을 기록했습니다."), "success")
    return back_to_payment(merchant_uid)


def _bank_refund(payment: Payment) -> BankRefund | None:
    """Return the refund that the form describes; None: its day, its bank or its account cannot be right."""
    written = f"{request.form.get('bank', '')} {request.form.get('account', '')}"
    account = printable(written, LONGEST_ACCOUNT).strip()
    note = _without_account(printable(request.form.get("note", ""), LONGEST_NOTE).strip())
    try:
        day = date.fromisoformat(request.form.get("refunded_at", ""))
    except ValueError:
        return None
    opened = payment.created_at.astimezone(clock.SEOUL).date()
    has_bank, digits = any(map(str.isalpha, account)), sum(map(str.isdigit, account))
    if not (opened <= day <= clock.today() and has_bank and digits >= SHORTEST_ACCOUNT):
        return None
    return BankRefund(day, account, note)


def _without_account(text: str) -> str:
    """Mask the form's account number in a reason or a note: only its last digits are kept anywhere."""
    typed = request.form.get("account", "").strip()
    digits = "".join(filter(str.isdigit, typed))
    for written in (typed, digits):
        if len(digits) >= SHORTEST_ACCOUNT:
            text = text.replace(written, mask_account(written))
    return text


def _imp_uid() -> str | None:
    """Return the window that the form names; None: the payment's own."""
    return printable(request.form.get("imp_uid", ""), 200) or None
