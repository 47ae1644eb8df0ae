"""The pages of the monthly run, the buyer's and the back office's: what they tell, and who may act on what terms."""

from datetime import datetime
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from payments.clock import SEOUL
from payments.database import db, transaction
from payments.models import Event
from payments.monthly import charging
from payments.monthly.models import Subscription
from payments.portone.report import OutcomeUnknown
from sandbox.ledger import options
from shop.orders.models import User
from tests import clocks
from tests.conftest import csrf_of, product, sign_in
from tests.payments.fakes import FakeProvider
from tests.sandboxed import sandboxed
from tests.shop.bought import started

WHY = {"reason": "구매자가 전화로 부탁"}


@pytest.fixture
def admin(client: FlaskClient) -> FlaskClient:
    sign_in(client, "admin@example.com")
    return client


@pytest.fixture
def key(provider: FakeProvider, buyer: User) -> str:
    """The key of a subscription that was started on 15 January 2055."""
    goes_to(2055, 1, 15)
    return str(started(provider, buyer).customer_uid)


def goes_to(year: int, month: int, day: int, hour: int = 12) -> None:
    clocks.stand_at(datetime(year, month, day, hour, tzinfo=SEOUL))


def read(client: FlaskClient, address: str) -> str:
    return client.get(address).get_data(as_text=True)


def act(client: FlaskClient, address: str, **form: str) -> str:
    answer = client.post(address, headers=csrf_of(client), data=form, follow_redirects=True)
    return answer.get_data(as_text=True)


def test_a_month_that_is_not_due_cannot_be_charged_and_the_page_says_why(
    admin: FlaskClient, key: str, provider: FakeProvider
) -> None:
    assert "결제일이 아직 오지 않았습니다." in read(admin, f"/admin/billing-keys/{key}")
    assert "아직 때가 되지 않아 건너뛰었습니다." in act(admin, f"/admin/billing-keys/{key}/charge", **WHY)
    assert provider.charges == []


def test_a_due_month_can_be_charged_once_by_hand(admin: FlaskClient, key: str, provider: FakeProvider) -> None:
    goes_to(2055, 2, 15)
    assert "이번 달 4,900원 결제하기" in read(admin, f"/admin/billing-keys/{key}")
    for said in ("이번 달 결제를 마쳤습니다.", "아직 때가 되지 않아 건너뛰었습니다."):
        assert said in act(admin, f"/admin/billing-keys/{key}/charge", **WHY)
    assert len(provider.charges) == 1


def test_a_declined_month_says_why_it_cannot_be_charged_again_at_once(
    admin: FlaskClient, key: str, provider: FakeProvider
) -> None:
    goes_to(2055, 2, 15)
    provider.answers = ["declined"]
    act(admin, f"/admin/billing-keys/{key}/charge", **WHY)
    page = read(admin, f"/admin/billing-keys/{key}")
    for shown in ("네 시간이 지나지 않았습니다", "당월 한도 초과로 결제 불가합니다.", "2055-02-15 – 2055-02-20"):
        assert shown in page


@pytest.mark.parametrize("act_name", ["charge", "delete"])
def test_who_acts_says_why_and_it_is_written_down(
    act_name: str, admin: FlaskClient, key: str, provider: FakeProvider
) -> None:
    goes_to(2055, 2, 15)
    refused = admin.post(f"/admin/billing-keys/{key}/{act_name}", headers=csrf_of(admin), data={"reason": " "})
    assert refused.status_code == 400
    assert "사유를 적어 주세요." in refused.get_data(as_text=True)
    assert provider.charges == []
    assert key in provider.keys
    act(admin, f"/admin/billing-keys/{key}/{act_name}", **WHY)
    done = db.session.query(Event).filter_by(customer_uid=key, payment_id=None).one()
    assert (done.outcome, done.reason) == ({"charge": "charge", "delete": "delete_key"}[act_name], WHY["reason"])
    assert (done.actor, done.address) == ("admin@example.com", "127.0.0.1")
    assert WHY["reason"] in read(admin, f"/admin/billing-keys/{key}")


def test_deleting_a_key_is_confirmed_first_and_ends_its_subscription(
    admin: FlaskClient, key: str, provider: FakeProvider
) -> None:
    page = read(admin, f"/admin/billing-keys/{key}/delete")
    assert "되돌릴 수 없습니다." in page
    assert "010-****-5678" in page
    assert key in provider.keys
    assert "빌링키를 지웠습니다." in act(admin, f"/admin/billing-keys/{key}/delete", **WHY)
    assert provider.keys == {}
    db.session.expire_all()
    assert db.session.query(Subscription).one().end_reason == "by_admin"
    assert "삭제됨" in read(admin, f"/admin/billing-keys/{key}")


def test_a_key_with_a_charge_in_flight_is_deleted_later_and_the_page_says_so(
    admin: FlaskClient, key: str, provider: FakeProvider
) -> None:
    goes_to(2055, 2, 15)
    provider.answers = ["lost"]
    act(admin, f"/admin/billing-keys/{key}/charge", **WHY)
    assert "진행 중인 결제가 끝나는 대로" in act(admin, f"/admin/billing-keys/{key}/delete", **WHY)
    assert key in provider.keys


def test_the_key_as_portone_sees_it_is_looked_up_on_demand(
    admin: FlaskClient, key: str, provider: FakeProvider
) -> None:
    provider.asked.clear()
    read(admin, f"/admin/billing-keys/{key}")
    assert provider.asked == []
    assert "170622040674" in read(admin, f"/admin/billing-keys/{key}/portone")
    assert provider.asked == [("get_billing_key", key)]
    provider.keys.clear()
    assert "포트원에는 이 빌링키가 없습니다." in read(admin, f"/admin/billing-keys/{key}/portone")
    provider.key_trouble = OutcomeUnknown("no answer")
    assert "포트원이 답하지 않았습니다" in read(admin, f"/admin/billing-keys/{key}/portone")


@pytest.mark.parametrize("act_name", ["charge", "delete"])
def test_a_viewer_may_not_act_and_a_buyer_finds_nothing(
    act_name: str, client: FlaskClient, key: str, provider: FakeProvider
) -> None:
    with transaction():
        db.session.add(User(email="viewer@example.com", password_hash="x", role="viewer"))
    address = f"/admin/billing-keys/{key}/{act_name}"
    sign_in(client, "viewer@example.com")
    assert client.post(address, headers=csrf_of(client), data=WHY).status_code == 403
    assert client.get(address).status_code in (403, 405)
    assert client.get(f"/admin/billing-keys/{key}").status_code == 200
    sign_in(client)
    assert client.post(address, headers=csrf_of(client), data=WHY).status_code == 404
    assert client.get(address).status_code in (404, 405)
    db.session.expire_all()
    assert db.session.query(Subscription).one().status == "active"
    assert provider.charges == []


# --- the monthly page ---


def test_the_monthly_page_lists_what_comes_and_charges_what_is_due(
    admin: FlaskClient, key: str, provider: FakeProvider
) -> None:
    page = read(admin, "/admin/monthly")
    assert "2055-02-15" in page
    assert key in page
    assert "지금 결제할 것 0건" in page
    goes_to(2055, 2, 15)
    assert "지금 결제할 것 1건 · 4,900원" in read(admin, "/admin/monthly")
    assert admin.post("/admin/monthly/run", headers=csrf_of(admin)).status_code == 400
    answer = act(admin, "/admin/monthly/run", **WHY)
    assert "이번 달 결제를 마쳤습니다. (1)" in answer
    assert "-205502-1" in answer
    assert "지금은 결제할 것이 없습니다." in act(admin, "/admin/monthly/run", **WHY)
    assert len(provider.charges) == 1
    assert db.session.query(Event).filter_by(outcome="run", actor="admin@example.com").count() == 2


def test_what_failed_is_listed_with_its_reason_and_its_last_day_and_what_ended_with_why(
    admin: FlaskClient, key: str, provider: FakeProvider
) -> None:
    goes_to(2055, 2, 15)
    provider.answers = ["declined"]
    assert "KG가 결제를 거절했습니다." in act(admin, "/admin/monthly/run", **WHY)
    page = read(admin, "/admin/monthly")
    for shown in ("당월 한도 초과로 결제 불가합니다.", "2055-02-15 16:00부터 다시 시도합니다.", "2055-02-20까지"):
        assert shown in page
    goes_to(2055, 2, 21)
    act(admin, "/admin/monthly/run", **WHY)
    assert "기한 안에 결제되지 않아 구독이 끝났습니다." in read(admin, "/admin/monthly")


def test_a_declined_month_waits_and_is_not_counted_as_due(
    app: Flask, admin: FlaskClient, key: str, provider: FakeProvider
) -> None:
    goes_to(2055, 2, 15)
    assert "지금 결제할 것 1건 · 4,900원" in read(admin, "/admin/monthly")
    provider.answers = ["declined"]
    act(admin, "/admin/monthly/run", **WHY)
    page = read(admin, "/admin/monthly")
    assert "지금 결제할 것 0건 · 0원" in page
    assert "KG가 거절해 기다리는 것 1건 · 4,900원. 2055-02-15 16:00부터 다시 시도합니다." in page
    goes_to(2055, 2, 15, 16)
    page = read(admin, "/admin/monthly")
    assert "지금 결제할 것 1건 · 4,900원" in page
    assert "기다리는 것" not in page


def test_a_quiet_month_says_so(admin: FlaskClient) -> None:
    page = read(admin, "/admin/monthly")
    assert "이용 중인 구독이 없습니다." in page
    assert "아직 월 결제가 없습니다." in page


# --- a contract that makes no key ---


def test_a_contract_without_billing_pays_but_makes_no_key_and_both_pages_say_why(
    tmp_path: Path, seeded_database: Path
) -> None:
    with sandboxed(tmp_path, seeded_database) as shop:
        client = shop.app.test_client()
        options.change(shop.ledger.database, {"webhook_order": "never"})  # it might be at it in this very moment
        payment = shop.pays_first_month(sign_in(client).id, "01000007002")
        db.session.expire_all()
        assert (payment.status, db.session.query(Subscription).one().status) == ("cancelled", "pending")
        page = read(client, f"/orders/{payment.purchase_id}")
        for shown in ("자동결제가 등록되지 않아 자동 취소", "구독은 시작되지 않았고"):
            assert shown in page
        sign_in(client, "admin@example.com")
        assert "정기결제 계약이 없는 상점 아이디(MID)로는" in read(
            client, f"/admin/billing-keys/{payment.customer_uid}"
        )
        assert "자동결제가 등록되지 않아" in read(client, f"/admin/payments/{payment.merchant_uid}")


# --- what the buyer is told ---


@pytest.fixture
def mine(client: FlaskClient, provider: FakeProvider, buyer: User) -> FlaskClient:
    """The buyer's browser; the subscription was started on 31 January 2055."""
    goes_to(2055, 1, 31)
    started(provider, buyer)
    sign_in(client)
    return client


def test_the_next_day_is_shown_with_the_reason_when_it_is_not_the_usual_one(mine: FlaskClient) -> None:
    page = read(mine, "/subscriptions")
    assert "2055-02-28" in page
    assert "이 달은 31일이 없어 마지막 날에 결제합니다." in page


def test_the_buyer_is_told_of_a_charge_a_week_before(mine: FlaskClient) -> None:
    goes_to(2055, 2, 20)
    assert "곧 결제됩니다" not in read(mine, "/subscriptions")
    goes_to(2055, 2, 21)
    assert "곧 결제됩니다: 2055-02-28에 4,900원이 휴대폰 요금에 합산됩니다." in read(mine, "/subscriptions")


def test_after_a_decline_the_buyer_reads_kgs_reason_the_next_try_and_the_last_day(
    mine: FlaskClient, app: Flask, provider: FakeProvider
) -> None:
    goes_to(2055, 2, 28, 9)
    provider.answers = ["declined"]
    charging.charge(provider, db.session.query(Subscription.id).scalar())
    page = read(mine, "/subscriptions")
    for shown in (
        "2월분 4,900원이 결제되지 않았습니다.",
        "당월 한도 초과로 결제 불가합니다.",
        "2055-02-28 13:00 이후에 다시 시도합니다. 2055-02-28까지 결제되지 않으면 구독이 끝납니다.",
    ):
        assert shown in page
    goes_to(2055, 2, 28, 21)
    provider.answers = ["declined"]
    charging.charge(provider, db.session.query(Subscription.id).scalar())
    assert "다시 시도할 날이 남지 않아" in read(mine, "/subscriptions")


def test_an_open_outcome_and_held_money_are_told_to_the_buyer_as_well(
    mine: FlaskClient, provider: FakeProvider
) -> None:
    goes_to(2055, 2, 28, 9)
    provider.answers = ["dropped", "wrong amount"]
    provider.cancel_answers = ["refused"]
    charging.charge(provider, db.session.query(Subscription.id).scalar())
    assert "결제 결과를 확인하고 있습니다. 두 번 청구되지 않습니다." in read(mine, "/subscriptions")
    goes_to(2055, 2, 28, 10)
    charging.charge(provider, db.session.query(Subscription.id).scalar())
    assert "요청한 것과 달라 판매자가 확인하고 있습니다." in read(mine, "/subscriptions")


def test_an_ended_subscription_says_how_to_start_again(mine: FlaskClient, provider: FakeProvider) -> None:
    goes_to(2055, 3, 1, 9)
    assert charging.charge(provider, db.session.query(Subscription.id).scalar()) == "ended"
    page = read(mine, "/subscriptions")
    assert "기한 안에 결제되지 않아 구독이 끝났습니다." in page
    assert "첫 달 요금이 바로 결제됩니다." in page
    assert f"/products/{product('monthly').slug}" in page
