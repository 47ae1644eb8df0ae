"""The texts of messages to buyers: `templates/messages/`, whose first paragraph is the subject."""

from typing import NamedTuple
from urllib.parse import urlsplit

from flask import current_app, render_template
from flask_babel import force_locale
from flask_babel import gettext as _

from payments.privacy import mask_text, one_line
from shop.orders.messages import Message

from .common import settings

LONGEST_SUBJECT = 150


class Text(NamedTuple):
    sender: str
    subject: str
    body: str


def text_of(message: Message) -> Text:
    """Write a message in its language, with links by PUBLIC_URL. Phone numbers are masked, wherever they stand."""
    with force_locale(message.language):
        goods = name = message.facts["name"]
        if others := message.facts["others"]:
            goods = _("%(name)s 외 %(n)s건", name=name, n=others)
        facts = {**message.facts, "goods": goods, "order": message.order, "link": _link}
        written, sender = render_template(f"messages/{message.kind}.txt", **facts), _("달곰상점")
    subject, *blocks = filter(None, (block.strip("\n") for block in mask_text(written).split("\n\n")))
    return Text(sender, one_line(subject, LONGEST_SUBJECT), "\n\n".join(blocks) + "\n")


def _link(endpoint: str, **values: int) -> str:
    public = urlsplit(settings().public_url)
    address = current_app.url_map.bind(public.netloc, url_scheme=public.scheme)
    return address.build(endpoint, values, force_external=True)
