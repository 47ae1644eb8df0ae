"""`flask seed` in sandbox mode: the catalogue, the two demo accounts and, on request, made-up payments."""

import sys

import click
from flask import Flask
from flask.cli import with_appcontext

from shop.orders import seed

from . import accounts, fake_history


def install(app: Flask) -> None:
    """Put this command in the place of the shop's own `flask seed`."""
    app.cli.add_command(seed_demo)


@click.command("seed")
@click.option("--payments", type=click.IntRange(1), help="Also make up so many payments of two years.")
@with_appcontext
def seed_demo(payments: int | None) -> None:
    """Put the catalogue and the two demo accounts into the shop. May be run again at any time."""
    seed.seed_catalogue()
    accounts.seed_demo_accounts()
    click.echo("The catalogue is in place.")
    if payments:
        past = fake_history.History(payments)
        with click.progressbar(length=payments, label="Making up payments", file=sys.stderr) as bar:
            for added in past.write():
                bar.update(added)
        click.echo(f"{past.written:,} payments of the last two years are in place.")
