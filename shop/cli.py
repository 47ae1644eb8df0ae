"""Which commands does an operator have? `flask init-db`, `flask seed`, `flask create-admin`."""

import click
from flask import Flask
from flask.cli import with_appcontext
from flask_migrate import upgrade
from sqlalchemy.exc import IntegrityError

from . import seed
from .account import create_user
from .web import settings


def install(app: Flask) -> None:
    for command in (init_db, seed_shop, create_admin):
        app.cli.add_command(command)


@click.command("init-db")
@with_appcontext
def init_db() -> None:
    """Create the tables, or bring them up to date. May be run again at any time."""
    upgrade()
    click.echo("The tables are up to date.")


@click.command("seed")
@with_appcontext
def seed_shop() -> None:
    """Put the catalogue into the shop (and, with the sandbox, the two demo accounts). May be run again at any time."""
    seed.seed_catalogue()
    if not settings().live:
        seed.seed_demo_accounts()
    click.echo("The catalogue is in place.")


@click.command("create-admin")
@click.option("--email", prompt=True)
@click.option("--password", prompt=True, hide_input=True, confirmation_prompt=True)
@with_appcontext
def create_admin(email: str, password: str) -> None:
    """Create an account that may act in the back office."""
    if len(password) < 8:
        raise click.BadParameter("at least 8 characters", param_hint="--password")
    try:
        create_user(email, password, role="operator")
    except IntegrityError:
        raise click.ClickException(f"{email} has an account already") from None
    click.echo(f"{email} may now sign in to /admin/.")
