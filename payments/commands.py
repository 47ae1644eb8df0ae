"""Commands: `flask sync`."""

import sys

import click
from flask.cli import with_appcontext

from .extension import extension
from .sweep import sweep


@click.command("sync")
@with_appcontext
def sync() -> None:
    """Look up open payments, expire unpaid orders, finish cancels. Meant to be run every few minutes; always safe."""
    done = sweep(extension().provider)
    click.echo(", ".join(f"{count} {outcome}" for outcome, count in sorted(done.items())) or "Nothing was open.")
    if done["unknown"] or done["error"]:
        sys.exit(1)  # PortOne did not answer, or something broke (see the log): the next run asks again
