"""Insert the catalogue into a new shop."""

from sqlalchemy import select

from payments.database import db, transaction

from .catalogue import CATALOGUE
from .models import Product


def is_needed() -> bool:
    """Return whether the shop has no products yet."""
    return db.session.scalar(select(Product.id).limit(1)) is None


def seed_catalogue() -> None:
    """Add the products that are missing; existing ones are not changed."""
    with transaction():
        known = set(db.session.scalars(select(Product.slug)))
        for position, item in enumerate(CATALOGUE):
            if item["slug"] not in known:
                db.session.add(Product(position=position, **item))
