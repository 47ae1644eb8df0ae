"""What people do in the back office: look, ask again, cancel, release, replay, mend, export; and the audit of it."""

import csv
import io
import re
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from payments import cancellations, clock, sync
from payments.database import db, transaction
from payments.events import Notification
from payments.models import Event, Payment
from payments.portone.report import OutcomeUnknown
from shop.backoffice import export, figures, spreadsheet
from shop.backoffice.listing import PaymentFilter
from shop.orders import cart
from shop.orders.models import Order, User
from tests import clocks
from tests.clocks import NOON
from tests.conftest import BUYER, csrf_of, order_of, order_window, product, sign_in
from tests.payments.fakes import FakeProvider


@pytest.fixture
def admin(client: FlaskClient) -> FlaskClient:
    sign_in(client, "admin@example.com")
    return client


@pytest.fixture
def viewer(client: FlaskClient, shop: Any) -> FlaskClient:
    with transaction():
        db.session.add(User(email="viewer@example.com", password_hash="x", role="viewer"))
    sign_in(client, "viewer@example.com")
    return client


@pytest.fixture
def opened(provider: FakeProvider, buyer: User) -> Payment:
    cart.put_in_cart(buyer.id, product().id, 1)
    return order_window(provider, buyer.id, BUYER)


@pytest.fixture
def paid(provider: FakeProvider, opened: Payment) -> Payment:
    provider.hears_of(opened.merchant_uid, amount=opened.amount)
    sync.sync_payment(provider, Notification("callback", merchant_uid=opened.merchant_uid))
    return opened


@pytest.fixture
def held(paid: Payment) -> Payment:
    """Money that a person has to decide about: its order waits, and nothing was done by itself."""
    with transaction():
        row = db.session.get_one(Payment, paid.id)
        row.held_reason = "channel"
        order = db.session.get_one(Order, int(row.purchase_id))
        order.status, order.paid_at, order.paid_by = "pending", None, None
    return paid


def do(client: FlaskClient, act: str, **form: str) -> Any:
    return client.post(f"/admin/{act}", data=form, headers=csrf_of(client), follow_redirects=True)


def audit(client: FlaskClient) -> str:
    return text_of(client.get("/admin/audit").get_data(as_text=True))


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.split("<main", 1)[1]))


def again(row: Payment) -> Payment:
    db.session.expire_all()
    return db.session.get_one(Payment, row.id)


# --- acts -------------------------------------------------------------------------------------------------------------


def test_asking_again_records_what_portone_says_and_says_so(
    admin: FlaskClient, provider: FakeProvider, opened: Payment
) -> None:
    provider.hears_of(opened.merchant_uid, amount=opened.amount)
    answer = do(admin, f"payments/{opened.merchant_uid}/ask")
    assert "포트원에 다시 물었습니다: 결제 완료" in answer.get_data(as_text=True)
    assert again(opened).status == "paid"
    for shown in ("admin@example.com", "다시 묻기", opened.merchant_uid, "127.0.0.1"):
        assert shown in audit(admin)


def test_asking_without_an_answer_says_so(admin: FlaskClient, provider: FakeProvider, opened: Payment) -> None:
    provider.trouble = OutcomeUnknown("time-out")
    assert "응답 없음" in do(admin, f"payments/{opened.merchant_uid}/ask").get_data(as_text=True)
    assert again(opened).status == "ready"


def test_a_cancel_gives_the_whole_amount_back_and_the_audit_says_who_and_why(
    admin: FlaskClient, provider: FakeProvider, paid: Payment
) -> None:
    page = admin.get(f"/admin/payments/{paid.merchant_uid}").get_data(as_text=True)
    assert f"남은 금액 {paid.amount:,}원 전부를 돌려줍니다" in page
    answer = do(admin, f"payments/{paid.merchant_uid}/cancel", reason="구매자가 전화로 요청")
    assert "취소했습니다." in answer.get_data(as_text=True)
    assert provider.cancels == [(again(paid).imp_uid, paid.amount)]
    assert again(paid).status == "cancelled"
    for shown in ("취소하기로 함", "구매자가 전화로 요청", "admin@example.com", "127.0.0.1"):
        assert shown in audit(admin)
    assert "이미 취소된 결제입니다." in admin.get(f"/admin/payments/{paid.merchant_uid}").get_data(as_text=True)


def test_last_months_payment_cannot_be_cancelled_and_the_page_says_why(
    admin: FlaskClient, provider: FakeProvider, paid: Payment
) -> None:
    clocks.stand_at(NOON.replace(month=12))
    page = admin.get(f"/admin/payments/{paid.merchant_uid}").get_data(as_text=True)
    assert "KG는 결제한 달에만 취소를 받습니다." in page
    assert f'action="/admin/payments/{paid.merchant_uid}/cancel"' not in page
    do(admin, f"payments/{paid.merchant_uid}/cancel", reason="늦은 요청")
    assert (provider.cancels, again(paid).status) == ([], "paid")
    assert "늦은 요청" in audit(admin)


def test_held_money_is_released_by_a_person(admin: FlaskClient, held: Payment) -> None:
    assert "보류된 결제" in admin.get("/admin/").get_data(as_text=True)
    answer = do(admin, f"payments/{held.merchant_uid}/release", reason="채널 설정을 확인함")
    assert "보류를 풀었습니다." in answer.get_data(as_text=True)
    assert again(held).held_reason is None
    assert db.session.get_one(Order, int(held.purchase_id)).status == "paid"
    assert "채널 설정을 확인함" in audit(admin)


def test_held_money_is_refused_by_a_person(admin: FlaskClient, provider: FakeProvider, held: Payment) -> None:
    assert "받지 않고 돌려주기" in admin.get(f"/admin/payments/{held.merchant_uid}").get_data(as_text=True)
    do(admin, f"payments/{held.merchant_uid}/cancel", reason="다른 채널의 결제")
    assert again(held).status == "cancelled"
    assert "받지 않기로 함" in audit(admin)


def test_what_is_not_held_cannot_be_released(admin: FlaskClient, paid: Payment) -> None:
    answer = do(admin, f"payments/{paid.merchant_uid}/release", reason="그냥")
    assert "보류된 결제가 아닙니다." in answer.get_data(as_text=True)


ACTS_WITH_REASON = (
    "payments/{uid}/cancel",
    "payments/{uid}/decline",
    "payments/{uid}/release",
    "payments/{uid}/bank-refund",
    "payments/{uid}/cancel-window",
    "reconcile/repair",
    "reconcile/review",
)


@pytest.mark.parametrize("act", ACTS_WITH_REASON)
def test_money_does_not_move_without_a_reason(
    act: str, admin: FlaskClient, provider: FakeProvider, held: Payment
) -> None:
    for reason in ("", "   ", "\x00", "\x1b \x7f", "\u200b\u2060\ufeff", "\u3164", "x" * 101):
        answer = do(admin, act.format(uid=held.merchant_uid), reason=reason)
        assert answer.status_code == 400, repr(reason)
        assert "사유를 적어 주세요" in answer.get_data(as_text=True), repr(reason)
    assert (provider.cancels, again(held).held_reason) == ([], "channel")
    assert "아직 사람이 한 일이 없습니다." in audit(admin)


def test_a_reason_is_kept_without_what_nobody_can_read(admin: FlaskClient, paid: Payment) -> None:
    do(admin, f"payments/{paid.merchant_uid}/cancel", reason="010-12\u200b34-5678\x00로\n전화함\u3164")
    kept = select(Event.reason).where(Event.source == "admin", Event.outcome.in_(("cancel", "cancelled")))
    assert set(db.session.scalars(kept)) == {"010-****-5678로 전화함"}


@pytest.mark.parametrize("act", [*ACTS_WITH_REASON, "payments/{uid}/ask", "webhooks/1/replay"])
def test_a_viewer_may_not_act_and_a_buyer_finds_nothing(
    act: str, viewer: FlaskClient, provider: FakeProvider, held: Payment
) -> None:
    asked = list(provider.asked)
    assert do(viewer, act.format(uid=held.merchant_uid), reason="r").status_code == 403
    page = viewer.get(f"/admin/payments/{held.merchant_uid}").get_data(as_text=True)
    assert "처리는 운영자만 할 수 있습니다." in page
    assert 'name="reason"' not in page
    sign_in(viewer)
    assert do(viewer, act.format(uid=held.merchant_uid), reason="r").status_code == 404
    assert (provider.asked, again(held).held_reason) == (asked, "channel")


PAGES = (
    "/admin/",
    "/admin/to-send",
    "/admin/daily",
    "/admin/payments",
    "/admin/payments.csv",
    "/admin/billing-keys",
    "/admin/subscriptions",
    "/admin/webhooks",
    "/admin/reconcile",
    "/admin/reconcile.csv?first=2054-11-15",
    "/admin/audit",
)


@pytest.mark.parametrize("address", PAGES)
def test_a_buyer_cannot_look_and_a_viewer_can(address: str, viewer: FlaskClient, provider: FakeProvider) -> None:
    assert viewer.get(address).status_code == 200
    sign_in(viewer)
    assert viewer.get(address).status_code == 404


# --- the inbox --------------------------------------------------------------------------------------------------------


def send_webhook(client: FlaskClient, payment: Payment, imp_uid: str) -> None:
    body = {"imp_uid": imp_uid, "merchant_uid": payment.merchant_uid, "status": "paid"}
    client.post("/payment/webhook", json=body)


def test_the_inbox_shows_each_delivery_with_its_body_and_verdict_and_marks_repeats(
    admin: FlaskClient, provider: FakeProvider, opened: Payment
) -> None:
    report = provider.hears_of(opened.merchant_uid, amount=opened.amount)
    for _ in range(2):
        send_webhook(admin, opened, report.imp_uid)
    page = admin.get("/admin/webhooks").get_data(as_text=True)
    assert text_of(page).count("중복") == 1
    for shown in ("결제 완료", "변화 없음", report.imp_uid, "&#34;status&#34;"):
        assert shown in page
    assert opened.merchant_uid in admin.get(f"/admin/webhooks?q={report.imp_uid}").get_data(as_text=True)
    assert "조건에 맞는 것이 없습니다." in admin.get("/admin/webhooks?status=failed").get_data(as_text=True)


def test_a_webhook_is_taken_again_by_asking_portone(
    admin: FlaskClient, provider: FakeProvider, opened: Payment
) -> None:
    provider.trouble = OutcomeUnknown("time-out")
    send_webhook(admin, opened, "imp_000000000001")
    provider.trouble = None
    provider.hears_of(opened.merchant_uid, amount=opened.amount, imp_uid="imp_000000000001")
    event_id = db.session.scalar(select(Event.id).where(Event.source == "webhook"))
    assert "웹훅을 다시 확인했습니다: 결제 완료" in do(admin, f"webhooks/{event_id}/replay").get_data(as_text=True)
    assert again(opened).status == "paid"
    assert "웹훅 다시 확인" in audit(admin)
    assert do(admin, "webhooks/999999/replay").status_code == 404


def test_the_doctors_own_webhook_is_no_alarm(admin: FlaskClient, provider: FakeProvider) -> None:
    admin.post("/payment/webhook", json={"imp_uid": "imp_doctor", "merchant_uid": "doctor", "status": "paid"})
    page = admin.get("/admin/webhooks").get_data(as_text=True)
    assert "점검이 보낸 알림" in page
    assert "verdict not_found" not in page
    assert "/replay" not in page


def test_reasons_are_told_in_korean(admin: FlaskClient, paid: Payment) -> None:
    assert "모두 요청한 대로임" in admin.get(f"/admin/payments/{paid.merchant_uid}").get_data(as_text=True)


@pytest.fixture
def english(client: FlaskClient) -> FlaskClient:
    client.set_cookie("language", "en")
    sign_in(client, "admin@example.com")
    return client


def test_reasons_and_titles_are_told_in_english(english: FlaskClient, paid: Payment) -> None:
    page = english.get(f"/admin/payments/{paid.merchant_uid}").get_data(as_text=True)
    assert "are all as asked" in page
    for shown in (page, english.get("/admin/payments").get_data(as_text=True)):
        assert "Night Walk, e-book" in shown


@pytest.mark.parametrize(
    ("path", "tab", "current"),
    [
        ("/admin/", "/admin/", "page"),
        ("/admin/payments", "/admin/payments", "page"),
        ("/admin/doctor", "/admin/doctor", "page"),
    ],
)
def test_the_tab_of_a_page_is_marked(path: str, tab: str, current: str, admin: FlaskClient) -> None:
    tabs = admin.get(path).get_data(as_text=True).split('<nav class="tabs"')[1].split("</nav>")[0]
    assert re.findall(r'<a href="([^"]+)" aria-current="(\w+)"', tabs) == [(tab, current)]


def test_the_tab_of_a_list_is_marked_on_the_pages_below_it(admin: FlaskClient, paid: Payment) -> None:
    page = admin.get(f"/admin/payments/{paid.merchant_uid}").get_data(as_text=True)
    assert '<a href="/admin/payments" aria-current="true"' in page


def test_one_payment_is_not_payments(english: FlaskClient, paid: Payment) -> None:
    page = english.get("/admin/payments?first=2054-11-15").get_data(as_text=True)
    assert "1 payment<" in page
    assert "0 payments<" in page


# --- reconciliation ---------------------------------------------------------------------------------------------------


def test_differences_are_shown_taken_along_and_mended(
    admin: FlaskClient, provider: FakeProvider, opened: Payment
) -> None:
    assert "날짜를 고르고" in admin.get("/admin/reconcile").get_data(as_text=True)
    assert provider.asked == [("prepare", opened.merchant_uid)], "nobody is asked before the reader asks"
    provider.hears_of(opened.merchant_uid, amount=opened.amount)
    address = "/admin/reconcile?first=2054-11-15&last=2054-11-15"
    page = admin.get(address).get_data(as_text=True)
    for shown in ("다른 점 1개를 찾았습니다.", "상태가 다름", opened.merchant_uid, f"{opened.amount:,}원"):
        assert shown in page
    table = admin.get("/admin/reconcile.csv?first=2054-11-15&last=2054-11-15").get_data(as_text=True)
    assert opened.merchant_uid in table
    do(admin, "reconcile/repair?first=2054-11-15&last=2054-11-15", reason="웹훅을 놓침")
    assert again(opened).status == "paid"
    assert "두 장부가 같습니다." in admin.get(address).get_data(as_text=True)
    assert "웹훅을 놓침" in audit(admin)


def test_without_an_answer_the_comparison_says_so(admin: FlaskClient, provider: FakeProvider) -> None:
    provider.trouble = OutcomeUnknown("time-out")
    answer = admin.get("/admin/reconcile?first=2054-11-15&last=2054-11-15")
    assert answer.status_code == 503
    assert "포트원의 장부를 읽지 못했습니다." in answer.get_data(as_text=True)


def test_made_up_payments_that_portone_does_not_know_are_explained(admin: FlaskClient, paid: Payment) -> None:
    """In sandbox mode: there it is no loss of money but an emptied sandbox."""
    with transaction():
        db.session.get_one(Payment, paid.id).imp_uid = "imp_gone"
    page = admin.get("/admin/reconcile?first=2054-11-15&last=2054-11-15").get_data(as_text=True)
    assert "flask reset-demo" in page


# --- periods, sums, export --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "period", "said"),
    [
        ("payments", "first=2054-11-15&last=2054-11-14", "시작이 끝보다 늦습니다"),
        ("payments", "first=soon", "처럼 적어 주세요."),
        ("payments", "first=0001-01-01", "처럼 적어 주세요."),
        ("payments.csv", "last=9999-12-31", "처럼 적어 주세요."),
        ("reconcile", "first=2054-01-01&last=2054-11-15", "한 번에 31일까지"),
    ],
)
def test_a_period_that_makes_no_sense_is_a_400_that_says_why(
    page: str, period: str, said: str, admin: FlaskClient, provider: FakeProvider
) -> None:
    answer = admin.get(f"/admin/{page}?{period}")
    assert (answer.status_code, said in answer.get_data(as_text=True)) == (400, True)


@pytest.mark.parametrize("period", ["first=2054-01-01&last=2054-11-15", "first=2054-11-15&last=2054-12-31"])
def test_a_long_period_lists_its_payments_and_says_why_it_has_no_sums(
    period: str, admin: FlaskClient, paid: Payment
) -> None:
    answer = admin.get(f"/admin/payments?{period}&status=paid")
    page = text_of(answer.get_data(as_text=True))
    assert answer.status_code == 200
    assert paid.merchant_uid in page
    assert "합계는 31일까지만 냅니다." in page
    assert "성공률" not in page
    assert "성공률" in text_of(admin.get("/admin/payments?first=2054-10-16&last=2054-11-15").get_data(as_text=True))


def test_a_search_forgives_the_case_and_the_blanks_of_what_was_pasted(admin: FlaskClient, paid: Payment) -> None:
    found = again(paid)
    for q in (
        found.merchant_uid.upper(),
        str(found.imp_uid).upper(),
        f" {found.merchant_uid}\t",
        f"# {found.purchase_id}",
    ):
        assert found.merchant_uid in admin.get("/admin/payments", query_string={"q": q}).get_data(as_text=True), q


def test_sums_follow_every_change_of_a_payment(admin: FlaskClient, provider: FakeProvider, paid: Payment) -> None:
    page = text_of(admin.get("/admin/payments?first=2054-11-15&last=2054-11-15").get_data(as_text=True))
    assert f"결제 완료 {paid.amount:,}원 1건" in page
    assert "취소됨 0원 0건" in page
    do(admin, f"payments/{paid.merchant_uid}/cancel", reason="r")
    page = text_of(admin.get("/admin/payments?first=2054-11-15&last=2054-11-15").get_data(as_text=True))
    assert "결제 완료 0원 0건" in page
    assert f"취소됨 {paid.amount:,}원 1건" in page


def test_the_days_sums_are_what_counting_the_payments_gives(paid: Payment, held: Payment, shop: Any) -> None:
    with transaction():
        row = db.session.get_one(Payment, held.id)
        row.held_reason, row.pg_provider = None, "danal"
    today = clock.today()
    assert figures.sums(today, today) == figures.Sums(paid=1, paid_won=paid.amount)
    assert figures.sums(today, today, PaymentFilter(kind="once")).paid == 1
    assert figures.sums(today, today, PaymentFilter(pg="danal")).paid == 1
    assert figures.sums(today, today, PaymentFilter(pg="mobilians")) == figures.Sums()
    with transaction():
        db.session.query(Event).delete()
        db.session.query(Payment).delete()
    assert figures.sums(today, today) == figures.Sums()


def test_the_export_opens_in_excel_and_runs_nothing(admin: FlaskClient, paid: Payment) -> None:
    with transaction():
        order_of(paid).buyer_name = "=cmd|'/c calc'!A1"
    answer = admin.get("/admin/payments.csv?status=paid")
    assert answer.mimetype == "text/csv"
    assert answer.get_data().startswith(b"\xef\xbb\xbfmerchant_uid,imp_uid,status,amount,cancelled_amount,")
    (row,) = csv.DictReader(io.StringIO(answer.get_data(as_text=True).lstrip("\ufeff")))
    assert (row["merchant_uid"], row["amount"], row["status"]) == (paid.merchant_uid, str(paid.amount), "paid")
    assert row["구매자"].startswith("'=")
    assert row["휴대폰"] == "010-****-5678"
    assert admin.get("/admin/payments.csv?status=failed").get_data(as_text=True).count("\n") == 1


@pytest.mark.parametrize(
    ("pg", "language", "name"),
    [
        ("mobilians", "ko", "KG 휴대폰(구모듈)"),
        ("mobilians_v2", "ko", "KG 휴대폰(신모듈)"),
        ("mobilians_v2", "en", "KG phone bill (new module)"),
        ("danal", "en", "danal"),
    ],
)
def test_the_module_is_named_on_the_page_in_the_filter_and_in_the_export(
    pg: str, language: str, name: str, admin: FlaskClient, paid: Payment
) -> None:
    with transaction():
        db.session.query(Payment).update({"pg_provider": pg})
    headers = {"Accept-Language": language}
    assert name in admin.get(f"/admin/payments/{paid.merchant_uid}", headers=headers).get_data(as_text=True)
    listed = admin.get(f"/admin/payments?pg={pg}", headers=headers).get_data(as_text=True)
    assert paid.merchant_uid in listed
    assert f'value="{pg}"' in listed
    assert name in listed
    text = admin.get(f"/admin/payments.csv?pg={pg}", headers=headers).get_data(as_text=True)
    (row,) = csv.DictReader(io.StringIO(text.lstrip("\ufeff")))
    assert row["PG"] == name


@pytest.mark.parametrize("text", ["=1+1", "+82", "-1", "@x", "\tx", "\rx", " =1", "＝1"])
def test_a_cell_that_looks_like_a_formula_is_disarmed(text: str) -> None:
    assert spreadsheet.cell(text) == f"'{text}"


def test_the_export_pages_through_everything_once(admin: FlaskClient, paid: Payment, monkeypatch: Any) -> None:
    monkeypatch.setattr(export, "ROWS_AT_ONCE", 7)
    with transaction():
        for number in range(40):
            facts = {"name": "x", "amount": 100, "is_test_channel": True, "status": "failed"}
            db.session.add(Payment(merchant_uid=f"m-{number}", kind="once", purchase_id=paid.purchase_id, **facts))
    lines = admin.get("/admin/payments.csv").get_data(as_text=True).splitlines()
    assert len(lines) == len({line.split(",")[0] for line in lines}) == 42


def test_no_page_and_no_export_of_a_shared_demo_holds_a_phone_number(
    admin: FlaskClient, provider: FakeProvider, held: Payment
) -> None:
    admin.post("/payment/webhook", json={"merchant_uid": held.merchant_uid, "memo": "010-1234-5678 01012345678"})
    shared = replace(admin.application.extensions["settings"], public_url="http://demo.example")
    admin.application.extensions["settings"] = shared
    pages = [*PAGES, f"/admin/payments/{held.merchant_uid}", "/admin/reconcile?first=2054-11-15&last=2054-11-15"]
    for address in pages:
        page = admin.get(address).get_data(as_text=True)
        # Eleven digits inside an id that was drawn at random are no phone number.
        assert not re.findall(r"(?<![0-9a-z])01[016789][- ]?\d{3,4}[- ]?\d{4}(?![0-9a-z])", page), address


# --- the dashboard ----------------------------------------------------------------------------------------------------


def test_the_dashboard_sums_up_today_and_links_to_what_wants_a_person(
    admin: FlaskClient, provider: FakeProvider, paid: Payment
) -> None:
    page = admin.get("/admin/").get_data(as_text=True)
    assert "사람이 볼 일이 없습니다." in page
    assert f"오늘 결제된 금액 {paid.amount:,}원 1건" in text_of(page)
    assert "100.0%" in page
    with transaction():
        row = db.session.get_one(Payment, paid.id)
        cancellations.request(row, row.imp_uid or "", row.amount, "고객 변심")
    page = admin.get("/admin/").get_data(as_text=True)
    assert 'href="/admin/payments?status=stuck"' in page
    assert paid.merchant_uid in admin.get("/admin/payments?status=stuck").get_data(as_text=True)


def test_the_charts_have_their_numbers_in_a_table(admin: FlaskClient, paid: Payment) -> None:
    page = admin.get("/admin/").get_data(as_text=True)
    assert '<svg class="days"' in page
    assert "2054-11-15" in page.split("<table", 1)[1]


def test_an_empty_shop_has_a_dashboard_too(admin: FlaskClient) -> None:
    assert admin.get("/admin/").status_code == 200


def test_only_staff_are_made_by_the_command_with_the_role_that_was_asked_for(app: Flask) -> None:
    words = ["create-admin", "--email", "v@example.com", "--password", "a-long-password", "--role", "viewer"]
    assert app.test_cli_runner().invoke(args=words).exit_code == 0
    with app.app_context():
        assert db.session.query(User).filter_by(email="v@example.com").one().role == "viewer"
    assert app.test_cli_runner().invoke(args=[*words[:-1], "buyer"]).exit_code == 2
