"""Back office pages: dashboard, billing keys, subscriptions, webhook inbox, reconciliation, audit."""

from datetime import date, timedelta
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from payments import clock, reconcile, sync
from payments.database import db
from payments.models import Event
from payments.monthly.models import BillingKey, Subscription
from payments.portone.report import ProviderError
from shop.orders.plans import plans_by_ref, subscribers_of
from shop.web.common import provider
from shop.web.labels import LABELS, label

from . import differences, export, figures, filters, listing
from .admin import DOCTORS_MERCHANT_UID, bp, log_event_before, operators_only, told_after, with_reason
from .admin_payments import as_csv
from .figures import Sums
from .filters import Unreadable
from .spreadsheet import BYTE_ORDER_MARK

CHART_DAYS = 31  # so that this month's days are always among them
RECONCILED_DAYS = 7


@bp.get("/")
def index() -> str:
    """Show the figures of today and this month, and what needs a person's decision."""
    today = clock.today()
    yesterday = today - timedelta(days=1)
    chart = figures.sums_by_day(*_last_days(CHART_DAYS))
    next_charges = figures.next_charges()
    month = [sums for day, sums in chart.items() if day >= today.replace(day=1)]
    return render_template(
        "admin/index.html",
        today=today,
        yesterday=yesterday,
        sums={"today": chart[today], "yesterday": chart[yesterday], "month": sum(month, Sums())},
        held_now=figures.held_now(),
        cancelled_today=figures.cancelled_today(),
        chart=chart,
        reasons=figures.failure_reasons(*_last_days(CHART_DAYS)),
        to_do=figures.to_do(),
        keys_gone=figures.keys_gone(),
        to_send=figures.to_send(),
        next_charges=next_charges,
        plans=plans_by_ref(),
        subscribers=subscribers_of(next_charges),
    )


def _last_days(number: int) -> tuple[date, date]:
    """Return the first and last of the `number` days that end today."""
    return clock.today() - timedelta(days=number - 1), clock.today()


@bp.get("/billing-keys")
def billing_keys() -> str:
    """List billing keys, newest first, with their last and next charge."""
    state, q = filters.choice("status", BillingKey.STATES), filters.text("q")
    page = listing.billing_keys(state, q, filters.cursor())
    return render_template(
        "admin/billing_keys.html", page=page, **_asked(chosen_state=state, q=q), states=BillingKey.STATES
    )


@bp.get("/subscriptions")
def subscriptions() -> str:
    """List subscriptions, newest first."""
    state, q, plan_id = filters.choice("status", Subscription.STATES), filters.text("q"), filters.number("plan")
    page = listing.subscriptions(state, plan_id, q, filters.cursor())
    more = _asked(chosen_state=state, q=q, plan_id=plan_id)
    return render_template(
        "admin/subscriptions.html",
        page=page,
        plans=plans_by_ref(),
        subscribers=subscribers_of(page.rows),
        states=Subscription.STATES,
        **more,
    )


def _asked(**chosen: Any) -> dict[str, Any]:
    """Return the chosen filters for the form, and the query parameters for the links to other pages of the list."""
    args = {name: value for name, value in request.args.items() if name not in ("older", "newer") and value}
    return {**chosen, "args": args}


# --- the webhook inbox ------------------------------------------------------------------------------------------------


@bp.get("/webhooks")
def webhooks() -> str:
    """Show every webhook as received, what it claimed, and what was decided."""
    state, q = filters.choice("status", LABELS["outcome"]), filters.text("q")
    page = listing.webhooks(state, q, filters.cursor())
    return render_template(
        "admin/webhooks.html",
        page=page,
        repeats=listing.repeats(page.rows),
        doctors_merchant_uid=DOCTORS_MERCHANT_UID,
        outcomes=("paid", "failed", "cancelled", "held", "unchanged", "mismatch", "not_found", "unknown"),
        **_asked(chosen_state=state, q=q),
    )


@bp.post("/webhooks/<int:event_id>/replay")
@operators_only
def replay(event_id: int) -> AnyResponse:
    """Process a webhook again: look up the payment that it names at PortOne."""
    event = db.session.get(Event, event_id)
    if event is None or event.source != "webhook" or not (event.imp_uid or event.merchant_uid):
        abort(404)
    claimed = {"webhook": str(event.id)}
    notification = log_event_before(
        "replay", f"webhook {event.id}", imp_uid=event.imp_uid, merchant_uid=event.merchant_uid, claimed=claimed
    )
    result = sync.sync_payment(provider(), notification)
    told = _("웹훅을 다시 확인했습니다: %(outcome)s", outcome=told_after(result))
    flash(told, "error" if result.outcome in ("unknown", "mismatch", "not_found") else "success")
    return redirect(url_for("admin.webhooks"))


# --- reconciliation ---------------------------------------------------------------------------------------------------


@bp.get("/reconcile", endpoint="reconcile")
def reconcile_page() -> str | tuple[str, int]:
    """Show the reconciliation page; compare both ledgers when the request names a period."""
    try:
        days = filters.period(RECONCILED_DAYS)
    except Unreadable as problem:
        return render_template("admin/reconcile.html", days=None, found=None, problem=str(problem)), 400
    if "first" not in request.args:
        return render_template("admin/reconcile.html", days=days, found=None)
    try:
        found = reconcile.compare(provider(), *days)
    except ProviderError as error:
        problem_text = _("포트원의 장부를 읽지 못했습니다. 잠시 뒤 다시 시도해 주세요. (%(error)s)", error=error)
        return render_template("admin/reconcile.html", days=days, found=None, problem=problem_text), 503
    still_open, closed = differences.split(found)
    return render_template(
        "admin/reconcile.html",
        days=days,
        found=found,
        open=still_open,
        groups=differences.grouped(still_open),
        closed=closed,
        facts_of=differences.facts_of,
        closable=differences.closable(still_open),
        unfolded=differences.UNFOLDED,
    )


@bp.get("/reconcile.csv")
def reconcile_csv() -> AnyResponse | tuple[str, int]:
    """Download the differences as CSV."""
    try:
        days = filters.period(RECONCILED_DAYS)
        found = reconcile.compare(provider(), *days)
    except (Unreadable, ProviderError) as problem:
        return _not_compared(problem)
    table = BYTE_ORDER_MARK + export.differences_csv(found)
    return as_csv(table, f"reconcile-{days[0]:%Y%m%d}-{days[1]:%Y%m%d}.csv")


@bp.post("/reconcile/repair")
@with_reason
def repair(reason: str) -> AnyResponse | tuple[str, int]:
    """Look up the repairable differences that are open again; a person handles the rest."""
    try:
        days = filters.period(RECONCILED_DAYS)
        log_event_before("repair", reason, claimed={"first": days[0].isoformat(), "last": days[1].isoformat()})
        still_open, _closed = differences.split(reconcile.compare(provider(), *days))
        for one in differences.repairable(still_open):
            log_event_before("ask", reason, merchant_uid=one.merchant_uid, imp_uid=one.imp_uid)
        done = reconcile.repair(provider(), still_open)
    except (Unreadable, ProviderError) as problem:
        return _not_compared(problem)
    for outcome, count in sorted(done.items()):
        flash(f"{label('outcome', outcome)} ({count})", "info")
    if not done:
        flash(_("고칠 것이 없습니다."), "success")
    return redirect(url_for("admin.reconcile", first=days[0], last=days[1]))


@bp.post("/reconcile/review")
@with_reason
def review(reason: str) -> AnyResponse | tuple[str, int]:
    """Close differences that a person looked at and found nothing wrong with: those chosen, or all of one kind.

    The ledgers are compared again, so that nothing is closed that is another difference by now.
    """
    facts, kinds = set(request.form.getlist("facts")), set(request.form.getlist("kind"))
    try:
        days = filters.period(RECONCILED_DAYS)
        found = reconcile.compare(provider(), *days)
    except (Unreadable, ProviderError) as problem:
        return _not_compared(problem)
    chosen = [one for one in found if one.kind in kinds or differences.facts_of(one) in facts]
    closed = differences.close(chosen, reason, current_user.email, request.remote_addr)
    if closed:
        flash(
            ngettext("%(num)s개를 살펴본 것으로 적었습니다.", "%(num)s개를 살펴본 것으로 적었습니다.", closed),
            "success",
        )
    else:
        flash(_("닫을 것이 없습니다. 닫을 줄을 골라 주세요."), "error")
    return redirect(url_for("admin.reconcile", first=days[0], last=days[1]))


@bp.post("/reconcile/reopen")
@operators_only
def reopen() -> AnyResponse:
    """Open a difference again that a person has closed."""
    if differences.reopen(request.form.get("closed", ""), current_user.email, request.remote_addr):
        flash(_("다시 열었습니다."), "success")
    else:
        flash(_("닫혀 있지 않은 항목입니다."), "error")
    return redirect(url_for("admin.reconcile", first=request.args.get("first"), last=request.args.get("last")))


def _not_compared(problem: Exception) -> tuple[str, int]:
    status = 400 if isinstance(problem, Unreadable) else 503
    return render_template("error.html", code=status, title=_("비교하지 못했습니다"), message=problem), status


# --- audit ------------------------------------------------------------------------------------------------------------


@bp.get("/audit")
def audit() -> str:
    """Show who did what, when, why and from where."""
    actor, act = filters.text("q"), filters.choice("act", LABELS["act"])
    page = listing.audit(actor, act, filters.cursor())
    return render_template("admin/audit.html", page=page, acts=LABELS["act"], **_asked(q=actor, act=act))
