"""Notifications are read in whatever form they arrive, and no phone number in them is stored."""

import gzip
import json
import tracemalloc
import zlib
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from flask.testing import FlaskClient

from payments.database import db
from payments.events import Notification
from payments.models import Event, Payment
from payments.notification import LARGEST_UNPACKED, LONGEST_CLAIM
from payments.portone.report import OutcomeUnknown
from payments.sync import sync_payment

from .fakes import FakeProvider
from .host import order_window, states

WEBHOOK, CALLBACK, REDIRECT, CONFIRM = (f"/payment/{each}" for each in ("webhook", "complete", "redirect", "confirm"))


@pytest.fixture
def payment(provider: FakeProvider) -> Payment:
    """An open attempt to buy one thing."""
    return order_window(provider)


@pytest.fixture
def ids(payment: Payment, provider: FakeProvider) -> dict[str, str]:
    """The ids of a window that the buyer has paid, and that no notification has mentioned yet."""
    report = provider.hears_of(payment.merchant_uid, amount=payment.amount)
    return {"imp_uid": report.imp_uid, "merchant_uid": payment.merchant_uid}


# --- content types, encodings, addresses ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/x-www-form-urlencoded",
        "text/plain",
        "application/octet-stream",
        "multipart/form-data; boundary=x",
        "nonsense",
        None,
    ],
)
@pytest.mark.parametrize("write", [json.dumps, urlencode])
def test_webhook_is_read_whatever_its_content_type_says(
    write: Any, content_type: str | None, client: FlaskClient, payment: Payment, ids: dict[str, str]
) -> None:
    if content_type and content_type.startswith("multipart"):
        lines = [f'--x\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{ids[key]}\r\n' for key in ids]
        body = "".join(lines) + "--x--\r\n"
    else:
        body = write(ids)
    answer = client.post(WEBHOOK, data=body, content_type=content_type)
    assert (answer.status_code, answer.json) == (200, {"outcome": "paid"})
    assert states(payment) == ("paid", "paid")


@pytest.mark.parametrize("content_type", ["multipart/form-data; boundary=x", "multipart/form-data"])
@pytest.mark.parametrize("write", [json.dumps, urlencode])
def test_body_that_is_called_multipart_and_is_none_is_read_as_what_it_is(
    write: Any, content_type: str, client: FlaskClient, payment: Payment, ids: dict[str, str]
) -> None:
    answer = client.post(WEBHOOK, data=write(ids), content_type=content_type)
    assert (answer.status_code, answer.json) == (200, {"outcome": "paid"})
    assert states(payment) == ("paid", "paid")


def deflated(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, deflated, bytes])
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "x-gzip"])
def test_packed_webhook_is_unpacked_whatever_its_header_says(
    pack: Any, encoding: str, client: FlaskClient, payment: Payment, ids: dict[str, str]
) -> None:
    body = pack(json.dumps(ids).encode())
    assert client.post(WEBHOOK, data=body, headers={"Content-Encoding": encoding}).status_code == 200
    assert states(payment) == ("paid", "paid")
    [event] = db.session.query(Event).filter_by(source="webhook")
    assert ids["imp_uid"] in event.raw


def test_gzip_without_a_header_is_unpacked(client: FlaskClient, payment: Payment, ids: dict[str, str]) -> None:
    assert client.post(WEBHOOK, data=gzip.compress(urlencode(ids).encode())).status_code == 200
    assert states(payment) == ("paid", "paid")


def test_decompression_bomb_is_not_unpacked_beyond_the_limit(client: FlaskClient, provider: FakeProvider) -> None:
    bomb = gzip.compress(b'{"imp_uid": "imp_1", "x": "' + b"0" * 100_000_000)
    assert len(bomb) < LARGEST_UNPACKED
    tracemalloc.start()
    try:
        answer = client.post(WEBHOOK, data=bomb, headers={"Content-Encoding": "gzip"})
        assert tracemalloc.get_traced_memory()[1] < 20 * LARGEST_UNPACKED
    finally:
        tracemalloc.stop()
    assert answer.status_code == 400


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("write", [json.dumps, urlencode])
def test_byte_order_mark_is_left_out(
    write: Any, encoding: str, client: FlaskClient, payment: Payment, ids: dict[str, str]
) -> None:
    client.post(WEBHOOK, data=write(ids).encode(encoding))
    assert states(payment) == ("paid", "paid")


def test_text_in_another_encoding_does_not_hide_the_ids(
    client: FlaskClient, payment: Payment, ids: dict[str, str]
) -> None:
    body = json.dumps(ids | {"error_msg": "한도 초과"}, ensure_ascii=False).encode("cp949")
    client.post(WEBHOOK, data=body, content_type="application/json; charset=euc-kr")
    assert states(payment) == ("paid", "paid")


@pytest.mark.parametrize("address", [WEBHOOK, CALLBACK, REDIRECT])
def test_address_with_a_slash_at_its_end_is_the_same(
    address: str, client: FlaskClient, payment: Payment, ids: dict[str, str]
) -> None:
    assert client.post(f"{address}/", data=ids).status_code in (200, 303)
    assert states(payment) == ("paid", "paid")


def test_confirm_with_a_slash_at_its_end_is_the_same(client: FlaskClient, payment: Payment) -> None:
    asked = {"merchant_uid": payment.merchant_uid, "amount": payment.amount}
    assert client.post(f"{CONFIRM}/", json=asked).json == {"outcome": "allowed"}


def test_redirect_whose_query_is_encoded_as_a_whole_is_read(
    client: FlaskClient, payment: Payment, ids: dict[str, str]
) -> None:
    assert client.get(f"{REDIRECT}?{quote(urlencode(ids))}").status_code == 303
    assert states(payment) == ("paid", "paid")


# --- ids --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", [" {} ", "{}\t\r\n", "\u00a0{}\u3000", "\ufeff{}", '"{}"', "{}%20", "%2520{}%2520"])
@pytest.mark.parametrize("address", [WEBHOOK, CALLBACK, REDIRECT])
def test_blanks_and_encodings_around_an_id_are_left_out(
    address: str, written: str, client: FlaskClient, payment: Payment, ids: dict[str, str]
) -> None:
    sent = {name: written.format(value) for name, value in ids.items()}
    assert client.post(address, data=sent).status_code in (200, 303)
    assert states(payment) == ("paid", "paid")


@pytest.mark.parametrize("times", [1, 2, 3])
def test_id_that_is_encoded_several_times_is_read(
    times: int, client: FlaskClient, payment: Payment, ids: dict[str, str]
) -> None:
    written = "".join(f"%{ord(one):02X}" for one in ids["merchant_uid"])
    for _ in range(times - 1):
        written = quote(written)
    assert client.get(f"{REDIRECT}?merchant_uid={written}").status_code == 303
    assert states(payment) == ("paid", "paid")


USELESS = ["undefined", "null", "None", "NaN", "[object Object]", "", "  ", "%20", "imp_999999999999", "imp_1, imp_2"]


@pytest.mark.parametrize("useless", USELESS)
@pytest.mark.parametrize("address", [WEBHOOK, CALLBACK, REDIRECT])
def test_useless_or_unknown_imp_uid_leaves_the_look_up_to_our_own_id(
    address: str, useless: str, client: FlaskClient, payment: Payment, ids: dict[str, str]
) -> None:
    assert client.post(address, json=ids | {"imp_uid": useless}).status_code in (200, 303)
    assert states(payment) == ("paid", "paid")


@pytest.mark.parametrize("useless", ["undefined", "null", "", " ", None])
def test_useless_merchant_uid_leaves_the_look_up_to_an_imp_uid_that_we_know(
    useless: str | None, client: FlaskClient, payment: Payment, ids: dict[str, str]
) -> None:
    client.post(WEBHOOK, json=ids)
    answer = client.post(CALLBACK, json=ids | {"merchant_uid": useless})
    assert (answer.status_code, answer.json["outcome"]) == (200, "unchanged")


@pytest.mark.parametrize(
    "query",
    [
        "imp_uid={imp_uid}&imp_uid={imp_uid}&merchant_uid={merchant_uid}&merchant_uid={merchant_uid}",
        "imp_uid=imp_1&imp_uid=imp_2&merchant_uid={merchant_uid}",
        "imp_uid={imp_uid}&imp_uid=imp_2&merchant_uid={merchant_uid}",
        "imp_uid={imp_uid}&merchant_uid=order-7&merchant_uid={merchant_uid}",
        "imp_uid=undefined&imp_uid={imp_uid}&merchant_uid={merchant_uid}",
    ],
)
def test_doubled_ids_are_read_and_where_they_differ_the_other_id_decides(
    query: str, client: FlaskClient, payment: Payment, ids: dict[str, str]
) -> None:
    assert client.get(f"{REDIRECT}?{query.format(**ids)}").status_code == 303
    assert states(payment) == ("paid", "paid")


def test_id_that_differs_in_query_and_body_is_ambiguous(
    client: FlaskClient, provider: FakeProvider, payment: Payment, ids: dict[str, str]
) -> None:
    client.post(f"{WEBHOOK}?imp_uid=imp_9", data=f'{{"imp_uid": "imp_8", "imp_uid": "imp_7", {json.dumps(ids)[1:]}')
    assert ("find_payment", payment.merchant_uid) in provider.asked
    assert not [asked for asked in provider.asked if asked[0] == "get_payment"]
    [event] = db.session.query(Event).filter_by(source="webhook")
    assert event.claimed["imp_uid"] == f"imp_9, imp_8, imp_7, {ids['imp_uid']}"
    assert states(payment) == ("paid", "paid")


def test_imp_uid_of_another_payment_of_ours_is_still_a_mismatch(
    client: FlaskClient, provider: FakeProvider, payment: Payment, ids: dict[str, str]
) -> None:
    thiefs = order_window(provider)
    for answer in (
        client.post(CALLBACK, json=ids | {"merchant_uid": thiefs.merchant_uid}),
        client.get(REDIRECT, query_string=ids | {"merchant_uid": thiefs.merchant_uid}),
    ):
        assert answer.status_code == 409
    assert states(thiefs) == ("ready", "pending")
    assert states(payment) == ("paid", "paid")


# --- what is answered -------------------------------------------------------------------------------------------------

NOISE = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"paid"',
    b"42",
    b"\xff\xfe",
    b"hello",
    b"\x1f\x8b\x08",
    b"a=1&" * 5000,
    b"[" * 90_000,
]


@pytest.mark.parametrize("body", NOISE, ids=lambda body: repr(body[:8]))
def test_webhook_that_cannot_be_read_is_answered_400_and_stores_nothing(
    body: bytes, client: FlaskClient, provider: FakeProvider
) -> None:
    for content_type in ("application/json", "application/x-www-form-urlencoded", "text/plain", None):
        answer = client.post(WEBHOOK, data=body, content_type=content_type)
        assert (answer.status_code, answer.json) == (400, {"outcome": "unreadable"})
    assert db.session.query(Event).count() == 0


@pytest.mark.parametrize("body", ["{}", '{"imp_uid": 7}', "imp_uid=imp_1", '{"imp_uid": {"a": 1}, "merchant_uid": []}'])
def test_webhook_about_nothing_of_ours_is_answered_200(body: str, client: FlaskClient, provider: FakeProvider) -> None:
    answer = client.post(WEBHOOK, data=body)
    assert (answer.status_code, answer.json) == (200, {"outcome": "not_found"})
    assert provider.asked == []


def test_payment_of_ours_that_portone_does_not_know_is_asked_about_again(
    client: FlaskClient, provider: FakeProvider, payment: Payment
) -> None:
    ours = {"imp_uid": "imp_1", "merchant_uid": payment.merchant_uid}
    page = f"/orders/{payment.purchase_id}"
    assert client.post(WEBHOOK, json=ours).status_code == 503
    answer = client.post(CALLBACK, json=ours)
    assert (answer.status_code, answer.json["outcome"], answer.json["redirect"]) == (503, "unknown", page)
    back = client.get(REDIRECT, query_string=ours)
    assert (back.status_code, back.location) == (303, page)
    assert sync_payment(provider, Notification("charge", **ours)).outcome == "not_found"
    assert {event.outcome for event in db.session.query(Event).filter_by(source="webhook")} == {"not_found"}
    assert states(payment) == ("ready", "pending")


def test_callback_tells_if_portone_does_not_know_a_payment_of_ours(
    client: FlaskClient, provider: FakeProvider, payment: Payment
) -> None:
    ours = {"merchant_uid": payment.merchant_uid}
    assert client.post(CALLBACK, json=ours).json["known"] is False
    provider.hears_of(payment.merchant_uid, "ready", payment.amount)
    assert "known" not in client.post(CALLBACK, json=ours).json
    provider.trouble = OutcomeUnknown("no answer")
    assert "known" not in client.post(CALLBACK, json=ours).json
    assert "known" not in client.post(CALLBACK, json={"merchant_uid": "nobodys"}).json


@pytest.mark.parametrize("packed", ["data", "json", "query_string"])
def test_buyer_who_comes_back_by_post_is_sent_to_the_order(
    packed: str, client: FlaskClient, payment: Payment, ids: dict[str, str]
) -> None:
    answer = client.post(REDIRECT, **{packed: ids})  # type: ignore[arg-type]
    assert (answer.status_code, answer.location) == (303, f"/orders/{payment.purchase_id}")
    assert states(payment) == ("paid", "paid")


# --- what is kept -----------------------------------------------------------------------------------------------------


def test_line_breaks_and_invisible_characters_inside_a_number_do_not_hide_it(
    client: FlaskClient, provider: FakeProvider, payment: Payment
) -> None:
    for number in ("010\n1234\n5678", "010\u200b1234\u200b5678", "0\u20601012345678", "1\n01012345678"):
        client.post(WEBHOOK, data=f"merchant_uid={payment.merchant_uid}&memo={number}")
    for event in db.session.query(Event).filter_by(source="webhook"):
        assert "****-5678" in event.raw


def test_claim_that_is_cut_keeps_no_part_of_a_number(client: FlaskClient, payment: Payment) -> None:
    message = "x" * (LONGEST_CLAIM - 10) + " 010-1234-5678"
    client.post(WEBHOOK, json={"merchant_uid": payment.merchant_uid, "error_msg": message})
    [event] = db.session.query(Event).filter_by(source="webhook")
    assert event.claimed["error_msg"] == "x" * (LONGEST_CLAIM - 10) + " 010-****-"
