"""Which security headers does every page of the shop carry?

No page holds an inline script, style or handler, so the policy can forbid them all, and lets nothing in but our own
files. One page is wider: the one that opens the payment window loads PortOne's SDK. With live settings nobody has seen
the window that comes from there, so that page's policy begins by reporting (in the browser's console); CSP_WINDOW_HOSTS
takes the hosts that the report names, and CSP_ENFORCE=true makes it refuse all others.
"""

from urllib.parse import urlsplit

from flask import Flask, Response, g

from shop.config import Settings

YEAR = 365 * 24 * 3600
UNUSED = ("accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "microphone", "midi", "usb")


def install(app: Flask, settings: Settings) -> None:
    """Add the headers to every answer of `app`."""
    everywhere = {
        # The window is a popup of PortOne's: `same-origin` would cut its way back to us.
        "Cross-Origin-Opener-Policy": "same-origin-allow-popups",
        "Permissions-Policy": ", ".join(f"{feature}=()" for feature in UNUSED),
        "Referrer-Policy": "same-origin",  # "back" after a refused form follows it (web.py)
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
    if settings.https:
        everywhere["Strict-Transport-Security"] = f"max-age={YEAR}"
    plain, window = content_security_policy(settings), content_security_policy(settings, payment_window=True)
    window_header = "Content-Security-Policy" if settings.csp_enforce else "Content-Security-Policy-Report-Only"

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.headers.extend(everywhere)
        # Each page shows its visitor's cart or name. `no-cache` is not enough: "back" may show a kept page unasked.
        response.headers.setdefault("Cache-Control", "no-store")
        if "opens_payment_window" in g:
            response.headers[window_header] = window
        else:
            response.headers["Content-Security-Policy"] = plain
        return response


def let_the_sdk_in(settings: Settings) -> str:
    """The address of PortOne's SDK, for a page that loads it: its policy lets the SDK and its window in."""
    g.opens_payment_window = True
    return settings.sdk_url


def content_security_policy(settings: Settings, *, payment_window: bool = False) -> str:
    """Everything from here alone; for the payment page also scripts, calls, frames and forms of the window's hosts."""
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
