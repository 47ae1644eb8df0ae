"""The apps that the benchmarks compare (our shop, the plain shop, a bare Flask route), and their signed-in buyers."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from bench import plain
from payments.database import db, transaction
from shop.config import load_settings
from shop.orders.models import User

TOKEN = 'name="csrf-token" content="'
QUIET = {"LOG_FORMAT": "json", "CHECKOUT_LIMIT": "off", "SIGN_IN_LIMIT": "off", "SIGN_UP_LIMIT": "off"}


@dataclass
class Buyer:
    """A signed-in test client with the page's CSRF token."""

    client: FlaskClient
    token: str
    kept: str

    def post(self, path: str, **content: Any) -> Any:
        answer = self.client.post(path, headers={"X-CSRFToken": self.token}, **content)
        assert answer.status_code in (200, 302), (path, answer.status_code, answer.get_data(as_text=True)[:200])
        return answer

    def forget_messages(self) -> None:
        """Restore the first session cookie: flash messages that no page shows would accumulate in it."""
        self.client.set_cookie("session", self.kept)

    @property
    def cookie(self) -> str:
        kept = self.client.get_cookie("session")
        return f"session={kept.value}" if kept else ""


@contextmanager
def our_shop(portone_url: str = "http://127.0.0.1:9", **more: str) -> Iterator[Flask]:
    """Yield the shop with a new, separate database."""
    from app import create_app

    with tempfile.TemporaryDirectory() as folder:
        app = create_app(load_settings(QUIET | {"PORTONE_API_URL": portone_url} | more, Path(folder)))
        with app.app_context(), transaction():
            db.session.add_all(User(email=f"buyer{n}@example.com", password_hash="-") for n in range(32))
        yield app
        app.extensions["payments"].provider.close()
        with app.app_context():
            db.engine.dispose()


@contextmanager
def plain_shop(portone_url: str = "http://127.0.0.1:9") -> Iterator[Flask]:
    with tempfile.TemporaryDirectory() as folder:
        app = plain.create_app(Path(folder), portone_url)
        yield app
        with app.app_context():
            plain.db.engine.dispose()


def bare() -> Flask:
    app = Flask("bare")
    app.add_url_rule("/", view_func=lambda: "hello")
    return app


def buyer(app: Flask, number: int = 0) -> Buyer:
    """Return a signed-in buyer, without the cost of the password hash."""
    user, session_of = (plain.User, plain.db) if "csrf" in app.extensions and app.name == "bench.plain" else (User, db)
    client = app.test_client()
    with app.app_context():
        user_id = session_of.session.query(user.id).filter_by(email=f"buyer{number}@example.com").scalar()
    with client.session_transaction() as session:
        session["_user_id"], session["_fresh"] = str(user_id), True
    page = client.get("/").get_data(as_text=True)
    kept = client.get_cookie("session")
    return Buyer(client, page.split(TOKEN, 1)[1].split('"', 1)[0], kept.value if kept else "")
