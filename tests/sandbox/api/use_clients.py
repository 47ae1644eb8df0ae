"""What a shop does with the two public clients, as a program of its own: `use_clients.py <address> <facts as JSON>`.

Run by test_clients.py with the clients on its path. `facts` names a paid payment for each client, a key whose month is
due, and moments to schedule at. Any difference ends it with an AssertionError.
"""

import asyncio
import json
import sys
from typing import Any

from async_iamport.client import AsyncIamport, HttpError, ResponseError
from iamport import Iamport

KEY, SECRET = "imp_apikey", "sandbox_secret"


def use_the_plain_client(address: str, facts: dict[str, Any]) -> None:
    client = Iamport(KEY, SECRET, f"{address}/")
    paid = client.find(imp_uid=facts["imp_uid"])
    assert paid == client.find(merchant_uid=facts["merchant_uid"])
    assert client.is_paid(9900, response=paid)
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


async def use_the_async_client(address: str, facts: dict[str, Any]) -> None:
    client = AsyncIamport(imp_key=KEY, imp_secret=SECRET, imp_url=address)
    paid = await client.find(merchant_uid=facts["other_merchant_uid"])
    assert await client.is_paid(9900, response=paid)
    assert (await client.find_by_merchant_uid(facts["other_merchant_uid"], "paid")) == paid
    listed = await client.find_by_status("paid", limit=1000)
    assert paid in listed["list"]
    await client.prepare("prepared-2", 5000)
    await client.adjust_prepare_amount("prepared-2", 6000)
    assert await client.prepare_validate("prepared-2", 6000)

    charged = await client.pay_again(customer_uid="key-2", merchant_uid="async-again", amount=9900, name="월 이용권")
    assert charged["status"] == "paid"
    assert (await client.customer_get("key-2"))["pg_provider"] == "mobilians"
    later = facts["later"] + 60
    item = {"merchant_uid": "async-later", "schedule_at": later, "amount": 9900, "name": "월 이용권"}
    [scheduled] = await client.pay_schedule(customer_uid="key-2", schedules=[item])
    assert (await client.pay_schedule_get("async-later")) == scheduled
    window = {"schedule_from": later, "schedule_to": later + 1}
    assert (await client.pay_schedule_get_between(**window)) == [scheduled]
    assert (await client.pay_unschedule(customer_uid="key-2"))[0]["schedule_status"] == "revoked"
    cancelled = await client.cancel("고객 변심", merchant_uid="async-again")
    assert cancelled["status"] == "cancelled"
    assert (await client.customer_delete("key-2"))["customer_uid"] == "key-2"
    for kind, ask in ((ResponseError, client.customer_get("key-2")), (HttpError, client.find(imp_uid="imp_0"))):
        try:
            await ask
        except kind:
            continue
        raise AssertionError(f"{kind.__name__} was expected")
    await client.close_session()


if __name__ == "__main__":
    where, told = sys.argv[1], json.loads(sys.argv[2])
    use_the_plain_client(where, told)
    asyncio.run(use_the_async_client(where, told))
    print("both clients were served")
