"""Every Korean text of the shop has its English, with the same placeholders, and the compiled catalogue is current."""

import ast
import io
import re
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from flask.testing import FlaskClient

from sandbox.window.texts import TEXTS

ROOT = Path(__file__).parents[3]
ENGLISH = ROOT / "shop" / "translations" / "en" / "LC_MESSAGES"
KEYWORDS: dict[str, Any] = {"_": None, "_l": None, "ngettext": (1, 2), "pgettext": ((1, "c"), 2)}
PYTHON = [("**.py", "python")]


@pytest.fixture(scope="module")
def catalogue() -> Catalog:
    return read_po(io.BytesIO((ENGLISH / "messages.po").read_bytes()))


def texts_in_the_sources() -> set[Any]:
    """Each with its context, if it has one: a word that stands for one thing here and for many there."""
    found = set()
    for folder, methods in (
        ("payments", PYTHON),
        ("shop", PYTHON),
        ("templates", [("**.html", "jinja2"), ("**.txt", "jinja2")]),
    ):
        for _, _, message, _, context in extract_from_dir(str(ROOT / folder), methods, keywords=KEYWORDS):
            found.add((context, message))
    return found


def test_every_text_is_translated_and_no_translation_is_left_over(catalogue: Catalog) -> None:
    translated = {(one.context, one.id) for one in catalogue if one.id and all(_strings(one.string))}
    assert texts_in_the_sources() == translated


def _texts(catalogue: Catalog) -> dict[Any, Any]:
    return {(_context(one), _key(one.id)): _key(one.string) for one in catalogue if one.id}


def _context(message: Message) -> Any:
    return message.context.decode() if isinstance(message.context, bytes) else message.context


def _key(text: Any) -> Any:
    return tuple(text) if isinstance(text, list | tuple) else text


def _strings(translation: Any) -> tuple[str, ...]:
    return translation if isinstance(translation, tuple) else (translation,)


def test_placeholders_survive_translation(catalogue: Catalog) -> None:
    for message in catalogue:
        placeholders = re.findall(r"%\(\w+\)s", str(message.id))
        assert sorted(placeholders) == sorted(re.findall(r"%\(\w+\)s", str(message.string))), message.id


def test_no_translation_still_holds_korean(catalogue: Catalog) -> None:
    assert not [message.id for message in catalogue if re.search("[가-힣]", str(message.string))]


def test_the_compiled_catalogue_is_current(catalogue: Catalog) -> None:
    compiled = read_mo(io.BytesIO((ENGLISH / "messages.mo").read_bytes()))
    assert _texts(compiled) == _texts(catalogue)


def test_templates_hold_no_korean_outside_of_translations() -> None:
    for path in (ROOT / "templates").rglob("*.html"):
        bare = re.sub(r"_\('.*?'|[np]gettext\('.*?', '.*?'", "", path.read_text())
        assert set(re.findall("[가-힣]+", bare)) <= {"한국어"}, path


def test_the_payment_window_says_everything_in_both_languages() -> None:
    assert TEXTS["ko"].keys() == TEXTS["en"].keys()
    korean = {word for text in TEXTS["en"].values() for word in re.findall("[가-힣]+", text)}
    assert korean == {"샌드박스", "한국어"}  # what nobody may take for real, and the way to the other language


@pytest.mark.parametrize(
    ("browser", "cookie", "shown"),
    [("ko-KR,ko;q=0.9", None, "ko"), ("en-US,en;q=0.9", None, "en"), ("fr", None, "ko"), ("ko-KR", "en", "en")],
)
def test_the_browser_chooses_the_language_until_the_reader_does(
    browser: str, cookie: str | None, shown: str, client: FlaskClient
) -> None:
    if cookie:
        client.set_cookie("language", cookie)
    page = client.get("/", headers={"Accept-Language": browser}).get_data(as_text=True)
    assert f'<html lang="{shown}">' in page
    assert ("달 머그컵" in page) == (shown == "ko")
    assert ("₩14,000" in page) == (shown == "en")


# Korean on purpose: what goes to KG, PortOne or into the books, and data that carry both languages side by side.
KOREAN_ON_PURPOSE = {
    "catalogue": "products, in both languages",
    "delivery_notes": "what the carrier of a parcel reads, whatever the buyer's language",
    "descriptions": "the texts of the product pages, in both languages",
    "charging": "a fail_reason, beside KG's own",
    "claims": "the name of a month's charge, for KG",
    "connection_advice": "the doctor's words, in both languages",
    "decision": "what PortOne's console reads about a cancel",
    "fake_history": "the names of made-up buyers",
    "visitor": "the name of a story's buyer",
    "fake_payments": "what made-up people and KG said",
    "flows": "names of lanes, in both languages",
    "kg_text": "the name of goods that KG cannot print",
    "orders": "the name of the goods, which goes to KG",
    "reconcile": "KG's words, to be recognised",
    "first_month": "what PortOne's console reads about a cancel",
    "purchases": "what PortOne's console reads about a cancel",
    "spreadsheet": "the words of dates, to be recognised",
    "texts": "what buyers read, in both languages",
    "report": "PortOne's words, to be recognised",
    "responses": "PortOne's words, to be recognised",
    "settings_advice": "the doctor's words, in both languages",
    "settings_checks": "the doctor's words, in both languages",
    "sweep": "a fail_reason, beside KG's own",
    "titles": "the name of the goods, to be recognised",
}


def untranslated(path: Path) -> list[str]:
    """Korean strings of a Python file that are neither docstrings nor inside `_()` or `_l()`."""
    tree = ast.parse(path.read_text())
    fine: set[int] = set()
    for node in ast.walk(tree):
        called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KEYWORDS
        alone = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if called or alone:
            fine |= {id(part) for part in ast.walk(node)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in fine
        if re.search("[가-힣]", node.value)
    ]


PYTHON_FILES = sorted(
    path for folder in ("payments", "shop") for path in (ROOT / folder).rglob("*.py") if "migrations" not in path.parts
)


@pytest.mark.parametrize("path", PYTHON_FILES, ids=lambda path: path.stem)
def test_python_says_nothing_in_korean_that_has_no_english(path: Path) -> None:
    if path.stem not in KOREAN_ON_PURPOSE:
        assert not untranslated(path)


def test_scripts_have_no_words_of_their_own() -> None:
    """What a script shows comes from the page, in the reader's language."""
    for path in (ROOT / "static").glob("*.js"):
        code = re.sub(r"/\*.*?\*/|//[^\n]*", "", path.read_text(), flags=re.DOTALL)
        assert not re.search("[가-힣]", code), path.name
        shown = re.findall(r"""(?:textContent|innerText|title|ariaLabel) = ["'`]([^"'`$]+)""", code)
        assert not [text for text in shown if re.search("[A-Za-z]{2}", text)], path.name
