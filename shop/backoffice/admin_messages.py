"""The back office's page of messages to buyers: what was written, to whom, and whether it was sent."""

from flask import flash, redirect, render_template, url_for
from flask_babel import gettext as _
from sqlalchemy import select, true
from werkzeug.wrappers import Response as AnyResponse

from payments.database import transaction
from payments.events import log_staff_action
from payments.privacy import mask_emails
from shop.orders.messages import Message, try_again
from shop.web.common import settings
from shop.web.message_text import text_of

from . import filters
from .admin import acting, bp, operators_only
from .paging import read_page

STATES = {
    "waiting": Message.next_try_at.is_not(None),
    "sent": Message.sent_at.is_not(None),
    "unsent": Message.sent_at.is_(None) & Message.next_try_at.is_(None),
}


@bp.get("/messages")
def messages() -> str:
    """Show the messages to buyers, newest first, addresses and phone numbers masked."""
    state = filters.choice("status", STATES)
    page = read_page(select(Message).where(STATES.get(state, true())), (Message.id,), filters.cursor())
    shown = [(one, mask_emails(one.order.buyer_email), *text_of(one)[1:]) for one in page.rows]
    facts = {"chosen_state": state, "args": {"status": state} if state else {}, "server": settings().mail_server}
    return render_template("admin/messages.html", page=page, shown=shown, **facts)


@bp.post("/messages/<int:message_id>/again")
@operators_only
def send_again(message_id: int) -> AnyResponse:
    """Let a message that was given up be tried once more, by the next `flask notify`."""
    with transaction():
        done = try_again(message_id)
        if done:
            log_staff_action(acting(), "resend", f"message {message_id}")
    if done:
        flash(_("다음 발송 때 다시 보냅니다."), "success")
    else:
        flash(_("다시 보낼 수 없는 알림입니다."), "error")
    return redirect(url_for("admin.messages"))
