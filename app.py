"""Application factory: settings → database → login → provider → pages → commands → sandbox.

Only this module may import both the shop and the sandbox. `worlds.py` opens one such app for each visitor of a demo.
"""

import os
import sys
from contextlib import suppress
from math import inf
from pathlib import Path
from tempfile import TemporaryFile
from typing import NoReturn

import requests
from flask import Flask, url_for
from flask_babel import Babel
from flask_migrate import Migrate, upgrade
from flask_wtf import CSRFProtect
from sqlalchemy.exc import ArgumentError, OperationalError
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

try:
    import fcntl
except ImportError:  # on Windows
    sys.exit(
        "Windows에서는 WSL 2 안에서 실행해 주세요. 방법은 README의 'Windows에서는'에 있습니다.\n"
        "On Windows, run this inside WSL 2: see 'On Windows' in the README."
    )

import payments
from payments import endpoints, monthly
from payments.database import alone, db
from shop import postgres, sqlite
from shop.backoffice import (
    admin_cancellations,
    admin_messages,
    admin_orders,
    admin_pages,
    admin_payments,
    monthly_page,
)
from shop.config import Settings, load_settings
from shop.environment import ConfigError, has_worlds, load_env_file
from shop.operations import commands, health, logs, metrics
from shop.operations.doctor import doctor
from shop.orders import messages, seed
from shop.orders.purchases import Orders
from shop.storefront import (
    account,
    checkout,
    confirmation,
    content,
    legal,
    my_orders,
    pending_orders,
    rate_limits,
    store,
)
from shop.web import common, headers, public_host

HERE = Path(__file__).parent
MIGRATIONS = HERE / "shop" / "migrations"
LARGEST_REQUEST_BYTES = 1_000_000
SHOP_NAMES = {"ko": "달곰상점", "en": "Dalgom"}  # shown in the sandbox's payment window
APP_LOAD_ERROR = 4  # gunicorn's: after this exit status it stops; after 1 it would restart the worker endlessly
LONGEST_FAULT_SECONDS = 5.0  # that a visitor's fault may keep a thread which others need (DEMO_WORLDS)
KEPT_CONNECTIONS = 16  # to the database, and as many again under load; a new one takes longer than a page
POOL_SECONDS = 10  # a request waits this long for one of them, and then gets 503


def create_app(settings: Settings | None = None) -> Flask:
    """Create the shop. Without `settings`, they are read from the environment and `.env`.

    In that case wrong settings end the process with one line, where flask and gunicorn would print a traceback.
    """
    from_environment = settings is None
    try:
        settings = settings or settings_from_environment()
        if from_environment and settings.demo_worlds and not doctor.is_asked():
            raise ConfigError(
                "DEMO_WORLDS makes a shop for each visitor: start `make run`, or `gunicorn` with it in the environment"
            )
        return assemble(settings)
    except Exception as error:
        if doctor.is_asked():
            return doctor.app_for_doctor(error, settings)
        if from_environment and isinstance(error, ConfigError | OperationalError | ArgumentError):
            end_with_line(error)
        raise


def end_with_line(error: ConfigError | OperationalError | ArgumentError) -> NoReturn:
    """End the process with one line about wrong settings."""
    if not isinstance(error, ConfigError):  # the driver's words name the host, never the password
        reason = str(getattr(error, "orig", error)).strip().partition("\n")[0]
        error = ConfigError(f"DATABASE_URL cannot be used: {reason}")
    print(error, file=sys.stderr)  # noqa: T201
    in_gunicorn = os.environ.get("SERVER_SOFTWARE", "").startswith("gunicorn/")
    sys.exit(APP_LOAD_ERROR if in_gunicorn else 1)


def assemble(settings: Settings) -> Flask:
    """Create the Flask app and install its parts."""
    app = Flask(__name__, instance_path=str(settings.instance_path))
    app.config.update(flask_settings(settings))
    app.json = common.StrictJSON(app)
    app.extensions["settings"] = settings

    db.init_app(app)
    sqlite.install(app)
    postgres.install(app)
    Migrate(app, db, directory=str(MIGRATIONS))
    Babel(app, locale_selector=common.language)
    account.login_manager.init_app(app)
    csrf = CSRFProtect(app)

    public_host.install(app, settings)
    common.install(app)
    payments.init_app(
        app, settings, {"once": Orders("once")}, language=common.language, problem_page=common.problem_page
    )
    monthly.init_app(
        app,
        Orders("monthly"),
        subscriptions_page=lambda: url_for("account.subscriptions"),
        changed=messages.plan_changed,
    )
    csrf.exempt(endpoints.bp)
    buyer_pages = (store, checkout, my_orders, pending_orders, content, confirmation, account, legal)
    office = (admin_payments, admin_cancellations, admin_orders, admin_pages, admin_messages, monthly_page)
    pages = (*buyer_pages, *office)
    for blueprint in dict.fromkeys(page.bp for page in pages):  # several files add to one blueprint
        app.register_blueprint(blueprint)
    rate_limits.install(app, settings)
    headers.install(app, settings)
    logs.install(app, settings)
    health.install(app)
    metrics.install(app)
    commands.install(app)
    doctor.install(app)

    if not settings.live:
        prepare_demo(app, settings)
    trust_proxies(app, settings.trusted_proxies)
    return app


def settings_from_environment() -> Settings:
    """Read the settings from the environment and `.env`. Raises ConfigError."""
    load_env_file(HERE / ".env")
    folder = Path(os.environ.get("INSTANCE_PATH", "").strip() or HERE / "instance").absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        settings = load_settings(os.environ, folder)  # which keeps a generated key in that folder
        if not settings.live:  # a live shop may have its database elsewhere and keep nothing here
            TemporaryFile(dir=folder).close()
        return settings
    except OSError as error:
        raise ConfigError(f"INSTANCE_PATH must be a folder that this account may write: {error}") from error


def flask_settings(settings: Settings) -> dict[str, object]:
    """Return the configuration of Flask and its extensions."""
    secure = settings.https
    return {
        "SECRET_KEY": settings.secret_key,
        "SQLALCHEMY_DATABASE_URI": settings.database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": {
            "pool_size": KEPT_CONNECTIONS,
            "max_overflow": KEPT_CONNECTIONS,
            "pool_timeout": POOL_SECONDS,
            "hide_parameters": True,  # or a traceback would log the buyer's name and address
            **postgres.engine_options(settings.database_url),
        },
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": secure,
        # A browser accepts a cookie with this prefix only over https, for exactly this host and all its paths.
        "SESSION_COOKIE_NAME": "__Host-session" if secure else "session",
        "MAX_CONTENT_LENGTH": LARGEST_REQUEST_BYTES,
        "BABEL_DEFAULT_LOCALE": "ko",
        "BABEL_TRANSLATION_DIRECTORIES": str(HERE / "shop" / "translations"),
        # Over https Flask-WTF also requires a Referer, which privacy settings, web views and proxies drop or change.
        "WTF_CSRF_SSL_STRICT": False,  # the token and the SameSite cookie protect
        "WTF_CSRF_TIME_LIMIT": None,  # valid as long as the session: a cart page left open still works
    }


def trust_proxies(app: Flask, count: int) -> None:
    """Trust the last `count` proxies, and nobody else, for the visitor's address and scheme."""
    if count:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count)  # type: ignore[method-assign]


def prepare_demo(app: Flask, settings: Settings) -> None:
    """Prepare sandbox mode: migrate the tables, seed an empty shop, mount the sandbox."""
    from sandbox.adapter import WSGIAdapter
    from shop.demo import accounts, learn_panel, no_world, sandbox_clock, seed_command, stories

    with (settings.instance_path / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one process at a time
        with app.app_context(), alone():
            upgrade()
            if seed.is_needed():
                seed.seed_catalogue()
                accounts.seed_demo_accounts()

    sandbox_http = requests.Session()
    if settings.controls_token:
        sandbox_http.headers["X-Controls-Token"] = settings.controls_token  # the back office moves the clock
    sandbox_http.mount(f"{settings.public_url}/", WSGIAdapter(app.wsgi_app, settings.public_url))  # for the stories
    if settings.api_url == f"{settings.public_url}/sandbox":
        mount_sandbox(app, settings, sandbox_http)
    sandbox_clock.install(app, sandbox_http, settings.api_url)
    learn_panel.install(app)
    seed_command.install(app, sandbox_http, settings.api_url)
    stories.install(app, sandbox_http)
    if settings.demo_worlds and not settings.world_key:
        no_world.install(app)


def mount_sandbox(app: Flask, settings: Settings, sandbox_http: requests.Session) -> None:
    """Serve the sandbox below /sandbox. Shop and sandbox call each other inside the process, without sockets.

    Over sockets, the server would deadlock once all of its threads wait for a response from itself.
    """
    from sandbox import create_sandbox
    from sandbox.adapter import WSGIAdapter

    controls_token = settings.controls_token or None
    sandbox = create_sandbox(
        settings.instance_path / "sandbox.sqlite3",
        shop_origin=settings.public_url,
        shop_names=SHOP_NAMES,
        controls_token=controls_token,
        api_keys=(settings.api_key, settings.api_secret),
        clock_url=f"{settings.public_url}/demo/clock",
        shop_file=HERE / "shop" / "demo" / "check.toml",
        longest_wait=LONGEST_FAULT_SECONDS if settings.world_key else inf,
    )
    shop_wsgi = app.wsgi_app
    app.wsgi_app = DispatcherMiddleware(shop_wsgi, {"/sandbox": sandbox})  # type: ignore[method-assign]
    app.extensions["sandbox"] = sandbox
    for session in (app.extensions["payments"].provider.session, sandbox_http):
        session.mount(settings.api_url, WSGIAdapter(sandbox, settings.api_url))
    sandbox.extensions["sandbox"].http.mount(settings.public_url, WSGIAdapter(shop_wsgi, settings.public_url))


def close_app(app: Flask) -> None:
    """Stop the threads of an app, and close its files and sockets. It serves nothing afterwards."""
    if "sandbox" in app.extensions:
        app.extensions["sandbox"].extensions["sandbox"].close()
    app.extensions["readiness_probe"].shutdown()
    app.extensions["payments"].provider.close()
    with app.app_context():
        db.engine.dispose()


def main() -> None:
    """Run the development server on this machine."""
    with suppress(ConfigError):  # create_app says what is wrong
        load_env_file(HERE / ".env")
    if has_worlds(os.environ):
        import worlds

        worlds.run()
        return
    app = create_app()
    settings: Settings = app.extensions["settings"]
    greet(settings)
    if not settings.live:
        from shop.demo.background import Background

        Background(app).start()
    app.run(host="127.0.0.1", port=development_port(), threaded=True)


def greet(settings: Settings) -> None:
    """Print the address, and the accounts of the demo."""
    print(f"\n  {settings.public_url}\n")  # noqa: T201
    if not settings.live:
        from shop.demo.accounts import DEMO_ACCOUNTS, DEMO_PASSWORD

        for email, role in DEMO_ACCOUNTS.items():
            print(f"  {role:<9} {email} / {DEMO_PASSWORD}")  # noqa: T201
        print()  # noqa: T201


def development_port() -> int:
    return int(os.environ.get("PORT", "").strip() or "5000")


if __name__ == "__main__":
    main()
