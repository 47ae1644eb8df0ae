"""`flask doctor`: checks of the shop's setup with advice on each finding, also as a page of the back office.

The command works even if the shop refuses to start: then `create_app` returns `app_for_doctor`, an app without pages
that has this one command.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import click
import requests
from flask import Blueprint, Flask, current_app, render_template
from flask.cli import with_appcontext
from flask_babel import get_locale
from sqlalchemy.exc import SQLAlchemyError

from payments.database import end_reading
from payments.portone.client import PortOne
from shop.backoffice import admin
from shop.config import Settings
from shop.environment import ConfigError, host_of, with_files
from shop.web.common import provider, settings

from . import connection_checks, settings_checks
from .settings_checks import Finding

bp = Blueprint("doctor", __name__, url_prefix="/admin/doctor")
bp.before_request(admin.only_staff)

SIGNS = {"problem": "✗", "warning": "!", "note": "·"}

Report = dict[str, list[Finding]]


def install(app: Flask) -> None:
    app.register_blueprint(bp)
    app.cli.add_command(doctor)


# --- the page ---------------------------------------------------------------------------------------------------------


@bp.get("", endpoint="show")
def show() -> str:
    """Show the findings in the settings, without any network call."""
    return _page(_settings_part(settings(), _environ()), complete=False)


@bp.post("", endpoint="examine")
@admin.operators_only
def examine_now() -> str:
    """Check the database, PortOne, our own webhook, mail server and Redis as well."""
    return _page(examine(settings(), _environ()), complete=True)


def _page(report: Report, *, complete: bool) -> str:
    language = str(get_locale())
    return render_template("admin/doctor.html", report=report, complete=complete, language=language)


# --- all checks -------------------------------------------------------------------------------------------------------


def examine(wanted: Settings, environ: Mapping[str, str]) -> Report:
    """Return all findings by the part that was checked. Needs an app context, outside of a transaction."""
    end_reading()
    report = _settings_part(wanted, environ)
    report["database"] = list(connection_checks.of_database(wanted, current_app.extensions["migrate"].directory))
    return report | _network_part(wanted, provider())  # type: ignore[arg-type]  # here it is PortOne's client


def _settings_part(wanted: Settings, environ: Mapping[str, str]) -> Report:
    return {"settings": [*settings_checks.of_names(environ), *settings_checks.of_settings(wanted, environ)]}


def _network_part(wanted: Settings, portone: PortOne) -> Report:
    with requests.Session() as session:
        report = {
            "portone": list(connection_checks.of_portone(wanted, portone)),
            "webhook": list(connection_checks.of_webhook(wanted, session)),
        }
    if wanted.mail_server:
        report["mail"] = list(connection_checks.of_mail(wanted.mail_server, host_of(wanted.public_url)))
    redis = connection_checks.redis_named(wanted)
    return report | {"redis": list(connection_checks.of_redis(redis))} if redis else report


def _of_failed_start(error: Exception, wanted: Settings | None) -> Report:
    """Return the findings for a shop that could not start."""
    if wanted is None:
        refused = list(settings_checks.of_error(error)) if isinstance(error, ConfigError) else [_start_failed(error)]
        return {"settings": [*refused, *settings_checks.of_names(_environ())]}
    report = _settings_part(wanted, _environ())
    report["database"] = [_start_failed(error)]
    portone = PortOne(wanted)
    try:
        return report | _network_part(wanted, portone)
    finally:
        portone.close()


def _environ() -> Mapping[str, str]:
    try:
        return with_files(os.environ)
    except ConfigError:  # reported as a finding
        return os.environ


def _start_failed(error: Exception) -> Finding:
    if isinstance(error, SQLAlchemyError):
        return Finding("database_silent", "DATABASE_URL", {"message": type(error).__name__})
    return Finding("start_failed", "", {"message": f"{type(error).__name__}: {error}"})


# --- the command ------------------------------------------------------------------------------------------------------


def is_asked() -> bool:
    """Whether this process is `flask doctor`."""
    return "flask" in Path(sys.argv[0]).parts and "doctor" in sys.argv[1:]


def app_for_doctor(error: Exception, wanted: Settings | None) -> Flask:
    """Create an app for `flask doctor` alone, for a shop that could not start because of `error`."""
    app = Flask(__name__)
    app.extensions["failed_start"] = (error, wanted)
    app.cli.add_command(doctor)
    return app


@click.command("doctor")
@click.option("--lang", type=click.Choice(["ko", "en", "both"]), default="both", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--strict", is_flag=True, help="Warnings count as problems.")
@with_appcontext
def doctor(lang: str, as_json: bool, strict: bool) -> None:
    """Check the settings and everything that they name. Exit status: 0 no problem, 1 problems."""
    failed = current_app.extensions.get("failed_start")
    report = _of_failed_start(*failed) if failed else examine(settings(), _environ())
    levels = [finding.level for findings in report.values() for finding in findings]
    if as_json:
        click.echo(json.dumps(_for_programs(report), ensure_ascii=False, indent=1))
    else:
        for line in _lines(report, ("ko", "en") if lang == "both" else (lang,)):
            click.echo(line)
        if not failed:
            for note in (*settings_checks.mail_notes(settings()), *settings_checks.notes(settings(), _environ())):
                click.echo(note)
        click.echo(f"\nproblems: {levels.count('problem')}, warnings: {levels.count('warning')}")
    if "problem" in levels or (strict and "warning" in levels):
        sys.exit(1)


def _lines(report: Report, languages: Iterable[str]) -> Iterator[str]:
    for part, findings in report.items():
        count = sum(finding.level != "note" for finding in findings)
        yield f"{part}: {count}" if count else f"{part}: ✓"
        for finding in findings:
            yield f"  {SIGNS[finding.level]} {finding.setting} ({finding.code})"
            for language in languages:
                what, mend = finding.text(language)
                yield f"      {what}\n      → {mend}"


def _for_programs(report: Report) -> list[dict[str, str]]:
    return [
        {
            "part": part,
            "level": finding.level,
            "code": finding.code,
            "setting": finding.setting,
            **dict(zip(("ko", "ko_mend", "en", "en_mend"), finding.text("ko") + finding.text("en"), strict=True)),
        }
        for part, findings in report.items()
        for finding in findings
    ]
