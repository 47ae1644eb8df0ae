"""A small shop that is WRONG ON PURPOSE. Do not copy from it: README.en.md says what is wrong, and what it costs.

It is written as many samples on the net are. In a browser all of it seems to work.
"""

import os
import time

import requests
from flask import Flask, jsonify, redirect, render_template, request

API = os.environ.get("PORTONE_API_URL", "https://api.iamport.kr")
SDK = os.environ.get("PORTONE_SDK_URL", "https://cdn.iamport.kr/v1/iamport.js")
KEYS = {"imp_key": os.environ.get("PORTONE_API_KEY"), "imp_secret": os.environ.get("PORTONE_API_SECRET")}
PORT = int(os.environ.get("PORT", "3001"))
PUBLIC_URL = os.environ.get("PUBLIC_URL", f"http://127.0.0.1:{PORT}")

app = Flask(__name__)
orders = {}
members = []


def portone(method, path, body=None):
    token = requests.post(f"{API}/users/getToken", json=KEYS, timeout=10).json()["response"]["access_token"]
    headers = {"Authorization": token}
    return requests.request(method, API + path, json=body, headers=headers, timeout=10).json()["response"]


@app.get("/")
def index():
    return render_template("index.html", sdk=SDK, imp_code=os.environ.get("PORTONE_IMP_CODE"))


@app.post("/orders")
def order():
    """Note the order, and answer with what the page gives to IMP.request_pay."""
    asked = request.json
    merchant_uid = f"order-{len(orders) + 1}-{int(time.time())}"
    channel = "PORTONE_BILLING_CHANNEL_KEY" if asked.get("monthly") else "PORTONE_CHANNEL_KEY"
    request_pay = {
        "channelKey": os.environ.get(channel),
        "pay_method": "phone",
        "merchant_uid": merchant_uid,
        "name": asked["name"],
        "amount": asked["price"] * asked["quantity"],
        "buyer_name": asked["buyer_name"],
        "buyer_tel": asked["buyer_tel"],
        "digital": True,
        "m_redirect_url": f"{PUBLIC_URL}/payment/redirect",
        "notice_url": f"{PUBLIC_URL}/payment/webhook",
    }
    if asked.get("monthly"):
        request_pay["customer_uid"] = f"member-{merchant_uid}"
    orders[merchant_uid] = {"request_pay": request_pay, "status": "ready"}
    return jsonify(request_pay=request_pay)


@app.post("/payment/complete")
def complete():
    """The page's callback: the window has closed."""
    order = orders[request.json["merchant_uid"]]
    if request.json["success"]:
        order["status"] = "paid"
        if "customer_uid" in order["request_pay"]:
            members.append(order["request_pay"])
    return jsonify(status=order["status"])


@app.get("/payment/redirect")
def redirect_back():
    """The way back from the window on a phone."""
    payment = portone("GET", f"/payments/{request.args['imp_uid']}?include_sandbox=true")
    if payment["status"] == "paid":
        orders[request.args["merchant_uid"]]["status"] = "paid"
    return redirect(f"/orders/{request.args['merchant_uid']}")


@app.post("/payment/webhook")
def webhook():
    """PortOne tells the new status of a payment."""
    orders[request.json["merchant_uid"]]["status"] = request.json["status"]
    return "ok"


@app.get("/orders/<merchant_uid>")
def show(merchant_uid):
    return render_template("order.html", order=orders[merchant_uid])


@app.post("/cron/monthly")
def charge_members():
    """For cron, once a month: charge every member."""
    for member in list(members):
        charge = {
            "customer_uid": member["customer_uid"],
            "merchant_uid": f"month-{int(time.time() * 1000)}",
            "amount": member["amount"],
            "name": member["name"],
        }
        charged = portone("POST", "/subscribe/payments/again", charge)
        if charged["status"] != "paid":
            members.remove(member)
    return "ok"


if __name__ == "__main__":
    app.run(port=PORT)
