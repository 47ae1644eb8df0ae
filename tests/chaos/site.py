"""A shop and a sandbox as processes of their own: started, killed, started again; and what their books say."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
from flask import Flask
from sqlalchemy import create_engine, text

from app import close_app, create_app
from deploy.services import free_port
from payments.clock import period_of
from payments.database import db, transaction
from shop.config import load_settings
from shop.orders.models import Product, User
from tests.clocks import NOON, start_sandbox

ROOT = Path(__file__).parents[2]
START_SECONDS = 60
STOCK = 40


@dataclass
class Site:
    """One folder, one database, two ports. `kills` counts every process that came to a sudden end."""

    folder: Path
    database_url: str | None = None
    buyers: int = 4
    more_shops: int = 0  # further processes on the same books: `shop2`, `shop3` …
    starts_at: datetime = NOON  # business time
    kills: Counter[str] = field(default_factory=Counter)
    steps: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        further = [f"shop{number + 2}" for number in range(self.more_shops)]
        self.ports = {name: free_port() for name in ("sandbox", "shop", *further)}
        self.url = f"http://127.0.0.1:{self.ports['shop']}"
        self.sandbox_url = f"http://127.0.0.1:{self.ports['sandbox']}"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._environ = {
            "PORT": str(self.ports["shop"]),
            "PUBLIC_URL": self.url,
            "PORTONE_API_URL": self.sandbox_url,
            "INSTANCE_PATH": str(self.folder),
            "CHECKOUT_LIMIT": "off",
        } | ({"DATABASE_URL": self.database_url} if self.database_url else {})
        self.cookies = self._set_up()
        self.engine = create_engine(load_settings(self._environ, self.folder).database_url)

    def _set_up(self) -> list[dict[str, str]]:
        """The tables, the goods, the buyers; a session's cookie for each of them, as a sign-in would give it."""
        start_sandbox(self.folder / "sandbox.sqlite3", self.starts_at)
        app = create_app(load_settings(self._environ, self.folder))
        with app.app_context():
            with transaction():
                users = [User(email=f"b{number}@example.com", password_hash="x") for number in range(self.buyers)]
                db.session.add_all(users)
                for product in db.session.query(Product).filter(Product.stock.is_not(None)):
                    product.stock = STOCK
            cookies = [_cookie(app, user) for user in users]
            self.goods = [row.id for row in db.session.query(Product).filter_by(kind="once").order_by(Product.position)]
            self.plan = db.session.query(Product).filter_by(kind="monthly").first().id
        close_app(app)
        return cookies

    # --- processes ---

    def start(self, *names: str, die_at: int = 0) -> None:
        for name in names or self.ports:
            environ = os.environ | self._environ | {"CHAOS_DIE_AT": str(die_at)}
            what = name.rstrip("23456789")
            command = [sys.executable, "-m", "tests.chaos.serve", what, str(self.ports[name])]
            with (self.folder / f"{name}.log").open("ab") as log:
                process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=log, stderr=subprocess.STDOUT)
            self._processes[name] = process
        for name in names or self.ports:
            self._wait_for(name)

    def _wait_for(self, name: str) -> None:
        address = f"http://127.0.0.1:{self.ports[name]}/{'controls/clock' if name == 'sandbox' else 'healthz'}"
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.is_alive(name):
            try:
                requests.get(address, timeout=5)
            except requests.RequestException:
                time.sleep(0.05)
            else:
                return

    def is_alive(self, name: str) -> bool:
        return self._processes[name].poll() is None

    def kill(self, name: str) -> None:
        """SIGKILL, as a power cut: no handler runs, nothing is flushed."""
        process = self._processes[name]
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.kills[name] += 1

    def stop(self, name: str) -> None:
        """An orderly end, after which `steps` knows how far the fuse got; a process that is dead counts as a kill."""
        process = self._processes[name]
        process.terminate()
        if process.wait() == -signal.SIGKILL:
            self.kills[name] += 1
        found = re.findall(r"steps: (\d+)", (self.folder / f"{name}.log").read_text())
        self.steps[name] = int(found[-1]) if found else 0

    def stop_all(self) -> None:
        for name, process in self._processes.items():
            if process.poll() is None:
                self.stop(name)
        self.engine.dispose()

    def run(self, *words: str, die_at: int = 0) -> str:
        """A command of the shop's, in a process of its own."""
        environ = os.environ | self._environ | {"CHAOS_DIE_AT": str(die_at)}
        command = [sys.executable, "-m", "tests.chaos.serve", "run", *words]
        done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
        if done.returncode == -signal.SIGKILL:
            self.kills["command"] += 1
        elif "Traceback" in done.stderr:
            raise AssertionError(done.stderr)
        found = re.findall(r"steps: (\d+)", done.stdout)
        self.steps["command"] = int(found[-1]) if found else 0
        return done.stdout

    def move_clock(self, **span: float) -> None:
        """Both sides' business time: the shop follows the sandbox."""
        now = datetime.fromisoformat(requests.get(f"{self.sandbox_url}/controls/clock", timeout=30).json()["now"])
        self.move_clock_to((now + timedelta(**span)).isoformat())

    def move_clock_to(self, moment: str) -> None:
        answer = requests.post(f"{self.sandbox_url}/controls/clock", json={"to": moment}, timeout=60)
        assert answer.status_code == 200, answer.text
        time.sleep(1.1)  # the shop asks for the time once a second

    def next_charge(self) -> None:
        live = "status IN ('active', 'past_due')"
        day = self.all(f"SELECT min(next_charge_on) AS day FROM subscriptions WHERE {live}")[0]["day"]  # noqa: S608
        now = datetime.fromisoformat(requests.get(f"{self.sandbox_url}/controls/clock", timeout=30).json()["now"])
        if day:
            self.move_clock_to(max(datetime.fromisoformat(f"{day}T09:00:00+09:00"), now).isoformat())

    # --- the books, past the shop's code ---

    def all(self, sql: str) -> list[dict[str, Any]]:
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(text(sql)).mappings()]

    def theirs(self) -> list[dict[str, Any]]:
        books = sqlite3.connect(self.folder / "sandbox.sqlite3")
        try:
            return [json.loads(body) for (body,) in books.execute("SELECT body FROM payments ORDER BY id")]
        finally:
            books.close()

    def disagreements(self) -> list[str]:
        """Every id of ours for which the two ledgers differ, and every law that is broken."""
        theirs: Counter[str] = Counter()
        for one in self.theirs():
            if one["status"] in ("paid", "cancelled"):
                theirs[one["merchant_uid"]] += one["amount"] - one["cancel_amount"]
        duplicates = Counter(
            {
                row["payment_id"]: int(row["won"])
                for row in self.all(
                    "SELECT payment_id, sum(c.amount) AS won FROM cancellations c JOIN payments p ON p.id = payment_id"
                    " WHERE c.imp_uid <> p.imp_uid AND c.status IN ('requested', 'refused') GROUP BY payment_id"
                )
            }
        )
        found = []
        for row in self.all("SELECT * FROM payments"):
            money = row["status"] in ("paid", "cancelled") or row["held_reason"]
            ours = (row["reported_amount"] or 0) - row["cancelled_amount"] if money else 0
            ours += duplicates[row["id"]]  # their money is known, and waits for its cancel or for a person
            if ours != theirs[row["merchant_uid"]]:
                uid, there = row["merchant_uid"], theirs[row["merchant_uid"]]
                found.append(f"{uid}: {row['status']} {ours} won here, {there} won there")
        return [*found, *self._unpaid(), *self._stock(), *self._twice()]

    def _unpaid(self) -> list[str]:
        """Paid orders without their money, and money without its order or a reason to wait."""
        paid = self.all(
            "SELECT o.id FROM orders o WHERE o.status = 'paid' AND NOT EXISTS (SELECT 1 FROM payments p"
            " WHERE p.merchant_uid = o.paid_by AND p.kind <> 'renewal'"
            " AND p.purchase_id = CAST(o.id AS VARCHAR) AND p.status = 'paid')"
        )
        kept = self.all(
            "SELECT p.merchant_uid FROM payments p JOIN orders o"
            " ON p.kind <> 'renewal' AND CAST(o.id AS VARCHAR) = p.purchase_id"
            " WHERE p.status = 'paid' AND p.held_reason IS NULL"
            " AND (o.status <> 'paid' OR o.paid_by <> p.merchant_uid)"
        )
        return [f"sold unpaid: order {row['id']}" for row in paid] + [f"kept: {row['merchant_uid']}" for row in kept]

    def _stock(self) -> list[str]:
        taken = Counter(
            {
                row["product_id"]: int(row["pieces"])
                for row in self.all(
                    "SELECT product_id, sum(quantity) AS pieces FROM order_lines JOIN orders o ON o.id = order_id"
                    " WHERE o.status IN ('pending', 'paid') GROUP BY product_id"
                )
            }
        )
        rows = self.all("SELECT id, stock FROM products WHERE stock IS NOT NULL")
        return [f"stock of {row['id']}: {row['stock']}" for row in rows if row["stock"] + taken[row["id"]] != STOCK]

    def _twice(self) -> list[str]:
        charged = [one for one in self.theirs() if one["customer_uid"] and one["status"] in ("paid", "cancelled")]
        months = Counter((one["customer_uid"], _month_in_seoul(one["paid_at"])) for one in charged)
        return [f"charged twice: {key}" for key, count in months.items() if count > 1]


def _month_in_seoul(moment: int) -> str:
    return period_of(datetime.fromtimestamp(moment, UTC))


def _cookie(app: Flask, user: User) -> dict[str, str]:
    serializer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
    return {app.config["SESSION_COOKIE_NAME"]: serializer.dumps({"_user_id": user.get_id(), "_fresh": True})}
