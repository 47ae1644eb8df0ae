"""Commands for operators, listed in `install()`; `flask --help` describes each."""

import logging
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TextIO

import click
from flask import Flask, current_app
from flask.cli import with_appcontext
from flask_migrate import upgrade
from sqlalchemy.exc import IntegrityError

from payments import clock, reconcile
from payments.monthly import batch, charging
from payments.portone.report import ProviderError
from payments.reconcile import Difference
from shop.backoffice import differences, export
from shop.orders import seed
from shop.orders.buyer_input import InvalidText, checked_email
from shop.storefront.account import create_user
from shop.web.common import provider, settings

from .notify import notify


def install(app: Flask) -> None:
    for command in (init_db, seed_shop, create_admin, bill, reconcile_books, notify, worker, scheduler):
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
    """Put the catalogue into the shop. May be run again at any time."""
    seed.seed_catalogue()
    click.echo("The catalogue is in place.")


@click.command("create-admin")
@click.option("--email", prompt=True)
@click.option("--password", prompt=True, hide_input=True, confirmation_prompt=True)
@click.option("--role", type=click.Choice(["operator", "viewer"]), default="operator", show_default=True)
@with_appcontext
def create_admin(email: str, password: str, role: str) -> None:
    """Create an account for the back office: an operator may act there, a viewer may only look."""
    try:
        email = checked_email(email)
    except InvalidText:
        raise click.BadParameter("an e-mail address, such as you@example.com", param_hint="--email") from None
    if len(password) < 8:
        raise click.BadParameter("at least 8 characters", param_hint="--password")
    try:
        create_user(email, password, role=role)
    except IntegrityError:
        raise click.ClickException(f"{email} has an account already") from None
    click.echo(f"{email} may now sign in to /admin/.")


@click.command("bill")
@click.option("--on", "day", help="As if it were nine in the morning of this day in Seoul, YYYY-MM-DD.")
@click.option("--dry-run", is_flag=True, help="Say what is due; charge nothing.")
@click.option("--workers", default=8, show_default=True, type=click.IntRange(1, 64), help="Charges at a time.")
@with_appcontext
def bill(day: str | None, dry_run: bool, workers: int) -> None:
    """Charge every subscription that is due. Meant to be run every hour; safe to run twice, or at once.

    Exit status 0: all that was due is done, or another run is at it. 1: something is open, and the next run goes on.
    """
    if day and settings().live and not dry_run:
        raise click.BadParameter(
            "only with --dry-run: PortOne charges today, whatever our clock says", param_hint="--on"
        )
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    if day:
        clock.use_source(app, _nine_in_the_morning(day))
    due, paused = charging.count_due(), charging.count_paused()
    if dry_run:
        waiting = ""
        if paused.until:
            until = paused.until.astimezone(clock.SEOUL)
            waiting = f"{paused.count} declined, to be tried again from {until:%H:%M} ({paused.won:,} won); "
        click.echo(f"{due.count} due on {clock.today()} ({due.won:,} won); {waiting}nothing was charged.")
        return
    if sys.stderr.isatty():  # the progress bar is enough; the event log has each charge
        logging.getLogger("shop.events").setLevel(logging.WARNING)
    run = batch.charge_all(app, provider(), batch.due_now(), workers)
    results: Counter[str] = Counter()
    with click.progressbar(run, length=due.count + paused.count, label="Charging", file=sys.stderr) as finished:
        for done in finished:
            results[done.result] += 1
            results["won"] += done.won
    deleted = charging.delete_ended_keys(provider())
    click.echo(_summary(results, deleted))
    for result, line in {**OPEN_RESULTS, "in_flight": IN_FLIGHT}.items():
        if results[result]:
            click.echo(f"{results[result]} {result}: {line}")
    if any(results[result] for result in OPEN_RESULTS):
        sys.exit(1)


@click.command("reconcile")
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), help="First day in Seoul [default: 7 days ago].")
@click.option("--to", "last", type=click.DateTime(["%Y-%m-%d"]), help="Last day in Seoul, included [default: today].")
@click.option("--repair", is_flag=True, help="Look up again what differs, and record what PortOne says.")
@click.option("--csv", "target", type=click.File("w", encoding="utf-8-sig"), help="Save the report here.")
@click.option("--all", "every", is_flag=True, help="List also what a person closed as nothing wrong.")
@with_appcontext
def reconcile_books(
    first: datetime | None, last: datetime | None, repair: bool, target: TextIO | None, every: bool
) -> None:
    """Compare our payments with PortOne's, both ways. Exit status 1 when they differ.

    A payment of PortOne's that cannot be read is listed; it counts as a difference if it is one of ours. What a person
    has closed as nothing wrong counts apart: it is not repaired, and does not change the exit status.
    """
    last_day = last.date() if last else clock.today()
    first_day = first.date() if first else last_day - timedelta(days=7)
    if first_day > last_day:
        raise click.BadParameter("the first day is after the last", param_hint="--from")
    try:
        found = reconcile.compare(provider(), first_day, last_day)
        repaired = reconcile.repair(provider(), differences.split(found)[0]) if repair else Counter()
        if repaired:
            found = reconcile.compare(provider(), first_day, last_day)
    except ProviderError as error:
        raise click.ClickException(f"PortOne did not answer: {error}") from None
    if target:
        target.write(export.differences_csv(found))
    still_open, closed = differences.split(found)
    for one in still_open:
        click.echo(_told(one))
    for one, review in closed if every else ():
        click.echo(f"{_told(one)} | closed by {review.reviewed_by}: {review.reason}")
    for outcome, count in sorted(repaired.items()):
        click.echo(f"repair: {count} {outcome}")
    foreign = sum(one.is_foreign for one in still_open)
    unreadable = f", unreadable rows that are not ours: {foreign}" if foreign else ""
    apart = f"; closed as nothing wrong: {len(closed)}{'' if every else ' (--all lists them)'}" if closed else ""
    click.echo(f"{first_day} to {last_day}, differences: {len(still_open) - foreign}{unreadable}{apart}")
    if len(still_open) > foreign:
        sys.exit(1)


def _told(one: Difference) -> str:
    return (
        f"{one.kind:<13} {one.merchant_uid}  {one.imp_uid}  {one.ours} {one.our_amount:,} won"
        f" | PortOne: {one.theirs} {one.their_amount:,} won"
    )


@click.command("worker")
@click.option("--concurrency", default=8, show_default=True, type=click.IntRange(1, 64), help="Charges at a time.")
@with_appcontext
def worker(concurrency: int) -> None:
    """Run the tasks that the scheduler sends, on as many machines as you like. Needs CELERY_BROKER_URL."""
    # Threads: a charge mostly waits for PortOne's response, and threads share one connection pool.
    _celery().worker_main(["worker", "--pool", "threads", "--concurrency", str(concurrency), "--loglevel", "INFO"])


@click.command("scheduler")
@with_appcontext
def scheduler() -> None:
    """Send the due tasks to the workers. Run only one; needs CELERY_BROKER_URL."""
    _celery().start(["beat", "--loglevel", "INFO", "--pidfile="])


def _celery() -> Any:
    """Return the Celery app; only the two commands above import the library."""
    if not settings().broker_url:
        raise click.ClickException("CELERY_BROKER_URL is not set; without a broker, let cron run `flask bill`")
    try:
        from .worker import create_worker
    except ImportError as error:
        raise click.ClickException(f"{error}: pip install -r requirements-scale.txt") from None
    return create_worker(current_app._get_current_object(), settings())  # type: ignore[attr-defined]


def _nine_in_the_morning(day: str) -> Callable[[], datetime]:
    try:
        moment = datetime.combine(date.fromisoformat(day), time(9), clock.SEOUL).astimezone(UTC)
    except ValueError:
        raise click.BadParameter("a day such as 2027-01-31", param_hint="--on") from None
    return lambda: moment


# Results that leave a billing month open, and what happens next. With any of them the command exits with status 1.
OPEN_RESULTS = {
    "unknown": "PortOne gave no usable answer. Nothing ended; the next run looks these months up before it asks again.",
    "key_gone": "PortOne has no such billing key. The subscriptions are past due and end when their days are over"
    " (see /admin/monthly).",
    "error": "something broke, see the log. The next run goes on with these months.",
}

# Not open: whoever has leased these months reports on them.
IN_FLIGHT = (
    "another run, or PortOne's own schedule, is charging these months now; that run tells how they end. If it was"
    " killed, a run ten minutes later looks them up and goes on."
)


def _summary(results: Counter[str], deleted: int) -> str:
    names = ("charged", "declined", "held", "unknown", "ended", "skipped", "error")
    counts = ", ".join(f"{results[name]} {name}" for name in names)
    return f"{counts}; {results['won']:,} won; {deleted} ended keys deleted at PortOne"
