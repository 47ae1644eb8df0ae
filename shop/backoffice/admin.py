"""Blueprint and access control of the back office: viewers may read, operators may also act, with a reason."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from payments.database import db, transaction
from payments.events import Notification, log_event, log_staff_action
from payments.models import Payment
from payments.record import SyncResult
from shop.storefront.account import login_manager
from shop.web.common import View, given_reason
from shop.web.labels import label, payment_state

DOCTORS_MERCHANT_UID = "doctor"  # of the webhook that `flask doctor` sends to itself; the inbox marks it
bp = Blueprint("admin", __name__, url_prefix="/admin")

LONGEST_REASON = 100


@bp.before_request
def only_staff() -> AnyResponse | None:
    """Admit staff only. A signed-in buyer gets 404, so that the back office does not reveal that it exists."""
    if not current_user.is_authenticated:
        return login_manager.unauthorized()  # type: ignore[no-any-return]
    if not current_user.is_staff:
        abort(404)
    return None


def operators_only(view: View) -> View:
    """Restrict a view to operators; viewers get 403."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if current_user.role != "operator":
            abort(403)
        return view(*args, **kwargs)

    return cast("View", guarded)


def with_reason(view: Callable[..., Any]) -> Callable[..., Any]:
    """Restrict a view to operators who give a reason; it is passed as `reason`. Without one: 400, nothing is done."""

    @wraps(view)
    @operators_only
    def guarded(*args: Any, **kwargs: Any) -> Any:
        reason = given_reason()
        if not reason or len(reason) > LONGEST_REASON:
            message = _("이 일에는 사유가 필요합니다. 1자에서 %(most)s자까지 적어 주세요.", most=LONGEST_REASON)
            return render_template("error.html", code=400, title=_("사유를 적어 주세요"), message=message), 400
        return view(*args, reason=reason, **kwargs)

    return guarded


def acting(**about: Any) -> Notification:
    """Return the event data of this request's staff action: who, and from which address."""
    return Notification("admin", actor=current_user.email, address=request.remote_addr, **about)


def log_event_before(act: str, reason: str, **about: Any) -> Notification:
    """Log a staff action before it is carried out. The function that carries it out logs the result."""
    notification = acting(**about)
    with transaction():
        payment = db.session.scalar(select(Payment).filter_by(merchant_uid=notification.merchant_uid))
        if payment:
            log_event(notification, act, reason, payment)
        else:
            log_staff_action(notification, act, reason)
    return notification


def payment_named(merchant_uid: str) -> Payment:
    """Return the payment that the address names; 404: there is none."""
    return db.session.scalar(select(Payment).filter_by(merchant_uid=merchant_uid)) or abort(404)


def told_after(result: SyncResult) -> str:
    """Return the result of a look-up as the page shows it afterwards: what was held may be cancelled by now."""
    outcome = label("outcome", result.outcome)
    if result.payment is None or result.outcome == "mismatch":
        return outcome
    state = label("payment", payment_state(result.payment))
    return f"{outcome} ({state})" if result.outcome in ("unchanged", "unknown", "not_found") else state


def back_to_payment(merchant_uid: str) -> AnyResponse:
    """Redirect to the payment's page."""
    return redirect(url_for("admin.payment", merchant_uid=merchant_uid))
