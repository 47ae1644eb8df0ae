"""A small shop in memory that does everything right, and one thing wrong for each switch that is thrown."""

import secrets
import threading
from collections.abc import Collection
from typing import Any

import requests
from flask import Flask, abort, jsonify, redirect, request

from sandbox.ledger.clock import in_seoul
from sandbox.ledger.merchant import API_KEY, API_SECRET

Answer = Any
PRICE, MONTHLY_PRICE = 4500, 9900

DESCRIPTION = """
[shop]
url = "http://shop"
name = "작은 가게"
[[login]]
post = "/signup"
form = { email = "{email}" }
[[order]]
post = "/orders"
json = { quantity = 1 }
take = { request_pay = "json:request_pay", order = "json:order" }
quantity = "quantity"
price = "price"
[[again]]
post = "/orders/{order}/again"
take = { request_pay = "json:request_pay" }
[[subscribe]]
post = "/subscriptions"
take = { request_pay = "json:request_pay", subscription = "json:subscription" }
[callback]
post = "/callback"
json = { imp_uid = "{imp_uid}", merchant_uid = "{merchant_uid}", success = "{success}" }
[webhook]
post = "/hook"
once = { outcome = "paid" }
[paid]
get = "/orders/{order}"
json = { status = "paid" }
[charged]
get = "/subscriptions/{subscription}/{period}"
text = "paid"
[monthly]
post = "/jobs/monthly"
json = { date = "{date}" }
[sweep]
post = "/jobs/sweep"
"""


class NoAnswer(Exception):
    """PortOne refused, or did not answer as V1 does."""


class Absent(Exception):
    """PortOne says that there is no such payment."""


class SmallShop:
    """`wrong` holds the switches that are thrown; see `test_cases.py` for what each breaks."""

    def __init__(self, http: requests.Session, portone: str, wrong: Collection[str] = ()) -> None:
        self.http, self.portone, self.wrong = http, portone, set(wrong)
        self.orders: dict[int, dict[str, Any]] = {}
        self.order_of: dict[str, dict[str, Any]] = {}  # by merchant_uid
        self.subscriptions: list[dict[str, Any]] = []
        self.lock = threading.RLock()

    # --- PortOne ---

    def ask(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        seconds = 1 if "impatient" in self.wrong else 10
        try:
            keys = {"imp_key": API_KEY, "imp_secret": API_SECRET}
            token = self.http.post(f"{self.portone}/users/getToken", json=keys, timeout=seconds).json()
            headers = {"Authorization": token["response"]["access_token"]}
            url = f"{self.portone}{path}"
            answer = self.http.request(method, url, headers=headers, timeout=seconds, **content)
            found = answer.json()
        except (requests.RequestException, ValueError) as error:
            raise NoAnswer from error
        if answer.status_code == 404:
            raise Absent
        if answer.status_code != 200 or found["code"] != 0:
            raise NoAnswer
        return dict(found["response"])

    # --- what became of a payment ---

    def heard(self, imp_uid: str, merchant_uid: str) -> str:
        """Look a payment up and record what PortOne says; the outcome."""
        with self.lock:
            claimed = self.order_of.get(merchant_uid)
            if claimed and claimed.get("lost"):
                return "lost"
            try:
                payment = self.ask("GET", f"/payments/{imp_uid}?include_sandbox=true")
            except (NoAnswer, Absent):
                if claimed and {"impatient", "silence-is-failure"} & self.wrong:
                    claimed["lost"] = True
                if claimed and "silence-is-success" in self.wrong:
                    claimed["status"] = "paid"
                return "unknown"
            ours = self.order_of.get(merchant_uid if "any-merchant-uid" in self.wrong else payment["merchant_uid"])
            return self.record(ours, payment) if ours else "not ours"

    def record(self, order: dict[str, Any], payment: dict[str, Any]) -> str:
        if "months" in order:
            is_first = payment["merchant_uid"] == order["months"][0]["merchant_uid"]
            return "ignored" if "retries-blindly" in self.wrong and not is_first else self.record_month(order, payment)
        status, imp_uid = payment["status"], payment["imp_uid"]
        if status == "cancelled" and imp_uid == order["imp_uid"] and "ignores-cancel" not in self.wrong:
            order["status"] = "cancelled"
        if status == "failed" and "failure-wins" in self.wrong:
            order["status"] = "failed"
        if status != "paid":
            return str(status)
        if payment["amount"] != order["amount"] and "any-amount" not in self.wrong:
            return "held"
        if not payment["sandbox"] and "any-channel" not in self.wrong:
            return "held"
        if order["status"] == "paid":
            return self.paid_already(order, imp_uid)
        order.update(status="paid", imp_uid=imp_uid)
        return "paid"

    def paid_already(self, order: dict[str, Any], imp_uid: str) -> str:
        if imp_uid != order["imp_uid"] or "cancels-repeats" in self.wrong:
            if "loses-order" in self.wrong:
                order["status"] = "duplicate"
            if "keeps-second" not in self.wrong:
                self.ask("POST", "/payments/cancel", json={"imp_uid": imp_uid})
        return "paid" if "counts-each" in self.wrong else "unchanged"

    # --- months ---

    def record_month(self, subscription: dict[str, Any], payment: dict[str, Any]) -> str:
        month = next(one for one in subscription["months"] if one["merchant_uid"] == payment["merchant_uid"])
        month["status"] = payment["status"]
        if payment["status"] == "paid":  # the first month's follows from when it was paid
            month["period"] = f"{in_seoul(payment['paid_at']):%Y-%m}"
        return str(payment["status"])

    def charge_months(self, period: str) -> None:
        for subscription in self.subscriptions:
            months = [one for one in subscription["months"] if one["period"] == period]
            if "never-charges" in self.wrong or subscription["months"][0]["status"] != "paid":
                continue
            at_once = "charges-at-once" in self.wrong and months == subscription["months"][:1]
            if not months or at_once or ("forgets-months" in self.wrong and months != subscription["months"][:1]):
                self.charge(subscription, period)
            elif months[-1]["status"] == "unknown":
                self.look_up_or_charge(subscription, months[-1], period)

    def look_up_or_charge(self, subscription: dict[str, Any], month: dict[str, Any], period: str) -> None:
        if "retries-blindly" in self.wrong:
            return self.charge(subscription, period)
        try:
            self.record_month(subscription, self.ask("GET", f"/payments/find/{month['merchant_uid']}"))
        except Absent:
            self.charge(subscription, period)
        except NoAnswer:
            if "refusal-is-absence" in self.wrong:
                self.charge(subscription, period)
        return None

    def charge(self, subscription: dict[str, Any], period: str) -> None:
        month = {"period": period, "merchant_uid": f"month-{secrets.token_hex(6)}", "status": "unknown"}
        subscription["months"].append(month)
        self.order_of[month["merchant_uid"]] = subscription
        asked = {"customer_uid": subscription["customer_uid"], "merchant_uid": month["merchant_uid"]}
        asked |= {"amount": MONTHLY_PRICE, "name": "이용권", "notice_url": "http://shop/hook"}
        try:
            payment = self.ask("POST", "/subscribe/payments/again", json=asked)
        except (NoAnswer, Absent):
            return
        month["status"] = "paid" if "code-zero" in self.wrong else payment["status"]

    # --- selling ---

    def request_pay(self, purchase: dict[str, Any], amount: int) -> dict[str, Any]:
        merchant_uid = f"order-{secrets.token_hex(6)}"
        self.order_of[merchant_uid] = purchase
        return {
            "pay_method": "phone",
            "merchant_uid": merchant_uid,
            "name": "커피",
            "amount": amount,
            "buyer_tel": "01012345678",
            "digital": True,
            "m_redirect_url": "http://shop/back",
        }

    def sell(self, who: str, quantity: Any, price: Any) -> dict[str, Any]:
        if "any-quantity" not in self.wrong and not (isinstance(quantity, int) and 1 <= quantity <= 99):
            abort(400)
        each = price if price and "believes-price" in self.wrong else PRICE
        with self.lock:
            number = len(self.orders) + 1
            order = {"who": who, "status": "ready", "amount": each * quantity, "imp_uid": ""}
            self.orders[number] = order
            return {"order": number, "request_pay": self.request_pay(order, order["amount"])}

    def subscribe(self) -> dict[str, Any]:
        with self.lock:
            subscription: dict[str, Any] = {"customer_uid": f"key-{secrets.token_hex(6)}", "months": []}
            asked = self.request_pay(subscription, MONTHLY_PRICE) | {"customer_uid": subscription["customer_uid"]}
            first = {"period": "", "merchant_uid": asked["merchant_uid"], "status": "ready"}
            subscription["months"].append(first)
            self.subscriptions.append(subscription)
            return {"subscription": len(self.subscriptions), "request_pay": asked}

    def app(self) -> Flask:
        app = Flask("small shop")
        _add_selling(app, self)
        _add_endpoints(app, self)
        _add_jobs(app, self)
        return app


def _add_selling(app: Flask, shop: SmallShop) -> None:
    @app.get("/")
    def home() -> str:
        return "shop"

    @app.post("/signup")
    def sign_up() -> Answer:
        answer = redirect("/")
        answer.set_cookie("who", request.form["email"])
        return answer

    @app.post("/orders")
    def order() -> Answer:
        asked = request.get_json()
        return shop.sell(request.cookies["who"], asked["quantity"], asked.get("price"))

    @app.post("/orders/<int:number>/again")
    def again(number: int) -> Answer:
        order = shop.orders[number]
        return {"request_pay": shop.request_pay(order, order["amount"])}

    @app.get("/orders/<int:number>")
    def show(number: int) -> Answer:
        order = shop.orders[number]
        if request.cookies.get("who") != order["who"] and "open-orders" not in shop.wrong:
            abort(404)
        return jsonify(status=order["status"])

    @app.post("/subscriptions")
    def subscribe() -> Answer:
        return shop.subscribe()

    @app.get("/subscriptions/<int:number>/<period>")
    def month(number: int, period: str) -> Answer:
        months = shop.subscriptions[number - 1]["months"]
        return next((one["status"] for one in reversed(months) if one["period"] == period), "none")


def _add_endpoints(app: Flask, shop: SmallShop) -> None:
    def told(way: str, told_of: Any, *, is_lying: bool) -> tuple[dict[str, str], int]:
        imp_uid, merchant_uid = str(told_of.get("imp_uid")), str(told_of.get("merchant_uid"))
        if f"deaf-{way}" in shop.wrong:
            return {"outcome": "ignored"}, 200
        if merchant_uid in shop.order_of and (is_lying or "believes-any-news" in shop.wrong):
            shop.order_of[merchant_uid]["status"] = "paid"
        outcome = shop.heard(imp_uid, merchant_uid)
        return {"outcome": outcome}, 503 if outcome == "unknown" else 200

    @app.post("/callback")
    def callback() -> Answer:
        asked = request.get_json()
        return told("callback", asked, is_lying="believes-success" in shop.wrong and asked["success"])

    @app.get("/back")
    def back() -> Answer:
        said = request.args.get("imp_success") == "true"
        return told("redirect", request.args, is_lying="believes-address" in shop.wrong and said)

    @app.post("/hook")
    def hook() -> Answer:
        asked = request.get_json()
        return told("webhook", asked, is_lying="believes-webhook" in shop.wrong and asked["status"] == "paid")


def _add_jobs(app: Flask, shop: SmallShop) -> None:
    @app.post("/jobs/monthly")
    def monthly() -> Answer:
        period = request.get_json()["date"][:7]
        with shop.lock:
            shop.charge_months(period)
        return "done"

    @app.post("/jobs/sweep")
    def sweep() -> Answer:
        with shop.lock:
            for merchant_uid, order in list(shop.order_of.items()):
                is_open = "amount" in order and order["status"] == "ready" and not order.get("lost")
                if is_open and "lazy-sweep" not in shop.wrong:
                    try:
                        shop.record(order, shop.ask("GET", f"/payments/find/{merchant_uid}/paid"))
                    except (NoAnswer, Absent):
                        continue
        return "done"
