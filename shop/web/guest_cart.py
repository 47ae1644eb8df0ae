"""The cart of a visitor who has not signed in: quantities by product id, in the session cookie."""

from flask import session

KEY = "guest_cart"
MOST_PRODUCTS = 20  # a session cookie has room for them


def add(product_id: int, quantity: int, *, at_least: bool = False) -> bool:
    """Add a product; with `at_least`, only what is missing. False: the cart holds as many products as it can."""
    lines: dict[str, int] = dict(session.get(KEY, {}))
    if str(product_id) not in lines and len(lines) >= MOST_PRODUCTS:
        return False
    held = lines.get(str(product_id), 0)
    lines[str(product_id)] = max(held, quantity) if at_least else held + quantity
    session[KEY] = lines
    return True


def lines() -> dict[int, int]:
    """Return the quantities by product id."""
    return {int(product_id): quantity for product_id, quantity in session.get(KEY, {}).items()}
