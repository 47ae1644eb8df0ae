"""Raw settings from environment variables, secret files and `.env`, and checks of which need each other.

Defaults and types are in `config.py`.
"""

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from dotenv import load_dotenv

from payments.settings import LIVE_API_URL

from . import server

LIVE_KEYS = ("PORTONE_IMP_CODE", "PORTONE_API_KEY", "PORTONE_API_SECRET")
SANDBOX_KEYS = ("SANDBOX_API_KEY", "SANDBOX_API_SECRET")
CONTRACTS = ("PORTONE_CHANNEL_KEY", "PORTONE_PG", "PORTONE_BILLING_CHANNEL_KEY", "PORTONE_BILLING_PG")
SANDBOX_CHANNEL = "channel-key-sandbox-"  # how the keys of the sandbox's channels begin

SETTINGS = (
    *LIVE_KEYS, *CONTRACTS, "SECRET_KEY", "DATABASE_URL", "PUBLIC_URL", "PORTONE_API_URL", "PORTONE_SDK_URL",
    "PORTONE_TEST_CHANNEL", "CELERY_BROKER_URL", "SANDBOX_CONTROLS_TOKEN", "TRUSTED_PROXIES", "CSP_WINDOW_HOSTS",
    *SANDBOX_KEYS, "DEMO_CLOCK", "MAIL_URL",
    "CSP_ENFORCE", "RATELIMIT_STORAGE_URL", "SIGN_IN_LIMIT", "SIGN_UP_LIMIT", "CHECKOUT_LIMIT", "METRICS_TOKEN",
    "LOG_FORMAT", "PORT", "INSTANCE_PATH", "DEMO_RESET", "PORTONE_MODULE", "PORTONE_BILLING_MODULE",
    "PORTONE_FIX_NUMBER", "PORTONE_APP_SCHEME", "DEMO_WORLDS",
)  # fmt: skip

# Ids, keys, secrets and addresses. Docker's and systemd's env files keep quotation marks as part of the value.
ONE_WORD = (
    *LIVE_KEYS, *CONTRACTS, *SANDBOX_KEYS, "SECRET_KEY", "METRICS_TOKEN", "SANDBOX_CONTROLS_TOKEN",
    "PUBLIC_URL", "PORTONE_API_URL", "PORTONE_SDK_URL", "PORTONE_MODULE", "PORTONE_BILLING_MODULE",
    "PORTONE_APP_SCHEME",
)  # fmt: skip
# What a demo with a shop for each visitor makes for each of them, or what would join them.
NOT_WITH_WORLDS = (
    "DATABASE_URL", "PORTONE_API_URL", "PORTONE_SDK_URL", *SANDBOX_KEYS, "CELERY_BROKER_URL", "MAIL_URL",
)  # fmt: skip
# Addresses whose port is checked. DATABASE_URL is SQLAlchemy's to read: its password may hold what ends a port here.
WITH_PORT = ("PUBLIC_URL", "PORTONE_API_URL", "PORTONE_SDK_URL", "RATELIMIT_STORAGE_URL", "CELERY_BROKER_URL")
QUOTES = "\"'`“”‘’"


class ConfigError(Exception):
    """A setting is missing, invalid or contradicts another. The message begins with its name and says how to fix it."""

    others: "tuple[ConfigError, ...]" = ()  # what else is wrong

    @property
    def setting(self) -> str:
        return str(self).partition(" ")[0]


def refuse(problems: Iterable[ConfigError]) -> None:
    """Raise the first of these errors, if any, with the others attached to it."""
    found = list(problems)
    if found:
        found[0].others = tuple(found[1:])
        raise found[0]


def load_env_file(path: Path) -> None:
    """Add the lines of `.env` to the environment, without replacing what is set there. Raises ConfigError."""
    try:
        load_dotenv(path, encoding="utf-8")
    except (OSError, ValueError) as error:  # ValueError: other bytes than UTF-8's, or NUL as in UTF-16
        raise ConfigError(f"{path.name} cannot be read ({type(error).__name__}): save it as text in UTF-8") from error


def with_files(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the settings with the contents of the files that NAME_FILE names. Raises ConfigError."""
    found = dict(environ)
    for name in SETTINGS:
        path = environ.get(f"{name}_FILE", "").strip()
        if not path:
            continue
        if environ.get(name, "").strip():
            raise ConfigError(f"{name} and {name}_FILE are both set: keep one")
        try:
            # "-sig": with or without the byte order mark that Windows editors write
            found[name] = Path(path).read_text(encoding="utf-8-sig").strip()
        except (OSError, ValueError) as error:
            raise ConfigError(f"{name}_FILE cannot be read: {type(error).__name__}") from error
    return found


def is_live(environ: Mapping[str, str]) -> bool:
    """Whether PortOne's three keys are given. `check_companions` refuses one or two of them."""
    return len(_given(environ, LIVE_KEYS)) == len(LIVE_KEYS)


def check_characters(environ: Mapping[str, str]) -> Iterator[ConfigError]:
    """Find quotation marks and blanks that were copied along. The message omits the value, which may be a secret."""
    for name in _given(environ, ONE_WORD):
        value = environ[name].strip()
        if any(character in QUOTES or character == " " or not character.isprintable() for character in value):
            yield ConfigError(f"{name} contains a quotation mark, a blank or an invisible character: remove it")


def check_server(environ: Mapping[str, str]) -> Iterator[ConfigError]:
    """Find a useless port or number of processes or threads."""
    return map(ConfigError, server.problems(environ))


def check_addresses(environ: Mapping[str, str]) -> Iterator[ConfigError]:
    """Find an address with a port that does not exist. Celery takes several addresses with `;` between them."""
    for name in _given(environ, WITH_PORT):
        if not all(_has_usable_port(url) for url in environ[name].split(";")):
            yield ConfigError(f"{name} has a port that is no number from 1 to {server.LAST_PORT}")


def check_companions(environ: Mapping[str, str]) -> Iterator[ConfigError]:
    """Find settings of a live shop that lack the others that they need."""
    sandbox_keys = _given(environ, SANDBOX_KEYS)
    if len(sandbox_keys) == 1:
        absent = next(name for name in SANDBOX_KEYS if name not in sandbox_keys)
        yield ConfigError(f"{absent} is missing: give both {_listed(SANDBOX_KEYS)}, or none")
    keys, contracts = _given(environ, LIVE_KEYS), _given(environ, CONTRACTS)
    if keys and not is_live(environ):
        missing = [name for name in LIVE_KEYS if name not in keys]
        yield ConfigError(f"{_are_set(keys)} but not {_listed(missing)}: give all three for live PortOne, or none")
    if not keys:
        yield from _check_demo(environ, contracts)
    elif not _given(environ, ("PORTONE_CHANNEL_KEY", "PORTONE_PG")):
        yield ConfigError(
            "PORTONE_CHANNEL_KEY is missing: name the channel that takes payments (or its PORTONE_PG;"
            " PORTONE_PG=default is the default PG of PortOne's console)"
        )


def _check_demo(environ: Mapping[str, str], contracts: list[str]) -> Iterator[ConfigError]:
    """Find settings of a live shop without any of PortOne's keys, with which the shop would use the sandbox."""
    keys = _listed(LIVE_KEYS)
    contracts = [name for name in contracts if not environ[name].strip().startswith(SANDBOX_CHANNEL)]
    if contracts:
        own = f"the sandbox has no contract to choose but its own, {SANDBOX_CHANNEL}…"
        yield ConfigError(f"{_are_set(contracts)} but not {keys}: {own}")
    if host_of(environ.get("PORTONE_API_URL", "")) == host_of(LIVE_API_URL):
        yield ConfigError(f"PORTONE_API_URL is PortOne's own: set {keys} too")
    public_url = environ.get("PUBLIC_URL", "").strip()
    public = public_url.startswith("https:") and not is_private(host_of(public_url))
    if public and not has_worlds(environ) and not _given(environ, ("SANDBOX_CONTROLS_TOKEN",)):
        yield ConfigError(
            f"PUBLIC_URL is a public https address, but {keys} are not set: set them,"
            " or SANDBOX_CONTROLS_TOKEN for a public demo where no real money moves"
        )


def has_worlds(environ: Mapping[str, str]) -> bool:
    """Whether each visitor gets a shop of their own."""
    return environ.get("DEMO_WORLDS", "").strip() not in ("", "0")


def check_worlds(environ: Mapping[str, str]) -> Iterator[ConfigError]:
    """Find what a demo with a shop for each visitor cannot have: it is one process with files of its own.

    `server.problems` finds a second process.
    """
    if not has_worlds(environ):
        return
    if keys := _given(environ, LIVE_KEYS):
        yield ConfigError(f"DEMO_WORLDS is for demos with the sandbox: remove it, or {_listed(keys)}")
    for name in _given(environ, NOT_WITH_WORLDS):
        yield ConfigError(f"{name} cannot be used with DEMO_WORLDS, which makes all of this anew for each visitor")


def host_of(url: str) -> str:
    """Return the host of a URL; empty if there is none."""
    try:
        return urlsplit(url.strip()).hostname or ""
    except ValueError:
        return ""


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach that host."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _has_usable_port(url: str) -> bool:
    try:
        return urlsplit(url.strip()).port != 0
    except ValueError:  # not a number, or too large
        return False


def is_private(host: str) -> bool:
    """Return whether only this machine or its network can reach that host."""
    try:
        return not ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith((".local", ".localhost", ".internal", ".lan"))


def _given(environ: Mapping[str, str], names: Iterable[str]) -> list[str]:
    return [name for name in names if environ.get(name, "").strip()]


def _are_set(names: list[str]) -> str:
    return f"{_listed(names)} {'is' if len(names) == 1 else 'are'} set"


def _listed(names: Iterable[str]) -> str:
    """Join names with blanks around each: `ConfigError.setting` is the message's first word."""
    return " and ".join(names)
