"""The back office's page of messages to buyers: what was written, to whom, and whether it was sent."""

from flask import render_template
from sqlalchemy import select, true

from payments.privacy import mask_emails
from shop.orders.messages import Message
from shop.web.common import settings
from shop.web.message_text import text_of

from . import filters
from .admin import bp
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
