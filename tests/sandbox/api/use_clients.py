"""What a shop does with a public client of PyPI, as a program of its own: `use_clients.py <client> <address> <facts>`.

Run by test_clients.py with the clients on its path. `facts` is JSON: a paid payment of `order-1`, the key `key-1` whose
month is due, and a moment to schedule at. Prints the names of the expected differences that it met; any other
difference ends it with an AssertionError.
"""

import asyncio
import json
import sys
from typing import Any

from async_iamport.client import AsyncIamport, HttpError, ResponseError
from iamport import Iamport
from iamporter import Iamporter, api
from iamporter.errors import ImpApiError, ImpUnAuthorized

KEY, SECRET = "imp_apikey", "sandbox_secret"


def met(difference: str) -> None:
    print(difference)


def use_iamport_rest_client(address: str, facts: dict[str, Any]) -> None:
    client = Iamport(KEY, SECRET, f"{address}/")
    paid = client.find(imp_uid=facts["imp_uid"])
    assert paid == client.find(merchant_uid="order-1")
    assert client.is_paid(9900, response=paid)
    expect_no(Iamport.HttpError, 404, lambda: client.find(imp_uid=facts["test_imp_uid"]))
    met("test payments are hidden")
    client.prepare("prepared-1", 5000)
    assert client.prepare_validate("prepared-1", 5000)

    charged = client.pay_again(customer_uid="key-1", merchant_uid="plain-again", amount=9900)
    assert (charged["status"], charged["customer_uid_usage"]) == ("paid", "payment")
    assert client.customer_get("key-1")["customer_uid"] == "key-1"

    item = {"merchant_uid": "plain-later", "schedule_at": facts["later"], "amount": 9900, "name": "월 이용권"}
    [scheduled] = client.pay_schedule(customer_uid="key-1", schedules=[item])
    assert scheduled == client.pay_schedule_get("plain-later")
    between = client.pay_schedule_get_between(schedule_from=facts["later"] - 1, schedule_to=facts["later"] + 1)
    assert between == [scheduled]
    [revoked] = client.pay_unschedule(customer_uid="key-1", merchant_uid="plain-later")
    assert revoked["schedule_status"] == "revoked"

    cancelled = client.cancel("고객 변심", imp_uid=charged["imp_uid"], checksum=9900)
    assert (cancelled["status"], cancelled["cancel_amount"]) == ("cancelled", 9900)
    assert client.customer_delete("key-1")["customer_uid"] == "key-1"
    expect_no(Iamport.ResponseError, 1, lambda: client.customer_get("key-1"))
    expect_no(Iamport.ResponseError, 1, lambda: client.cancel("x", merchant_uid="nobodys"))
    expect_no(Iamport.HttpError, 404, lambda: client.find(imp_uid="imp_000000000000"))
    expect_no(Iamport.HttpError, 401, lambda: Iamport(KEY, "wrong", f"{address}/").find(imp_uid="x"))
    client.requests_session.close()


def expect_no(kind: type[Exception], code: int, ask: Any) -> None:
    try:
        ask()
    except kind as error:
        assert error.code == code, error.code  # type: ignore[attr-defined]
        return
    raise AssertionError(f"{kind.__name__} {code} was expected")


def use_async_iamport(address: str, facts: dict[str, Any]) -> None:
    asyncio.run(_use_async_iamport(address, facts))


async def _use_async_iamport(address: str, facts: dict[str, Any]) -> None:
    client = AsyncIamport(imp_key=KEY, imp_secret=SECRET, imp_url=address)
    paid = await client.find(merchant_uid="order-1")
    assert await client.is_paid(9900, response=paid)
    assert (await client.find_by_merchant_uid("order-1", "paid")) == paid
    listed = await client.find_by_status("paid", limit=1000)
    assert paid in listed["list"]
    await client.prepare("prepared-1", 5000)
    await client.adjust_prepare_amount("prepared-1", 6000)
    assert await client.prepare_validate("prepared-1", 6000)

    charged = await client.pay_again(customer_uid="key-1", merchant_uid="async-again", amount=9900, name="월 이용권")
    assert charged["status"] == "paid"
    assert (await client.customer_get("key-1"))["pg_provider"] == "mobilians"
    later = facts["later"]
    item = {"merchant_uid": "async-later", "schedule_at": later, "amount": 9900, "name": "월 이용권"}
    [scheduled] = await client.pay_schedule(customer_uid="key-1", schedules=[item])
    assert (await client.pay_schedule_get("async-later")) == scheduled
    window = {"schedule_from": later, "schedule_to": later + 1}
    assert (await client.pay_schedule_get_between(**window)) == [scheduled]
    assert (await client.pay_unschedule(customer_uid="key-1"))[0]["schedule_status"] == "revoked"
    cancelled = await client.cancel("고객 변심", merchant_uid="async-again")
    assert cancelled["status"] == "cancelled"
    assert (await client.customer_delete("key-1"))["customer_uid"] == "key-1"
    hidden = client.find(imp_uid=facts["test_imp_uid"])
    for kind, ask in ((ResponseError, client.customer_get("key-1")), (HttpError, hidden)):
        try:
            await ask
        except kind:
            continue
        raise AssertionError(f"{kind.__name__} was expected")
    met("test payments are hidden")
    await client.close_session()


def use_iamporter(address: str, facts: dict[str, Any]) -> None:
    client = Iamporter(KEY, SECRET, imp_url=address)
    paid = client.find_payment(imp_uid=facts["imp_uid"])
    assert paid == client.find_payment(merchant_uid="order-1")
    expect_refusal(404, -1, lambda: client.find_payment(imp_uid=facts["test_imp_uid"]))
    met("test payments are hidden")
    payments = api.Payments(client.imp_auth, imp_url=address)
    assert payments.get_findall("order-1", "paid").data["list"] == [paid]
    assert paid in payments.get_status("paid", limit=1000).data["list"]

    charge = {"customer_uid": "key-1", "name": "월 이용권", "amount": 9900}
    charged = client.create_payment(merchant_uid="iamporter-again", **charge)
    assert (charged["status"], charged["customer_uid_usage"]) == ("paid", "payment")
    keys = api.Subscribe(client.imp_auth, imp_url=address)
    assert charged in keys.get_customers_payments("key-1").data["list"]
    assert client.find_billkey("key-1")["pg_provider"] == "mobilians"
    card = {"card_number": "1234-1234-1234-1234", "expiry": "2060-01", "birth": "900101"}
    expect_refusal(200, 1, lambda: client.create_billkey("card-1", **card))
    met("no keys from card numbers")
    expect_refusal(404, -1, lambda: client._process_response(api.Cards(client.imp_auth, imp_url=address)._get("")))
    met("other V1 addresses are not imitated")

    cancelled = client.cancel_payment(merchant_uid="iamporter-again", reason="고객 변심")
    assert (cancelled["status"], cancelled["cancel_amount"]) == ("cancelled", 9900)
    assert client.delete_billkey("key-1")["customer_uid"] == "key-1"
    expect_refusal(200, 1, lambda: client.find_billkey("key-1"))
    try:
        Iamporter(KEY, "wrong", imp_url=address)
    except ImpUnAuthorized:
        return
    raise AssertionError("a wrong secret was accepted")


def expect_refusal(status: int, code: int, ask: Any) -> None:
    try:
        ask()
    except ImpApiError as error:
        assert (error.response.status, error.response.code) == (status, code)
        return
    raise AssertionError(f"a refusal {status} {code} was expected")


CLIENTS = {
    "iamport-rest-client": use_iamport_rest_client,
    "async-iamport": use_async_iamport,
    "iamporter": use_iamporter,
}

if __name__ == "__main__":
    CLIENTS[sys.argv[1]](sys.argv[2], json.loads(sys.argv[3]))
    print("served")
