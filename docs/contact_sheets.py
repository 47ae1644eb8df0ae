"""`make screenshots` makes contact sheets: each page and state at three widths, light and dark, Korean and English.

They go to contact-sheets/, which is not kept in git: look at them when pages have changed. Words after the command
narrow it down: `python docs/contact_sheets.py light-ko` makes those of one colour scheme and language.
"""

import sys
import tempfile
from base64 import b64encode
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.servers import serving  # noqa: E402
from tests.walk import walk  # noqa: E402

SHEETS = ROOT / "contact-sheets"
WIDTHS = (360, 768, 1440)
PAINTED = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
STYLES = {
    "phones": "body{display:flex;gap:22px;padding:24px;background:#10312f;width:max-content;height:max-content}"
    "img{width:270px;border-radius:22px;border:5px solid #18262b}",
    "sheet": "body{display:flex;gap:10px;padding:10px;background:#777;align-items:start;width:max-content}"
    "img{max-height:1500px;max-width:900px}",
}


def strip(browser: Browser, shots: list[bytes], target: Path, kind: str) -> None:
    """Pictures side by side on one."""
    images = "".join(f'<img src="data:image/png;base64,{b64encode(shot).decode()}">' for shot in shots)
    style = f"<style>*{{margin:0;box-sizing:border-box}}{STYLES[kind]}</style>"
    page = browser.new_page()
    page.set_content(f"<!doctype html>{style}<body>{images}</body>")
    page.wait_for_function("() => [...document.images].every(image => image.complete)")
    page.set_viewport_size({"width": page.evaluate("document.body.scrollWidth"), "height": 400})
    page.screenshot(path=str(target), full_page=True)
    page.close()


def sheet(browser: Browser, title: str, name: str, page: Page) -> None:
    """One page at each width, on one picture."""
    shots, size = [], page.viewport_size
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        page.add_style_tag(
            content=".learn, .buttons, .pay-bar { position: static !important }"
        )  # not across a whole page
        page.evaluate("document.querySelectorAll('img').forEach((image) => (image.loading = 'eager'))")
        page.wait_for_load_state("networkidle")
        page.evaluate(PAINTED)
        if page.evaluate("document.documentElement.scrollWidth > innerWidth + 1"):
            print(f"! {title} is wider than {width} pixels ({name})")
        shots.append(page.screenshot(full_page=True))
    if size:
        page.set_viewport_size(size)
    strip(browser, shots, SHEETS / f"{title}-{name}.png", "sheet")


def main() -> None:
    SHEETS.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for name in sys.argv[1:] or ("light-ko", "dark-ko", "light-en", "dark-en"):
            scheme, language = name.split("-")
            looks = {"color_scheme": scheme, "locale": {"ko": "ko-KR", "en": "en-US"}[language], "bypass_csp": True}
            with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as server:
                walk(
                    browser,
                    server,
                    lambda title, page, name=name: sheet(browser, title, name, page),  # type: ignore[misc]
                    timezone_id="Asia/Seoul",
                    **looks,
                )
        browser.close()


if __name__ == "__main__":
    main()
