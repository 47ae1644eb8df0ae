"""What is in a fresh shop? The catalogue and, with the sandbox only, two demo accounts."""

from sqlalchemy import select

from .account import create_user
from .catalogue import CATALOGUE
from .database import db, transaction
from .models import Product, User

DEMO_PASSWORD = "demo"  # noqa: S105 - published; the accounts exist in sandbox mode only
DEMO_ACCOUNTS = {"buyer@example.com": "buyer", "admin@example.com": "operator"}


def is_needed() -> bool:
    """Whether the shop is still empty."""
    return db.session.scalar(select(Product.id).limit(1)) is None


def seed_catalogue() -> None:
    """Add the products that are missing; those that are there stay as they are."""
    with transaction():
        known = set(db.session.scalars(select(Product.slug)))
        for position, item in enumerate(CATALOGUE):
            if item["slug"] not in known:
                db.session.add(Product(position=position, **item))


def seed_demo_accounts() -> None:
    """Add the demo accounts that are missing. Never called with live settings."""
    known = set(db.session.scalars(select(User.email)))
    for email, role in DEMO_ACCOUNTS.items():
        if email not in known:
            create_user(email, DEMO_PASSWORD, role=role)
