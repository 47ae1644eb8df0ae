"""A fake PortOne for the benchmarks: it approves every charge after a set time, and counts the charges.

It runs as a separate process, so that its work is not counted as the shop's: `python -m bench.gateway 0.05` prints its
port. It implements the V1 calls needed: tokens, `prepare`, look-ups, `again`, `find`, keys, and the sandbox's clock;
`/approve` replaces the payment window. Only charges take the set time; with a second argument, `every`, each V1 call
does.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from typing import Any
from urllib.parse import parse_qs

CHARGED: Counter[str] = Counter()  # merchant_uid → how often it was charged
PAYMENTS: dict[str, dict[str, Any]] = {}
PAID_AS: dict[str, str] = {}  # imp_uid → merchant_uid
TOKENS: list[str] = []
AHEAD = {"seconds": 0.0}

Answer = tuple[int, Any]


def approve(asked: dict[str, Any]) -> Answer:
    """Approve a payment as a buyer does in the window: a charge without a billing key."""
    return charge({"customer_uid": None, "amount": 9900, **asked})


def charge(asked: dict[str, Any]) -> Answer:
    uid = asked["merchant_uid"]
    CHARGED[uid] += 1
    PAYMENTS[uid] = {
        "imp_uid": f"imps_{len(CHARGED):012d}",
        "merchant_uid": uid,
        "customer_uid": asked["customer_uid"],
        "amount": asked["amount"],
        "cancel_amount": 0,
        "currency": "KRW",
        "name": asked.get("name"),
        "pay_method": "phone",
        "pg_provider": "mobilians",
        "pg_tid": f"19042{len(CHARGED):014d}",
        "sandbox": True,
        "status": "paid",
        "paid_at": int(time.time() + AHEAD["seconds"]),
        "failed_at": 0,
        "cancelled_at": 0,
        "fail_reason": None,
        "cancel_reason": None,
        "buyer_tel": asked.get("buyer_tel"),
    }
    PAID_AS[PAYMENTS[uid]["imp_uid"]] = uid
    return answered(PAYMENTS[uid])


def answered(response: Any) -> Answer:
    return 200, {"code": 0, "message": None, "response": response}


def not_found() -> Answer:
    return 404, {"code": -1, "message": "존재하지 않는 결제정보입니다.", "response": None}


def answer(method: str, path: str, body: bytes) -> Answer:
    asked = json.loads(body) if body[:1] == b"{" else {key: value[0] for key, value in parse_qs(body.decode()).items()}
    if path == "/users/getToken":
        now = int(time.time())
        TOKENS.append(path)
        return answered({"access_token": "0" * 40, "now": now, "expired_at": now + 1800})
    if path == "/subscribe/payments/again":
        return charge(asked)
    if path == "/approve":
        return approve(asked)
    if path == "/payments/prepare":
        return answered({"merchant_uid": asked["merchant_uid"], "amount": asked["amount"]})
    if path.startswith("/payments/imp"):
        found = PAYMENTS.get(PAID_AS.get(path.rpartition("/")[2], ""))
        return answered(found) if found else not_found()
    if path.startswith("/payments/find/"):
        _, state = (path.removeprefix("/payments/find/") + "/").split("/")[:2]
        found = PAYMENTS.get(path.split("/")[3])
        return answered(found) if found and state in ("", found["status"]) else not_found()
    if path == "/controls/clock":
        AHEAD["seconds"] += float(asked.get("ahead", 0)) if method == "POST" else 0
        return 200, {"offset": AHEAD["seconds"]}
    if path == "/charged":
        return 200, {"payments": len(CHARGED), "charges": sum(CHARGED.values()), "tokens": len(TOKENS)}
    return not_found()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float, every: bool) -> None:
    """Serve one keep-alive connection."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            method, path, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
            length = next(
                (
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length")
                ),
                0,
            )
            body = await reader.readexactly(length) if length else b""
            if path == "/subscribe/payments/again" or (every and path.startswith(("/payments", "/users"))):
                await asyncio.sleep(seconds)
            status, content = answer(method, path.split("?")[0], body)
            text = json.dumps(content).encode()
            writer.write(
                b"HTTP/1.1 %d -\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(text))
                + text
            )
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main(seconds: float, every: bool) -> None:
    server = await asyncio.start_server(lambda reader, writer: serve(reader, writer, seconds, every), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]), sys.argv[2:] == ["every"]))
