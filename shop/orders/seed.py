"""Insert the catalogue into a new shop."""

from sqlalchemy import select

from payments.database import db, transaction

from .catalogue import CATALOGUE
from .descriptions import DESCRIPTIONS
from .models import Product


def is_needed() -> bool:
    """Return whether the shop has no products yet."""
    return db.session.scalar(select(Product.id).limit(1)) is None


def seed_catalogue() -> None:
    """Add the products that are missing. Of the others only a page that an earlier release left empty is filled in."""
    with transaction():
        known = {product.slug: product for product in db.session.scalars(select(Product))}
        for position, item in enumerate(CATALOGUE):
            page, product = DESCRIPTIONS[item["slug"]], known.get(item["slug"])
            if product is None:
                db.session.add(Product(position=position, **item, **page))
            elif product.description_ko is None:
                for name, text in page.items():
                    setattr(product, name, text)
