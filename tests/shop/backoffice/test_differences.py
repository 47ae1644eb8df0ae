"""Reconciliation: differences are grouped, money first; a closed one stays closed until its facts change."""

import re
from dataclasses import replace
from typing import Any, get_args

import pytest
from flask.testing import FlaskClient

from payments import reconcile
from payments.database import db, end_reading, transaction
from payments.models import Event, Payment
from payments.reconcile import Difference
from shop.backoffice import differences
from shop.backoffice.models import ReviewedDifference
from tests.payments.fakes import FakeProvider
from tests.shop.backoffice.test_office import admin, audit, do, opened, paid, text_of, viewer  # noqa: F401 - fixtures

DAYS = "first=2054-11-15&last=2054-11-15"
SAME = Difference("undone_at_kg", "m-1", "imp_1", "paid", "paid", 3900, 3900)
SMALL = Difference("amount", "m-2", "imp_2", "paid", "paid", 3900, 3800)
LARGE = Difference("amount", "m-3", "imp_3", "paid", "paid", 9900, 0)
ALIKE = [Difference("theirs_only", f"other-{n}", f"imp_9{n}", "-", "paid", 0, 500) for n in range(30)]


@pytest.fixture
def foreign(provider: FakeProvider, shop: Any) -> FakeProvider:
    """Payments of another service on the same account."""
    for number in range(8):
        provider.hears_of(f"other-{number}", amount=500)
    return provider


def page_of(client: FlaskClient) -> str:
    end_reading()
    return client.get(f"/admin/reconcile?{DAYS}").get_data(as_text=True)


def facts_in(page: str) -> list[str]:
    return re.findall(r'name="facts" value="(\w+)"', page)


def close(client: FlaskClient, **form: Any) -> str:
    end_reading()
    return text_of(do(client, f"reconcile/review?{DAYS}", **form).get_data(as_text=True))


def test_groups_with_a_difference_of_money_come_first_and_the_largest_of_each_at_the_top() -> None:
    groups = differences.grouped([SAME, *ALIKE, SMALL, LARGE])
    assert [(group.kind, len(group.rows), group.won) for group in groups] == [
        ("amount", 2, 10_000),
        ("theirs_only", 30, 15_000),
        ("undone_at_kg", 1, 0),
    ]
    assert groups[0].rows == [LARGE, SMALL]


def test_one_true_difference_stands_above_many_alike_whose_rest_is_folded(
    admin: FlaskClient,  # noqa: F811
    foreign: FakeProvider,
    opened: Payment,  # noqa: F811
) -> None:
    foreign.hears_of(opened.merchant_uid, amount=opened.amount)
    page = page_of(admin)
    assert "다른 점 9개를 찾았습니다." in page
    assert page.index(opened.merchant_uid) < page.index("other-0")
    shown = re.sub(r"<details.*?</details>", "", page, flags=re.DOTALL)
    assert shown.count("<code>other-") == differences.UNFOLDED < page.count("<code>other-") == 8
    assert text_of(page).count("8건") == 1 and text_of(page).count("1건") == 1


def test_a_difference_is_closed_with_a_reason_and_by_whom_and_stays_closed(
    admin: FlaskClient,  # noqa: F811
    foreign: FakeProvider,
) -> None:
    facts = facts_in(page_of(admin))
    answer = close(admin, facts=facts[:2], reason="다른 서비스의 결제")
    assert "2개를 살펴본 것으로 적었습니다." in answer
    page = page_of(admin)
    assert "다른 점 6개를 찾았습니다." in page and set(facts_in(page)) == set(facts[2:])
    for shown in ("살펴본 것 2개", "다른 서비스의 결제", "admin@example.com"):
        assert shown in text_of(page)
    assert audit(admin).count("대사에서 살펴봄") == 3  # two rows, and the filter's choice
    assert db.session.query(Event).filter_by(outcome="review", actor="admin@example.com").count() == 2


def test_a_whole_group_is_closed_at_once_and_nothing_open_is_left_says_so(
    admin: FlaskClient,  # noqa: F811
    foreign: FakeProvider,
) -> None:
    assert "8개를 살펴본 것으로 적었습니다." in close(admin, kind="theirs_only", reason="다른 서비스")
    assert "다른 점 8개를 모두 살펴보았습니다." in text_of(page_of(admin))


def test_a_closed_difference_is_open_again_when_its_facts_change(
    admin: FlaskClient,  # noqa: F811
    provider: FakeProvider,
    paid: Payment,  # noqa: F811
) -> None:
    with transaction():
        db.session.get_one(Payment, paid.id).reported_amount = 100
    do(admin, f"reconcile/repair?{DAYS}", reason="먼저 확인")
    assert len(facts_in(page_of(admin))) == 1
    close(admin, facts=facts_in(page_of(admin)), reason="확인함")
    assert facts_in(page_of(admin)) == []
    with transaction():
        db.session.get_one(Payment, paid.id).reported_amount = 200
    assert len(facts_in(page_of(admin))) == 1
    assert db.session.query(Event).filter_by(outcome="review", payment_id=paid.id).count() == 1


def test_difference_that_asking_portone_mends_is_not_closed_before_it_was_asked(
    admin: FlaskClient,  # noqa: F811
    provider: FakeProvider,
    opened: Payment,  # noqa: F811
) -> None:
    provider.hears_of(opened.merchant_uid, amount=opened.amount)
    page = page_of(admin)
    assert "다른 점 1개를 찾았습니다." in page and facts_in(page) == [] and "살펴봄: 이상 없음" not in page
    assert "닫을 것이 없습니다." in close(admin, kind="state", reason="확인함")
    do(admin, f"reconcile/repair?{DAYS}", reason="놓친 결제")
    assert "두 장부가 같습니다" in page_of(admin)


def test_closed_difference_links_to_its_payment_and_an_operator_opens_it_again(
    admin: FlaskClient,  # noqa: F811
    provider: FakeProvider,
    paid: Payment,  # noqa: F811
) -> None:
    provider.reports.clear()
    facts = facts_in(page_of(admin))
    close(admin, facts=facts, reason="확인함")
    closed = page_of(admin).split('<details class="closed">', 1)[1]
    assert f'href="/admin/payments/{paid.merchant_uid}"' in closed
    for told in ("다시 열었습니다.", "닫혀 있지 않은 항목입니다."):
        assert told in text_of(do(admin, f"reconcile/reopen?{DAYS}", closed=facts[0]).get_data(as_text=True))
    assert facts_in(page_of(admin)) == facts
    assert db.session.query(Event).filter_by(outcome="reopen", payment_id=paid.id).count() == 1
    assert "대사에서 다시 엶" in audit(admin)


def test_every_fact_of_a_difference_counts() -> None:
    changed = [replace(SMALL, **{name: value}) for name, value in (("theirs", "cancelled"), ("their_amount", 1))]
    changed += [replace(SMALL, kind="state"), replace(SMALL, imp_uid=None), replace(SMALL, our_amount=1)]
    assert len({differences.facts_of(one) for one in [SMALL, *changed]}) == 6


def test_what_is_no_longer_there_is_not_closed_and_a_second_press_closes_nothing(
    admin: FlaskClient,  # noqa: F811
    foreign: FakeProvider,
) -> None:
    facts = facts_in(page_of(admin))[:1]
    close(admin, facts=facts, reason="확인함")
    for again in (facts, ["0" * 64], []):
        assert "닫을 것이 없습니다." in close(admin, facts=again, reason="확인함")
    assert db.session.query(ReviewedDifference).count() == 1


def test_viewers_read_the_groups_and_close_nothing(viewer: FlaskClient, foreign: FakeProvider) -> None:  # noqa: F811
    page = page_of(viewer)
    assert "다른 점 8개를 찾았습니다." in page and facts_in(page) == []
    for act in ("review", "reopen"):
        assert do(viewer, f"reconcile/{act}?{DAYS}", kind="theirs_only", reason="r").status_code == 403
    assert db.session.query(ReviewedDifference).count() == 0


def test_every_kind_of_difference_has_its_place() -> None:
    assert set(differences.PLACES) == set(get_args(reconcile.Kind))
