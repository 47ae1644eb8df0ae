"""`flask seed` in sandbox mode: the catalogue, the two demo accounts and, on request, made-up payments."""

import sys
from functools import partial

import click
import requests
from flask import Flask, current_app
from flask.cli import with_appcontext

from payments import clock
from shop.orders import seed

from . import accounts, fake_history, made_up_keys


def install(app: Flask, sandbox_http: requests.Session, api_url: str) -> None:
    """Put this command in the place of the shop's own `flask seed`."""
    app.extensions["register_made_up_keys"] = partial(made_up_keys.register, sandbox_http, api_url)
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
    try:
        moved_to = current_app.extensions["sandbox_clock"].catch_up()  # it takes no payment of a time to come
        count = current_app.extensions["register_made_up_keys"]()
    except requests.RequestException as error:
        raise click.ClickException(
            f"the sandbox did not answer, so it does not know the keys of made-up subscriptions, and the monthly run"
            f" would end them; run `flask seed` again when it answers: {error}"
        ) from None
    if moved_to:
        moment = moved_to.astimezone(clock.SEOUL)
        click.echo(f"The sandbox's clock is moved to {moment:%Y-%m-%d %H:%M}, the shop's latest payment.")
    if count:
        click.echo(f"{count:,} billing keys of made-up subscriptions are known to the sandbox.")
