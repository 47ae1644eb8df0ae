"""Benchmark of the front page in Chromium: bytes sent, largest contentful paint.

Each round loads the front page and a bare page with an empty cache, so other load slows both. The bare page is the
front page's text without style, script and pictures, with the front page's headers: its opener policy makes Chromium
start another process, which takes time.
This part alone: `python -m bench view`.
"""

import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from flask import Flask, Response
from playwright.sync_api import Browser, Page, sync_playwright
from werkzeug.serving import make_server

from bench.rows import compared, row
from tests.servers import Server, serving

TURNS = 9
MOST_PAINT = 1.5
MOST_KIB = 50
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
        rows = [weight(browser, server), largest_paint(browser, server)]
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


def largest_paint(browser: Browser, server: Server) -> dict[str, Any]:
    with bare_page(requests.get(server.url, headers={"Accept-Language": "ko"}, timeout=10)) as bare:
        return compared(
            "largest paint of the front page, of its own words' without style, script and picture",
            lambda: paint(browser, server.url),
            lambda: paint(browser, bare),
            -MOST_PAINT,
            "{ours:.0f} ms, {theirs:.0f} ms",
            turns=TURNS,
        )


def paint(browser: Browser, url: str) -> float:
    """Return the milliseconds until the largest contentful paint, with an empty cache."""
    page: Page = browser.new_page(**SIZE)
    page.goto(url)
    page.wait_for_load_state("networkidle")
    found = float(page.evaluate(LARGEST_PAINT))
    page.close()
    return found


@contextmanager
def bare_page(front: requests.Response) -> Iterator[str]:
    """Serve the front page's text with its headers; yield the URL."""
    headers = {name: value for name, value in front.headers.items() if name in KEPT_HEADERS}
    words = re.sub(NOT_WORDS, "", front.text, flags=re.DOTALL)
    app = Flask("bare", static_folder=None)
    app.add_url_rule("/", "words", lambda: Response(words, headers=headers))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()
