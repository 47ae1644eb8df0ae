"""Benchmark of the front page in Chromium: bytes sent, hosts contacted, largest contentful paint.

Each round loads the front page and a bare page with an empty cache, so other load slows both. The bare pages are: the
front page's text without style, script and pictures; only a heading; only the front page's picture. They have the front
page's headers, because its opener policy makes Chromium start another process, which takes time.
This part alone: `python -m bench view`.
"""

import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from flask import Flask, Response
from playwright.sync_api import Browser, Page, sync_playwright
from werkzeug.serving import make_server

from bench.rows import compared, row
from tests.servers import Server, serving
from tests.shop.storefront.test_journeys import fill_buyer, pay_in_popup, put_in_cart, sign_in

SCENE = Path(__file__).parents[1] / "templates" / "store" / "night-shop.svg"
TURNS = 9
MOST_KIB = 60
COUNTED = ("document", "stylesheet", "script")
NOT_WORDS = r"<link [^>]*>|<script.*?</script>|<img [^>]*>|<svg.*?</svg>"
KEPT_HEADERS = {
    "Content-Type",
    "Content-Security-Policy",
    "Cross-Origin-Opener-Policy",
    "Permissions-Policy",
    "Referrer-Policy",
}
SIZE: Any = {"viewport": {"width": 1280, "height": 800}, "locale": "ko-KR"}

# Chromium reports the largest paint so far; the value 150 ms after the first report is taken as final.
LARGEST_PAINT = """() => new Promise((tell) => {
  let at = 0;
  new PerformanceObserver((list) => {
    if (!at) setTimeout(() => tell(at), 150);
    for (const entry of list.getEntries()) at = entry.startTime;
  }).observe({ type: "largest-contentful-paint", buffered: true });
})"""


def measure() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        rows = [weight(browser, server), hosts(browser, server), *largest_paint(browser, server)]
        browser.close()
    return rows


def weight(browser: Browser, server: Server) -> dict[str, Any]:
    """Measure HTML, CSS and JavaScript of the front page as sent, headers included."""
    page = browser.new_page(**SIZE)
    bytes_of: dict[str, int] = {}

    def count(request: Any) -> None:
        sizes = request.sizes()
        kind = request.resource_type if request.resource_type in COUNTED else "pictures"
        bytes_of[kind] = bytes_of.get(kind, 0) + sizes["responseBodySize"] + sizes["responseHeadersSize"]

    page.on("requestfinished", count)
    page.goto(server.url)
    page.wait_for_load_state("networkidle")
    page.close()
    kib = sum(bytes_of.get(kind, 0) for kind in COUNTED) / 1024
    detail = ", ".join(f"{kind} {size / 1024:.1f} KiB" for kind, size in sorted(bytes_of.items()))
    return row("front page: HTML, CSS and JavaScript as sent, KiB", kib, -MOST_KIB, detail, "KiB")


def hosts(browser: Browser, server: Server) -> dict[str, Any]:
    """Count the URLs on other hosts that are requested during a whole purchase in sandbox mode."""
    page = browser.new_page(**SIZE)
    asked: list[str] = []
    page.context.on("request", lambda request: asked.append(request.url))
    sign_in(page, server)
    put_in_cart(page, server, "bear-emoji")
    fill_buyer(page)
    pay_in_popup(page, "#pay-once")
    page.wait_for_url("**/orders/*")
    page.close()
    own = urlsplit(server.url).netloc
    foreign = {url for url in asked if urlsplit(url).scheme.startswith("http") and urlsplit(url).netloc != own}
    told = f"of {len(asked)}: {foreign or 'none'}"
    return row("requests off the host during a purchase", len(foreign), -0.5, told, "requests")


def largest_paint(browser: Browser, server: Server) -> list[dict[str, Any]]:
    with bare_pages(requests.get(server.url, headers={"Accept-Language": "ko"}, timeout=10)) as bare:
        return [
            compared(
                f"largest paint of the front page, of {what}",
                lambda: paint(browser, server.url),
                lambda address=address: paint(browser, bare + address),  # type: ignore[misc]
                -1.5,
                "{ours:.0f} ms, {theirs:.0f} ms",
                turns=TURNS,
            )
            for address, what in (
                ("/words", "its own words' without style, script and picture"),
                ("/heading", "a bare heading's"),
                ("/picture", "the same picture's alone"),
            )
        ]


def paint(browser: Browser, url: str) -> float:
    """Return the milliseconds until the largest contentful paint, with an empty cache."""
    page: Page = browser.new_page(**SIZE)
    page.goto(url)
    page.wait_for_load_state("networkidle")
    found = float(page.evaluate(LARGEST_PAINT))
    page.close()
    return found


@contextmanager
def bare_pages(front: requests.Response) -> Iterator[str]:
    """Serve the bare pages with the front page's headers; yield their URL."""
    headers = {name: value for name, value in front.headers.items() if name in KEPT_HEADERS}
    size = 'width="830" height="360"'  # a larger one would have too few bytes per pixel to count as content
    bodies = {
        "words": re.sub(NOT_WORDS, "", front.text, flags=re.DOTALL),
        "heading": "<!doctype html><title>bare</title><h1>hello</h1>",
        "picture": f'<!doctype html><title>bare</title><img src="/scene.svg" {size}>',
    }
    app = Flask("bare", static_folder=None)
    app.add_url_rule("/scene.svg", "scene", lambda: (SCENE.read_bytes(), {"Content-Type": "image/svg+xml"}))
    for name, body in bodies.items():
        app.add_url_rule(f"/{name}", name, lambda body=body: Response(body, headers=headers))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()
