"""The nightly reset of a public demo: `flask reset-demo` clears the tables of the shop and of the sandbox.

Loaded in sandbox mode only, so with live settings the command does not exist. Cron or the scheduler calls it.
"""

import click
import requests
from flask import Flask, current_app
from flask.cli import with_appcontext
from sqlalchemy import String, cast, delete, func, select, update

from payments.database import Base, db, transaction
from shop.orders import seed
from shop.orders.models import User

from . import accounts

TIMEOUT_SECONDS = 10.0


def install(app: Flask, sandbox_http: requests.Session, api_url: str) -> None:
    """Add the command, and the function that the scheduler calls."""

    def reset() -> None:
        clear_shop()
        clear_sandbox(sandbox_http, api_url)

    app.extensions["reset_demo"] = reset
    app.cli.add_command(reset_demo)


@click.command("reset-demo")
@with_appcontext
def reset_demo() -> None:
    """Delete every order, payment, account and key, here and in the sandbox. Sandbox mode only."""
    try:
        current_app.extensions["reset_demo"]()
    except requests.RequestException as error:
        raise click.ClickException(f"the shop is cleared, the sandbox did not answer: {error}") from None
    click.echo("The demo is as new.")


def clear_shop() -> None:
    """Empty every table and seed again."""
    with transaction():
        last_id = db.session.scalar(select(func.max(User.id))) or 0
        for table in reversed(Base.metadata.sorted_tables):
            if table is not User.__table__:
                db.session.execute(table.delete())
        # The new accounts get unused ids, so that an old session cookie does not open a new account.
        db.session.execute(update(User).values(email="gone-" + cast(User.id, String)))
    seed.seed_catalogue()
    accounts.seed_demo_accounts()
    with transaction():
        db.session.execute(delete(User).where(User.id <= last_id))


def clear_sandbox(sandbox_http: requests.Session, api_url: str) -> None:
    """Empty the sandbox's tables. Raises requests.RequestException."""
    sandbox_http.post(f"{api_url}/controls/reset", timeout=TIMEOUT_SECONDS).raise_for_status()
