"""The same shop in one file, written as its libraries' tutorials show, for comparison.

Same calls to PortOne and same guarantees: prices and stock from the database, the row inserted before the call, the
amount registered, the payment verified by a look-up, one winner among concurrent notifications, durable commits.
Otherwise common practice: ORM objects with lazy relations, a token and a connection per call, no page caching.
"""

import secrets
from pathlib import Path
from typing import Any

import requests
from flask import Flask, Response, abort, jsonify, render_template_string, request
from flask_login import LoginManager, UserMixin, current_user, login_required
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect

import payments.database  # noqa: F401 - configures every SQLite of this process: WAL, durable commits, busy timeout
from shop.orders.catalogue import CATALOGUE

db = SQLAlchemy()
login_manager = LoginManager()
csrf = CSRFProtect()

PAGE = """<!doctype html><html lang="ko"><head><meta name="csrf-token" content="{{ csrf_token() }}"><title>상점</title>
<link rel="stylesheet" href="{{ url_for('static', filename='shop.css') }}"></head><body><header>
<a href="{{ url_for('index') }}">상점</a>
{% if current_user.is_authenticated %}{{ current_user.email }} <b>{{ current_user.cart|length }}</b>{% endif %}</header>
<main><ul>{% for product in products if product.kind == 'once' %}<li class="card">
<a href="{{ url_for('product', slug=product.slug) }}"><img src="{{ url_for('static', filename=product.picture) }}">
<h3>{{ product.name }}</h3>{% if product.stock == 0 %}<p>품절</p>{% endif %}
<p>{{ '{:,}'.format(product.price) }}원
<small>{{ '바로 이용' if product.digital else '배송 상품' }}</small></p></a></li>
{% endfor %}</ul><ul>{% for product in products if product.kind == 'monthly' %}<li>
<a href="{{ url_for('product', slug=product.slug) }}"><img src="{{ url_for('static', filename=product.picture) }}">
<h3>{{ product.name }}</h3><p>{{ product.summary }}</p><p>{{ '{:,}'.format(product.price) }}원 매월</p></a></li>
{% endfor %}</ul></main></body></html>"""


class User(UserMixin, db.Model):  # type: ignore[name-defined,misc]
    id = db.Column(db.Integer, primary_key=True)
    email = db.Column(db.String(254), unique=True)
    cart = db.relationship("CartItem", backref="user")


class Product(db.Model):  # type: ignore[name-defined,misc]
    id = db.Column(db.Integer, primary_key=True)
    slug = db.Column(db.String(64), unique=True)
    kind = db.Column(db.String(8))
    name = db.Column(db.String(64))
    summary = db.Column(db.String(200))
    price = db.Column(db.Integer)
    digital = db.Column(db.Boolean)
    stock = db.Column(db.Integer, nullable=True)
    picture = db.Column(db.String(64))


class CartItem(db.Model):  # type: ignore[name-defined,misc]
    id = db.Column(db.Integer, primary_key=True)
    user_id = db.Column(db.ForeignKey("user.id"))
    product_id = db.Column(db.ForeignKey("product.id"))
    quantity = db.Column(db.Integer)
    product = db.relationship("Product")


class Order(db.Model):  # type: ignore[name-defined,misc]
    id = db.Column(db.Integer, primary_key=True)
    user_id = db.Column(db.ForeignKey("user.id"), index=True)
    status = db.Column(db.String(16), default="pending", index=True)
    amount = db.Column(db.Integer)
    buyer_name = db.Column(db.String(40))
    buyer_tel = db.Column(db.String(16))
    lines = db.relationship("OrderLine", backref="order")
    payments = db.relationship("Payment", backref="order")


class OrderLine(db.Model):  # type: ignore[name-defined,misc]
    id = db.Column(db.Integer, primary_key=True)
    order_id = db.Column(db.ForeignKey("order.id"), index=True)
    product_id = db.Column(db.ForeignKey("product.id"))
    price = db.Column(db.Integer)
    quantity = db.Column(db.Integer)
    product = db.relationship("Product")


class Payment(db.Model):  # type: ignore[name-defined,misc]
    id = db.Column(db.Integer, primary_key=True)
    merchant_uid = db.Column(db.String(40), unique=True)
    order_id = db.Column(db.ForeignKey("order.id"), index=True)
    imp_uid = db.Column(db.String(64), unique=True)
    amount = db.Column(db.Integer)
    status = db.Column(db.String(16), default="ready")
    paid_at = db.Column(db.Integer)


class Event(db.Model):  # type: ignore[name-defined,misc]
    id = db.Column(db.Integer, primary_key=True)
    payment_id = db.Column(db.ForeignKey("payment.id"), index=True)
    source = db.Column(db.String(16))
    outcome = db.Column(db.String(16))
    told = db.Column(db.JSON)


@login_manager.user_loader  # type: ignore[untyped-decorator]
def load_user(user_id: str) -> Any:
    return db.session.get(User, int(user_id))


def ask(method: str, path: str, **options: Any) -> Any:
    """Send one call to PortOne, with a new token for each."""
    url, keys = app_settings["url"], {"imp_key": "imp_apikey", "imp_secret": "sandbox_secret"}
    token = requests.post(f"{url}/users/getToken", json=keys, timeout=10).json()["response"]["access_token"]
    answer = requests.request(method, url + path, headers={"Authorization": token}, timeout=10, **options)
    answer.raise_for_status()
    told = answer.json()
    if told["code"] != 0:
        raise ValueError(told["message"])
    return told["response"]


app_settings: dict[str, str] = {}


def create_app(folder: Path, portone_url: str) -> Flask:
    app_settings["url"] = portone_url
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=secrets.token_hex(16),
        SQLALCHEMY_DATABASE_URI=f"sqlite:///{folder / 'plain.sqlite3'}",
        # Take the write lock at the start, so that a concurrent writer waits instead of failing.
        SQLALCHEMY_ENGINE_OPTIONS={"execution_options": {"sqlite_begin": "IMMEDIATE"}},
    )
    for extension in (db, login_manager, csrf):
        extension.init_app(app)

    @app.get("/")
    def index() -> str:
        return render_template_string(PAGE, products=Product.query.order_by(Product.id).all())

    @app.get("/products/<slug>")
    def product(slug: str) -> str:
        return render_template_string(PAGE, products=[Product.query.filter_by(slug=slug).first_or_404()])

    @app.post("/cart/items")
    @login_required  # type: ignore[untyped-decorator]
    def add() -> Response:
        wanted = db.get_or_404(Product, request.form.get("product_id", type=int))
        item = CartItem.query.filter_by(user_id=current_user.id, product_id=wanted.id).first()
        if item is None:
            item = CartItem(user_id=current_user.id, product_id=wanted.id, quantity=0)
            db.session.add(item)
        item.quantity = min(item.quantity + request.form.get("quantity", 1, type=int), 20)
        db.session.commit()
        return jsonify(lines=len(current_user.cart))

    @app.post("/checkout")
    @login_required  # type: ignore[untyped-decorator]
    def checkout() -> Response:
        asked = request.get_json()
        order = Order(user_id=current_user.id, buyer_name=asked["buyer_name"], buyer_tel=asked["buyer_tel"])
        for item in current_user.cart:
            if item.product.stock is not None:
                taken = Product.query.filter(Product.id == item.product_id, Product.stock >= item.quantity).update(
                    {"stock": Product.stock - item.quantity}
                )
                if not taken:
                    abort(409)
            order.lines.append(OrderLine(product=item.product, price=item.product.price, quantity=item.quantity))
        order.amount = sum(line.price * line.quantity for line in order.lines)
        payment = Payment(merchant_uid=secrets.token_hex(12), amount=order.amount, order=order)
        db.session.add(order)
        db.session.flush()
        db.session.add(Event(payment_id=payment.id, source="checkout", outcome="ready"))
        db.session.commit()
        told = {"merchant_uid": payment.merchant_uid, "amount": payment.amount, "name": order.lines[0].product.name}
        db.session.commit()  # the rows were read again: end that transaction before calling PortOne
        ask("POST", "/payments/prepare", json={"merchant_uid": told["merchant_uid"], "amount": told["amount"]})
        return jsonify(merchant_uid=told["merchant_uid"], request_pay=told)

    @app.post("/payment/complete")
    @csrf.exempt  # type: ignore[untyped-decorator]
    def complete() -> Response:
        asked = request.get_json()
        if Payment.query.filter_by(merchant_uid=asked["merchant_uid"]).first() is None:
            abort(404)
        db.session.commit()
        report = ask("GET", f"/payments/{asked['imp_uid']}")
        payment = Payment.query.filter_by(merchant_uid=report["merchant_uid"]).first_or_404()
        outcome = "unchanged"
        if report["status"] == "paid" and report["amount"] == payment.amount:
            won = Payment.query.filter(Payment.id == payment.id, Payment.status.in_(["ready", "failed"])).update(
                {"status": "paid", "imp_uid": report["imp_uid"], "paid_at": report["paid_at"]}
            )
            if won:
                outcome = "paid"
                payment.order.status = "paid"
                for line in payment.order.lines:
                    CartItem.query.filter_by(user_id=payment.order.user_id, product_id=line.product_id).delete()
        db.session.add(Event(payment_id=payment.id, source="callback", outcome=outcome, told=report))
        db.session.commit()
        return jsonify(outcome=outcome, redirect=f"/orders/{payment.order_id}")

    with app.app_context():
        db.create_all()
        for item in CATALOGUE:
            words = {"name": item["name_ko"], "summary": item["summary_ko"]}
            kept = {key: item[key] for key in ("slug", "kind", "price", "digital", "stock", "picture")}  # type: ignore[literal-required]
            db.session.add(Product(**kept, **words))
        db.session.add_all(User(email=f"buyer{number}@example.com") for number in range(32))
        db.session.commit()
    return app
