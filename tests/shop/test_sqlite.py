"""The database as this shop uses it: what it promises, and what it keeps to itself."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from payments.database import db, transaction
from shop.orders.models import Order, User


@pytest.mark.sqlite_only
def test_sqlite_is_durable_and_checks_its_references(shop: Any) -> None:
    pragmas = {
        name: db.session.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "synchronous", "foreign_keys")
    }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_a_failed_statement_does_not_tell_whose_data_were_in_it(shop: Any, buyer: User) -> None:
    """Its text goes to the log with the traceback."""
    pending = {"kind": "once", "amount": 1000, "digital": True, "buyer_name": "홍길동", "buyer_tel": "01012345678"}
    moment = datetime(2054, 11, 25, tzinfo=UTC)
    with pytest.raises(IntegrityError) as failed, transaction():
        for _ in range(2):  # one pending order of a kind for each buyer
            db.session.add(Order(user_id=buyer.id, buyer_email="b@example.com", expires_at=moment, **pending))
    assert "buyer_name" in str(failed.value)
    assert "홍길동" not in str(failed.value)
