"""Security headers of every page.

No page holds an inline script, style or handler, so the content security policy allows nothing but our own files. The
one exception is the page that opens the payment window: it loads PortOne's SDK. Nobody has seen the window under live
settings yet, so that page enforces only what is certain (CERTAIN), and reports the rest at first (in the browser's
console). Put the hosts that it reports into CSP_WINDOW_HOSTS; then CSP_ENFORCE=true refuses all others.
"""

from urllib.parse import urlsplit

from flask import Flask, Response, g

from shop.config import Settings

YEAR = 365 * 24 * 3600
# Holds whatever the window's hosts are. `https:` because the SDK may send a form to any of them.
CERTAIN = "object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self' https:"
UNUSED = ("accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "microphone", "midi", "usb")


def install(app: Flask, settings: Settings) -> None:
    """Add the headers to every response of `app`."""
    everywhere = {
        # The payment window is PortOne's popup: `same-origin` would cut its connection to our page.
        "Cross-Origin-Opener-Policy": "same-origin-allow-popups",
        "Permissions-Policy": ", ".join(f"{feature}=()" for feature in UNUSED),
        "Referrer-Policy": "same-origin",  # `way_back` (common.py) needs the path
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
    if settings.https:
        everywhere["Strict-Transport-Security"] = f"max-age={YEAR}"
    plain, window = content_security_policy(settings), content_security_policy(settings, payment_window=True)
    on_payment_page = {"Content-Security-Policy": window}
    if not settings.csp_enforce:
        on_payment_page = {"Content-Security-Policy": CERTAIN, "Content-Security-Policy-Report-Only": window}

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.headers.extend(everywhere)
        # Each page shows its visitor's cart or name. With `no-cache`, "back" could still show a stored page.
        response.headers.setdefault("Cache-Control", "no-store")
        if "opens_payment_window" in g:
            response.headers.extend(on_payment_page)
        else:
            response.headers["Content-Security-Policy"] = plain
        return response


def let_the_sdk_in(settings: Settings) -> str:
    """Return the URL of PortOne's SDK, and let this response's policy allow the SDK and its window."""
    g.opens_payment_window = True
    return settings.sdk_url


def content_security_policy(settings: Settings, *, payment_window: bool = False) -> str:
    """Allow our own files only; on the payment page also scripts, calls, frames and forms of the window's hosts."""
    sdk = "{0.scheme}://{0.netloc}".format(urlsplit(settings.sdk_url))
    scripts = f"'self' {sdk}" if payment_window else "'self'"
    window = " ".join([scripts, *settings.csp_window_hosts]) if payment_window else "'self'"
    return "; ".join(
        [
            "default-src 'self'",
            f"script-src {scripts}",
            f"connect-src {window}",
            f"frame-src {window}",
            f"form-action {window}",
            "img-src 'self' data:",
            "object-src 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ]
    )
