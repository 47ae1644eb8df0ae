"""One host for all pages: a visitor who comes by another name of it is redirected to that of PUBLIC_URL.

PortOne sends buyers back to PUBLIC_URL. Whoever came by `www.` or `localhost` would be signed out there, since session
cookies belong to one host. Only names that differ by `www.`, and the loopback names, count as other names, on the same
port: behind a proxy that passes on a Host of its own, nothing is redirected. Neither is it when `X-Forwarded-Host` says
that Host was rewritten, nor twice within ten seconds, so a proxy that redirects the other way causes no loop.
"""

from urllib.parse import urlsplit, urlunsplit

from flask import Flask, redirect, request
from werkzeug.wrappers import Response

from shop.config import Settings

LOOPBACK = ("localhost", "127.0.0.1", "::1")
EXEMPT = ("payments", "health", "metrics")  # blueprints for PortOne and for monitoring
COOKIE = "redirected"
COOKIE_SECONDS = 10  # a loop comes back at once


def install(app: Flask, settings: Settings) -> None:
    public = urlsplit(settings.public_url)

    @app.before_request
    def redirect_to_public_host() -> Response | None:
        if request.method not in ("GET", "HEAD") or request.blueprint in EXEMPT or request.endpoint == "static":
            return None
        rewritten = request.headers.get("X-Forwarded-Host", request.host) != request.host
        if rewritten or COOKIE in request.cookies or not is_other_name(request.host, public.netloc):
            return None
        asked = urlsplit(request.url)
        response = redirect(urlunsplit((public.scheme, public.netloc, asked.path, asked.query, "")))
        response.set_cookie(COOKIE, "1", max_age=COOKIE_SECONDS, secure=settings.https, httponly=True, samesite="Lax")
        return response


def is_other_name(host: str, public_host: str) -> bool:
    """Return whether a Host header is another name of the public host."""
    (name, port), (public_name, public_port) = _parts(host), _parts(public_host)
    if name == public_name or port != public_port:
        return False
    if name in LOOPBACK:
        return public_name in LOOPBACK
    return name.removeprefix("www.") == public_name.removeprefix("www.")


def _parts(host: str) -> tuple[str, int | None]:
    try:
        parts = urlsplit(f"//{host}")
        return parts.hostname or "", parts.port
    except ValueError:  # no browser sends such a Host
        return "", None
