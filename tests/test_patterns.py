"""Every regular expression that meets outside text is linear, and lengths are checked before patterns.

`OUTSIDE` lists the patterns that meet what a visitor, PortOne or a log line brings; `OURS` lists the others, with the
reason. A pattern of the code that is in neither list fails the first test.
"""

import ast
import logging
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from payments import privacy
from payments.portone import error_codes, responses
from sandbox import create_sandbox
from sandbox.api import envelope
from sandbox.check import patterns, shopfile
from sandbox.check.cases import CASES
from sandbox.ledger import faults
from shop.backoffice import filters, spreadsheet
from shop.operations import logs
from shop.operations.doctor import settings_checks
from shop.operations.logs import LineFormatter, Redactor
from shop.orders import buyer_input
from shop.web import reasons
from tests.conftest import csrf_of, sign_in

ROOT = Path(__file__).parents[1]
SOURCES = sorted(
    [
        ROOT / "app.py",
        *(ROOT / "payments").rglob("*.py"),
        *(ROOT / "shop").rglob("*.py"),
        *(ROOT / "sandbox").rglob("*.py"),
    ]
)
CALLS = {"compile", "match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer"}

MOST_CPU_SECONDS = 0.05  # for one pattern and its longest accepted text
MOST_CPU_SECONDS_OF_A_REQUEST = 1.0
SHORTEST_TRIED = 64_000  # tried with every pattern, even where less is accepted: what is not linear takes far too long
LARGEST_BODY = 900_000  # just below the limit of app.py
SECRETS = ("0f7c1d2e3a4b5c6d7e8f0f7c1d2e3a4b5c6d7e8f", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab")

Hostile = tuple[str, str, str]  # how a text begins, what it repeats, and how it ends


@dataclass(frozen=True)
class Pattern:
    """One pattern of the code, as it is written there, and how it is used."""

    file: str
    written: str
    use: Callable[[str], object]
    accepted: int  # characters
    hostile: tuple[Hostile, ...]


def used(file: str, written: str, method: str, accepted: int, *hostile: Hostile) -> Pattern:
    pattern = re.compile(written, re.ASCII if file in ASCII else 0)
    given = ("x",) if method == "sub" else ()
    return Pattern(file, written, lambda text: getattr(pattern, method)(*given, text), accepted, hostile)


ASCII = {"shop/backoffice/listing.py"}
REDACT = Redactor(SECRETS)
LINE, SEARCH, PATH = 2 * logs.LONGEST_END, filters.LONGEST_SEARCH, 65_536

OUTSIDE = (
    # what PortOne sends
    used(
        "payments/portone/responses.py", r"[0-9]+(\.0+)?", "fullmatch", responses.LONGEST_NUMBER,
        ("", "1", "x"), ("1.", "0", "x"),
    ),
    # what visitors type
    used(
        "shop/orders/buyer_input.py", buyer_input.EMAIL, "fullmatch", buyer_input.LONGEST_EMAIL,
        ("a@", ".", " x"), ("a@", "a.", " "), ("", "a", " "), ("a@", "a", " "), ("", "@", " "), ("", "a@.", " "),
    ),
    used(
        "shop/orders/buyer_input.py", buyer_input.AS_WRITTEN.pattern, "fullmatch", buyer_input.LONGEST_TEL,
        ("", "0", "x"), ("050", "1", "x"), ("1", "2", "x"),
    ),
    # what staff looks for
    used(
        "shop/backoffice/listing.py", r"#?\s*(\d{1,9})", "fullmatch", SEARCH,
        ("#", " ", "x"), ("", " ", ""), ("", "1", "x"),
    ),
    used(
        "shop/backoffice/listing.py",
        r"\d{6}-[\da-f]+|sub-[\da-f]+-\d{6}-\d+|key-[\da-f]+|imps?_\d+", "fullmatch", SEARCH,
        ("123456-", "a", "x"), ("sub-", "1", "x"), ("sub-a-123456-", "1", "x"), ("", "sub-1-123456-", ""),
    ),
    used("shop/backoffice/listing.py", r"\d{4}", "fullmatch", SEARCH, ("", "1", "x")),
    used(
        "shop/backoffice/listing.py", r"^sub-(\w+)-\d{6}-\d+$", "sub", SEARCH,
        ("sub-", "a", "x"), ("sub-a-123456-", "1", "x"), ("", "sub-a-123456-1", "-"), ("sub-", "a-123456-1", "x"),
    ),
    # what PortOne, KG and webhooks say
    Pattern(
        "payments/portone/error_codes.py", r"[\W_]", error_codes._bare, error_codes.LONGEST_REASON,
        (("", "!", ""), ("", "a_", ""), ("", "가 ", "")),
    ),
    used(
        "payments/portone/error_codes.py", r"\s*\[(\w+)\]", "match", error_codes.LONGEST_REASON,
        ("", " ", "x"), ("[", "a", "x"),
    ),
    *(
        Pattern(
            "shop/web/reasons.py", "re.escape(told).replace('\\\\{\\\\}', '(.+?)') + '$'", found.match, 300,
            tuple(
                (told.partition("{}")[0], repeated, end)
                for repeated in ("x", "\n", *(part for part in told.split("{}") if part))
                for end in ("\n", "x")
            ),
        )
        for (found, _), (told, _) in zip(reasons._PATTERNS, reasons.WITH_MORE, strict=True)
    ),
    used(
        "shop/backoffice/titles.py", r"(.+) 외 (\d+)건", "fullmatch", 40,
        ("가", " 외 1", ""), ("가 외 ", "1", ""), ("가", " 외 1건", "x"),
    ),
    *(
        Pattern(
            "shop/backoffice/spreadsheet.py", pattern, lambda text: [spreadsheet.cell(text)], LINE,
            (("", "1", ""), ("", "1a", ""), ("", " ", "x"), ("", "may", "1")),
        )
        for pattern in (r"\d", r"[\d\s.,:/%+()₩￦$-]+")
    ),
    used("shop/backoffice/titles.py", r"(.+) (\d{1,2})월", "fullmatch", 40, ("가", " 1", ""), ("가", " 11월", "x")),
    # phone numbers and addresses in what is kept or shown
    Pattern(
        "payments/privacy.py", "_NUMBER", privacy.mask_text, privacy.LONGEST_TEXT,
        (
            ("", "0", ""), ("", "010", ""), ("", "010-1234-123 ", ""), ("", "010-1234-5678 ", ""), ("", "+82 010 ", ""),
            ("", "01012345678", ""), ("", "82   0   ", ""), ("", "8", ""), ("", "0082", ""), ("", "0１０", ""),
            ("", "010   1234   123", ""),
        ),
    ),
    Pattern(
        "payments/privacy.py", privacy._JSON_ESCAPE.pattern, privacy.mask_text, LINE,
        (
            *(("", one, end) for end in ("", "1234") for one in (
                "%", "%3", "%25", "%31", "%31x", "%2531x", "%252531x", "%25%25a", "%C3%A9x", "%30%31%30%31%32%33",
            )),
            ("", "\\", ""), ("", "\\", "u0031"), ("", "\\u", "1234"), ("", "\\u0031", ""), ("", "\\u0031x", ""),
            ("", "\\\\u003", "1"), ("", "\\n1", ""), ("", "\\u0025", "31"), ("%", "25", "31"),
            ("", "%30%31%30-1234-5678 ", ""), ("", "%2530%2531%2530-1234-5678 ", ""),
        ),
    ),
    Pattern(
        "payments/privacy.py", privacy._EMAIL.pattern, privacy.mask_emails, LINE,
        (
            ("", "a", "@"), ("", "a", "@a"), ("", "a@", ""), ("", "a@a.", "1"), ("a@", "a.", "1"), ("", "a ", "@"),
            ("", "a.b@c.de ", ""), ("a@", "a", "@"), ("", "a@b.c1", ""), ("", "a@b.co1", ""), ("", "-", "@"),
            ("", "a%40b.co ", ""), ("", "a%2540b.co ", ""), ("", "\\u0040", ""), ("", "%3", "1234"),
        ),
    ),
    Pattern("payments/privacy.py", r"\d", privacy.mask_account, privacy.LONGEST_TEXT, (("", "1-", ""), ("", "가", ""))),
    Pattern("payments/privacy.py", r"\D", privacy.mask_phone, privacy.LONGEST_TEXT, (("", "-", ""), ("", "1-", ""))),
    # log lines
    Pattern(
        "shop/operations/logs.py", logs._NAMED_SECRET.pattern, REDACT, LINE,
        (
            ("password", " ", ""), ("", "password ", ""), ("password =", " ", ""), ("", "session", ""),
            ("token='", "x", "'"), ("", "token=", ""), ("", "authorization: ", ""), ("", "cookie:'", ""),
        ),
    ),
    Pattern("shop/operations/logs.py", logs._WORLD_SECRET.pattern, REDACT, LINE, (("dw_", "a", ""), ("", "dw_", ""))),
    Pattern("shop/operations/logs.py", logs._BEARER.pattern, REDACT, LINE, (("bearer", " ", ""), ("", "bearer ", ""))),
    Pattern(
        "shop/operations/logs.py", logs._URL_PASSWORD.pattern, REDACT, LINE,
        (("", "a://a:", ""), ("a://a:", "x", ""), ("a://", ":", ""), ("", "a://", ""), ("a://a:", "x:", "")),
    ),
    Pattern(
        "shop/operations/logs.py", "'|'.join(known) or '(?!)'", REDACT, LINE,
        (("", SECRETS[0][:-1], ""), ("", "a", ""), ("", SECRETS[0] + SECRETS[1], "")),
    ),
    # what the sandbox is asked
    Pattern(
        "sandbox/api/envelope.py", r"^[^\[\]]+|\[[^\[\]]*\]", lambda text: envelope.nested([(text, "1")]), 500_000,
        (("", "[", ""), ("a", "[]", ""), ("a", "[a]", ""), ("", "[a", ""), ("a[", "a", ""), ("", "]", "")),
    ),
    *(
        Pattern("sandbox/ledger/faults.py", "regex", lambda text, rule=rule: faults.matches(rule, text), PATH, hostile)
        for rule, hostile in (
            ("/" + "*a" * 99 + "b", (("/", "a", ""), ("/", "ab", "c"))),
            ("/" + "*/{x}/a" * 28 + "b", (("/", "/x/a", ""), ("/", "x", ""), ("/", "/", ""))),
            ("/{x}/{y}/{z}", (("/", "x", ""), ("/", "/x", ""), ("/", "x/", "x"))),
            ("*" + "/{x}" * 48 + "b", (("/", "x/", "a"), ("/", "x", ""))),
            ("*", (("/", "x", ""),)),
        )
    ),
    used(
        "sandbox/window/views.py", r"1\.[0-2]\.\d(-\d{8})?", "fullmatch", PATH,
        ("1.0.0-", "1", ""), ("1.0.0", "-1", ""),
    ),
)  # fmt: skip

A_SETTING = "only settings reach it, at the start"
OURS = {
    ("shop/config.py", r"off|[1-9]\d* per ([1-9]\d* )?(second|minute|hour|day)s?"): A_SETTING,
    ("shop/config.py", r"mobilians(_v2)?(\.\w+)?"): A_SETTING,
    ("shop/config.py", r"mobilians\.\w+|mobilians_v2(\.\w+)?"): A_SETTING,
    ("shop/config.py", r"https?://[^/?#@\s]*[^/?#@\s:]"): A_SETTING,
    ("shop/config.py", r"(https://)?(\*\.)?[a-z0-9.-]+(:\d+)?"): A_SETTING,
    ("shop/config.py", r"(memory|rediss?)://"): A_SETTING,
    ("shop/config.py", r"(rediss?|sentinel|amqps?)://"): A_SETTING,
    ("shop/config.py", r"^postgres(ql)?://"): A_SETTING,
    ("shop/mail_url.py", r"[\w.+-]+@[\w.-]+"): A_SETTING,
    ("shop/operations/doctor/settings_checks.py", settings_checks.OURS.pattern): A_SETTING,
    ("shop/operations/doctor/settings_checks.py", r"imp\d{8}"): A_SETTING,
    ("sandbox/ledger/faults.py", r"(\{\w+\})"): "a rule's path, at most 200 characters when it was stored",
    ("sandbox/controls/controls.py", r"\*|\{\w+\}"): "a rule's path, at most 200 characters",
    ("sandbox/controls/controls.py", r"<[^>]+>"): "the sandbox's own addresses",
    ("sandbox/check/patterns.py", r"\{([a-z_][a-z0-9_]*)\}"): "the file of whoever runs the check",
    ("sandbox/check/patterns.py", "pattern"): "that file's own, ended after two seconds; this shop's are tried below",
}  # fmt: skip


def written_in(path: Path) -> Iterator[tuple[str, str]]:
    """The patterns of a file: their text, or the expression that makes it."""
    tree = ast.parse(path.read_text())
    named = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            named |= {target.id: node.value.value for target in node.targets if isinstance(target, ast.Name)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _takes_a_pattern(node.func):
            first = node.args[0]
            written = first.value if isinstance(first, ast.Constant) else ast.unparse(first)
            yield str(path.relative_to(ROOT)), named.get(written, written)


def _takes_a_pattern(function: ast.expr) -> bool:
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        return function.value.id == "re" and function.attr in CALLS
    return isinstance(function, ast.Name) and function.id == "Regexp"


def test_every_pattern_of_the_code_is_listed_here() -> None:
    listed = {(one.file, one.written) for one in OUTSIDE} | OURS.keys()
    assert {found for path in SOURCES for found in written_in(path)} == listed


def test_patterns_come_from_re_under_its_own_name_so_that_none_is_overlooked() -> None:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert node.module not in ("re", "regex", "fnmatch"), path
            for alias in node.names if isinstance(node, ast.Import) else ():
                assert alias.name not in ("regex", "fnmatch"), path
                assert alias.name != "re" or alias.asname is None, path


def grown(hostile: Hostile, length: int) -> str:
    begins, repeated, ends = hostile
    middle = length - len(begins) - len(ends)
    return begins + (repeated * (middle // len(repeated) + 1))[:middle] + ends


def cpu_seconds(act: Callable[[], object]) -> float:
    """The least of three runs: what the machine does besides is not the pattern's."""
    spent = []
    for _ in range(3):
        began = time.thread_time()
        act()
        spent.append(time.thread_time() - began)
        if spent[-1] < MOST_CPU_SECONDS or spent[-1] > 1:
            break
    return min(spent)


@pytest.mark.parametrize("one", OUTSIDE, ids=lambda one: f"{one.file} {one.written[:30]}")
def test_a_pattern_reads_its_longest_hostile_text_in_time(one: Pattern) -> None:
    for hostile in one.hostile:
        text = grown(hostile, max(one.accepted, SHORTEST_TRIED))
        spent = cpu_seconds(lambda text=text: one.use(text))  # type: ignore[misc]
        assert spent < MOST_CPU_SECONDS, (hostile, spent)


# --- the patterns of this shop's description, which the attack lab runs on the shop's pages ---

DESCRIBED = shopfile.read(ROOT / "shop" / "demo" / "check.toml", tuple(CASES))
TAKEN = {
    take.what: "".join(part for part in re.split(r"[\[(*].*", take.what)[0])
    for steps in (DESCRIBED.login, DESCRIBED.order, DESCRIBED.again, DESCRIBED.subscribe)
    for step in steps
    for take in step.take.values()
    if take.kind in ("text", "int", "url")
}


@pytest.mark.parametrize("written", TAKEN)
def test_a_pattern_of_the_lab_reads_the_longest_hostile_page_in_time(written: str) -> None:
    begins = TAKEN[written]
    for hostile in (("", begins, ""), (begins, "1", "x"), (begins, " ", "x"), (begins, "a", "")):
        text = grown(hostile, patterns.LONGEST_TEXT)
        assert cpu_seconds(lambda text=text: patterns.fits(written, text)) < MOST_CPU_SECONDS, hostile  # type: ignore[misc]


# --- what is too long meets no pattern --------------------------------------------------------------------------------


@pytest.mark.sqlite_only
@pytest.mark.parametrize("path", ["/login", "/signup"])
def test_an_email_of_64000_characters_is_refused_without_freezing_the_process(client: FlaskClient, path: str) -> None:
    headers = csrf_of(client)
    form = {"email": "a@" + "." * 64_000 + " x", "password": "long-enough"}
    answers: list[Any] = []
    spent = cpu_seconds(lambda: answers.append(client.post(path, data=form, headers=headers)))
    assert answers[-1].status_code == 400
    assert spent < MOST_CPU_SECONDS_OF_A_REQUEST


HOSTILE_BODIES: dict[str, dict[str, Any]] = {
    "/payment/webhook": {
        "imp_uid": "imp_1",
        "merchant_uid": "m-1",
        "error_msg": "010-1234-123 " * (LARGEST_BODY // 13),
    },
    "/payment/complete": {"imp_uid": "imp_1", "error_msg": "[" + "_" * LARGEST_BODY},
    "/checkout": {
        "kind": "once",
        "buyer_tel": "-1" * (LARGEST_BODY // 4),
        "buyer_name": "\u0301\u0323" * (LARGEST_BODY // 24),  # normalising so many marks takes hours
    },
}


@pytest.mark.sqlite_only
@pytest.mark.parametrize("path", HOSTILE_BODIES)
def test_the_largest_body_is_answered_in_time(client: FlaskClient, provider: object, path: str) -> None:
    sign_in(client)
    headers, body = csrf_of(client), HOSTILE_BODIES[path]
    spent = cpu_seconds(lambda: client.post(path, json=body, headers=headers))
    assert spent < MOST_CPU_SECONDS_OF_A_REQUEST


def test_a_log_line_is_cut_before_it_is_redacted_and_no_half_secret_stands_at_the_cut() -> None:
    message = "\n".join(f"{number} {SECRETS[0]}" for number in range(100_000))
    record = logging.LogRecord("shop", logging.ERROR, "", 0, message, (), None)
    formatter = LineFormatter(REDACT, as_json=True)
    spent = cpu_seconds(lambda: formatter.format(record))
    line = formatter.format(record)
    assert len(line) < 3 * logs.LONGEST_END
    assert "99999" in line, "the end is there: a traceback's last line says what happened"
    assert not [part for part in re.findall(r"[0-9a-f]{4,}", line) if part in SECRETS[0] and not part.isdigit()]
    assert spent < MOST_CPU_SECONDS_OF_A_REQUEST


def test_a_rule_longer_than_its_field_is_refused_before_it_becomes_a_pattern(tmp_path: Path) -> None:
    sandbox = create_sandbox(tmp_path / "sandbox.sqlite3", start_worker=False)
    client = sandbox.test_client()
    answers: list[Any] = []
    rule = {"path": "/payments/" + "*a" * 100_000, "fault": "status"}
    spent = cpu_seconds(lambda: answers.append(client.post("/controls/faults", json=rule)))
    sandbox.extensions["sandbox"].close()
    assert (answers[-1].status_code, answers[-1].json["field"]) == (400, "path")
    assert spent < MOST_CPU_SECONDS_OF_A_REQUEST
