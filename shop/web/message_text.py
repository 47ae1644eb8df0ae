"""The texts of messages to buyers, from `templates/messages/`."""

from flask import render_template
from flask_babel import force_locale

from payments.privacy import mask_text, one_line
from shop.orders.messages import Message

from .common import settings

LONGEST_SUBJECT = 150


def text_of(message: Message) -> tuple[str, str, str]:
    """Write a message in its language, phone numbers masked; return the sender's name, the subject and the body.

    These are the first, the second and the other paragraphs of its template.
    """
    with force_locale(message.language):
        facts = {"order": message.order, "shop_url": settings().public_url, **message.facts}
        text = mask_text(render_template(f"messages/{message.kind}.txt", **facts))
    sender, subject, *paragraphs = filter(None, (each.strip("\n") for each in text.split("\n\n")))
    return sender, one_line(subject, LONGEST_SUBJECT), "\n\n".join(paragraphs) + "\n"
