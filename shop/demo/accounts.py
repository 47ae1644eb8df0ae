"""The two demo accounts. They exist in sandbox mode only."""

from sqlalchemy import select

from payments.database import db
from shop.orders.models import User
from shop.storefront.account import create_user

DEMO_PASSWORD = "demo"  # noqa: S105 - published; the accounts exist in sandbox mode only
DEMO_ACCOUNTS = {"buyer@example.com": "buyer", "admin@example.com": "operator"}


def seed_demo_accounts() -> None:
    """Add the demo accounts that are missing. Never called with live settings."""
    known = set(db.session.scalars(select(User.email)))
    for email, role in DEMO_ACCOUNTS.items():
        if email not in known:
            create_user(email, DEMO_PASSWORD, role=role)
