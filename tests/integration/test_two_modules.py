"""A shop with one contract of each of KG's modules, against the real sandbox: one-time through one, plans the other."""

import csv
import io
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from payments.database import db, end_reading
from payments.models import Payment
from payments.monthly import batch, charging
from payments.monthly.models import BillingKey
from payments.sweep import sweep
from shop.orders.models import User
from tests.conftest import sign_in
from tests.sandboxed import Sandboxed, sandboxed

OLD, NEW = "mobilians", "mobilians_v2"
NAMES = {OLD: "KG 휴대폰(구모듈)", NEW: "KG 휴대폰(신모듈)"}


def buys_and_subscribes(shop: Sandboxed) -> None:
    """One thing once, one plan, and its second month on its day."""
    user_id = db.session.query(User.id).filter_by(email="buyer@example.com").scalar()
    end_reading()
    shop.buys_once(user_id)
    shop.pays_first_month(user_id)
    shop.goes_to(2054, 12, 15, 10)
    for due in batch.due_now():
        charging.charge(shop.provider, due.subscription_id)


def exported(staff: FlaskClient) -> dict[str, str]:
    """The CSV's column `PG` by the kind of the payment."""
    text = staff.get("/admin/payments.csv").get_data(as_text=True).lstrip("\ufeff")
    return {row["종류"]: row["PG"] for row in csv.DictReader(io.StringIO(text))}


@pytest.mark.parametrize(("once", "monthly"), [(OLD, NEW), (NEW, OLD)], ids=["new plans", "old plans"])
def test_each_payment_goes_through_its_own_module_and_the_second_month_through_its_keys(
    once: str, monthly: str, tmp_path: Path, seeded_database: Path
) -> None:
    modules = {"PORTONE_MODULE": once, "PORTONE_BILLING_MODULE": monthly, "PORTONE_FIX_NUMBER": "true"}
    with sandboxed(tmp_path, seeded_database, **modules) as shop:
        buys_and_subscribes(shop)
        paid = {row.kind: row for row in db.session.query(Payment).filter_by(status="paid")}
        assert {kind: row.pg_provider for kind, row in paid.items()} == {
            "once": once,
            "first": monthly,
            "renewal": monthly,
        }
        assert [row.held_reason for row in paid.values()] == [None, None, None]
        assert [key.pg_provider for key in db.session.query(BillingKey)] == [monthly]
        uids = {kind: row.merchant_uid for kind, row in paid.items()}
        customer_uid = paid["first"].customer_uid
        end_reading()
        assert sum(sweep(shop.provider).values()) == 0, "nothing is left to ask"
        shop.books_agree()
        staff = shop.app.test_client()
        sign_in(staff, "admin@example.com")
        for kind, module in (("once", once), ("first", monthly), ("renewal", monthly)):
            page = staff.get(f"/admin/payments/{uids[kind]}").get_data(as_text=True)
            assert NAMES[module] in page
            other = NAMES[NEW if module == OLD else OLD]
            assert other not in page
        assert NAMES[monthly] in staff.get(f"/admin/billing-keys/{customer_uid}").get_data(as_text=True)
        assert exported(staff) == {
            "한 번 결제": NAMES[once],
            "첫 달 (빌링키 발급)": NAMES[monthly],
            "월 결제": NAMES[monthly],
        }
        listed = staff.get("/admin/payments").get_data(as_text=True)
        assert all(f'value="{module}"' in listed for module in (OLD, NEW)), "both can be chosen in the filter"
