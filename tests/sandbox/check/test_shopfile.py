"""A shop's file: what is wrong with it is one line that names the file and the field."""

import ast
import re
import signal
from pathlib import Path

import pytest

from sandbox.check import names, patterns, shopfile
from sandbox.check.cases import CASES
from sandbox.check.file_texts import KO
from sandbox.check.patterns import Answer, Take, fill, take_of
from sandbox.check.table import BadFile
from tests.sandbox.check.small_shop import DESCRIPTION

DOCS = Path(__file__).parents[3] / "docs"
CHECK = Path(shopfile.__file__).parent
BAD = ("bad", "BadFile")  # what makes an error
SMALLEST = """
[shop]
url = "http://127.0.0.1:3000"
[[order]]
post = "/buy"
json = {}
take = { request_pay = "json:request_pay", order = "json:order_id" }
[paid]
get = "/orders/{order}"
text = "paid"
"""


def read(folder: Path, text: str) -> shopfile.ShopFile:
    path = folder / "shop.toml"
    path.write_text(text)
    found = shopfile.read(path, tuple(CASES))
    names.check(path.name, found)
    return found


def test_the_smallest_file_and_the_documents_are_read(tmp_path: Path) -> None:
    shop = read(tmp_path, SMALLEST)
    assert (shop.url, shop.name, shop.folder) == ("http://127.0.0.1:3000", "127.0.0.1:3000", tmp_path)
    assert (shop.order[0].method, shop.order[0].take["order"]) == ("POST", Take("json", "order_id"))
    assert read(tmp_path, DESCRIPTION).order[0].quantity == "quantity"
    for page in ("check-file.md", "check-file.en.md"):
        for block in re.findall(r"```toml\n(.*?)```", (DOCS / page).read_text(), re.DOTALL):
            assert read(tmp_path, block).callback


def test_a_file_that_begins_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    assert read(tmp_path, f"\ufeff{SMALLEST}").name == "127.0.0.1:3000"


def test_what_is_wrong_is_said_in_korean_too(tmp_path: Path) -> None:
    with pytest.raises(BadFile) as raised:
        read(tmp_path, SMALLEST.replace("{order}", "{oder}"))
    assert raised.value.told("ko").startswith("shop.toml: paid.get: {oder}의 값이 여기에는 없습니다. 있는 것은 email")
    assert raised.value.told("en") == str(raised.value)
    with pytest.raises(BadFile) as raised:
        read(tmp_path, SMALLEST.replace("[shop]", "[shop]\nuser = '{x}'"))
    assert raised.value.told("ko") == "shop.toml: shop.user: 모르는 필드입니다. 여기서 쓰는 것은 name, url"


def test_every_text_of_a_mistake_has_its_korean() -> None:
    said = set()
    for path in CHECK.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in BAD:
                told = node.args[1]
                said |= {told.value} if isinstance(told, ast.Constant) else set()
    assert len(said) > 20
    assert said - KO.keys() == set()


# What is changed in the smallest file, or added to it, and what is said about it.
MISTAKES = [
    ("[shop]", "[shop", r"Expected ']'.*line 2"),
    ("[shop]", "[shoop]", r"shop\.url: is missing"),
    ('"http://127.0.0.1:3000"', '"127.0.0.1:3000"', r"shop\.url: must be an address"),
    ('"http://127.0.0.1:3000"', '"http://[::1"', r"shop\.url: must be an address"),
    ('"http://127.0.0.1:3000"', "3000", r"shop\.url: must be a text"),
    ("[[order]]", "[order]", r"order: must be steps: write \[\[order\]\]"),
    ("[[order]]", "[[ordered]]", r"order: is missing"),
    ("[paid]", "[payed]", r"paid: is missing"),
    ('post = "/buy"', 'psot = "/buy"', r"order\[1\]: needs exactly one of get, post"),
    ('post = "/buy"', 'post = "/buy"\nget = "/buy"', r"order\[1\]: needs exactly one of get, post"),
    ('post = "/buy"', 'post = "buy"', r"order\[1\]\.post: must be a path of the shop"),
    ("json = {}", "json = {}\nform = {}", r"order\[1\]\.form: a request has a form or json, not both"),
    ("json = {}", "form = 7", r"order\[1\]\.form: must be a table"),
    ("json = {}", "json = { day = 2027-01-31 }", r"order\[1\]\.json\.day: a date must stand in quotation marks"),
    ("json = {}", "json = { x = '{csrf}' }", r"order\[1\]\.json: \{csrf\} has no value here; known are email"),
    ("json = {}", "json = {}\nheader = {}", r"order\[1\]\.header: unknown field; known here are .*headers"),
    ("json = {}", "json = []\nprice = 'amount'", r"order\[1\]\.price: names a field of this step's form or json"),
    ("json = {}", "json = {}\nstatus = 20", r"order\[1\]\.status: must be a whole number from 100 to 599"),
    ('order = "json:order_id"', "order = '(unclosed'", r"order\[1\]\.take\.order: not a regular expression: miss"),
    ('order = "json:order_id"', "order = 'no group'", r"order\[1\]\.take\.order: needs exactly one group"),
    ('order = "json:order_id"', "order = '(two)(groups)'", r"order\[1\]\.take\.order: needs exactly one group"),
    ('order = "json:order_id"', f"order = '({'x' * 500})'", r"order\[1\]\.take\.order: a pattern has at most 500"),
    ('order = "json:order_id"', "order = 'json:'", r"order\[1\]\.take\.order: something must follow json:"),
    ('order = "json:order_id"', "Order = 'json:id'", r"order\[1\]\.take\.Order: a name has small letters"),
    ('request_pay = "json:request_pay", ', "", r"order: no step takes request_pay"),
    ('text = "paid"', "", r"paid: needs at least one of text"),
    ('text = "paid"', "text = ''", r"paid\.text: must be a text"),
    ('text = "paid"', "pattern = '['", r"paid\.pattern: not a regular expression"),
    ('text = "paid"', "text = 'paid'\nafter = 99", r"paid\.after: must be a whole number from 0 to 30"),
    ('text = "paid"', "text = 'paid'\npublic = 'yes'", r"paid\.public: must be true or false"),
    ("{order}", "{ordr}", r"paid\.get: \{ordr\} has no value here"),
    ("", "[callback]\npost = '/c'\njson = { id = '{imp_id}' }", r"callback\.json: \{imp_id\} has no value here"),
    ("", "[callback]", r"callback: needs exactly one of get, post"),
    ("", "[monthly]", r"monthly: needs exactly one of run"),
    ("", "[monthly]\nrun = 'x'\nwith_clock = true", r"monthly: needs exactly one of run"),
    ("", "[sweep]\nrun = \"'unclosed\"", r"sweep\.run: No closing quotation"),
    ("", "[sweep]\nrun = 'x {day}'", r"sweep\.run: \{day\} has no value here; known are date"),
    ("", "[sweep]\nrun = 'x'\nseconds = 0", r"sweep\.seconds: must be a whole number from 1 to 900"),
    ("", "[webhook]\npost = 'hook'", r"webhook\.post: must be a path"),
    ("", "[refused_by]\nno-such-case = ['a b']", r"refused_by\.no-such-case: unknown field"),
    ("", "[refused_by]\ndeclined = 'a b'", r"refused_by\.declined: must be a list"),
    ("", "[[again]]\nget = '/again'", r"again: no step takes request_pay"),
    ("", "[[subscribe]]\nget = '/plan'\ntake = { request_pay = 'json:x' }\n[charged]\nget = '/{order}'\nstatus = 200",
     r"charged\.get: \{order\} has no value here"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(0, len(MISTAKES), 15))
def test_a_mistake_is_one_line_that_names_the_file_and_the_field(number: int, tmp_path: Path) -> None:
    for old, new, told in MISTAKES[number : number + 15]:
        assert old in SMALLEST
        with pytest.raises(BadFile) as raised:
            read(tmp_path, SMALLEST.replace(old, new, 1) if old else f"{SMALLEST}{new}\n")
        line = str(raised.value)
        assert "\n" not in line
        assert re.match(rf"shop\.toml: {told}", line), (line, told)


def test_a_file_that_is_no_text_or_too_large_or_not_there_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "shop.toml"
    for content, told in ((b"\xb0\xa1", "UTF-8"), (b"#" * 200_001, "more than"), (b"a=" + b"[" * 5000, "shop.toml")):
        path.write_bytes(content)
        with pytest.raises(BadFile, match=told):
            shopfile.read(path, ())
    with pytest.raises(BadFile, match="No such file"):
        shopfile.read(tmp_path / "none.toml", ())


def test_values_are_taken_from_text_json_address_cookie_and_header() -> None:
    html = Answer(
        200, "http://shop/orders/7?x=1", {"Content-Type": "text/html", "X-Id": "9"}, 'value="a&amp;b" id="12"'
    )
    for written, found in {
        'value="([^"]+)"': "a&b",
        'int:id="(\\d+)"': 12,
        "url:/orders/(\\d+)": "7",
        "cookie:csrf": "token",
        "header:X-Id": "9",
        "json:a": None,
        "no(ne)": None,
    }.items():
        assert take_of(written).find(html, {"csrf": "token"}) == found, written
    told = Answer(200, "http://shop/", {"Content-Type": "application/json"}, '{"a": [{"b": 3}, {"b": "&amp;"}]}')
    assert [take_of(path).find(told, {}) for path in ("json:a.0.b", "json:a.1.b", "json:a.2.b", "json:a.b")] == [
        3, "&amp;", None, None,
    ]  # fmt: skip


def test_a_name_alone_keeps_its_type_and_a_quantifier_is_no_name() -> None:
    values = {"amount": 4500, "ok": True, "name": "커피"}
    assert fill({"a": ["{amount}", "{name} {amount}원"], "b": "{ok}"}, values) == {
        "a": [4500, "커피 4500원"], "b": True,
    }  # fmt: skip
    assert fill(r"\d{4}-{amount}", values) == r"\d{4}-4500"


def test_a_pattern_that_does_not_end_is_ended_and_other_alarms_are_kept() -> None:
    handler, left = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)[0]
    try:
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        signal.setitimer(signal.ITIMER_REAL, 3600)
        with pytest.raises(patterns.TookTooLong), patterns.bounded(0.1):
            re.search("(a+)+$", "a" * 60 + "b")
        assert signal.getsignal(signal.SIGALRM) == signal.SIG_IGN
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 3000
    finally:
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, left)
