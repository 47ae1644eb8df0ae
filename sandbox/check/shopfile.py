"""The file with which a shop describes itself, read strictly. `docs/check-file.md` is its reference."""

import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .patterns import Take, compiled, take_of
from .table import BadFile, Table

LARGEST_FILE = 200_000  # bytes
MOST_STEPS = 30
METHODS = ("get", "post", "put", "patch", "delete")
SECTIONS = ("login", "order", "again", "subscribe")
LONGEST_JOB_SECONDS = 900


@dataclass(frozen=True)
class Step:
    """One HTTP request of a buyer. Texts may hold `{names}`; `where` names the step in messages, such as `order[2]`."""

    where: str
    method: str
    path: str
    form: Mapping[str, Any] | None = None
    json: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    take: Mapping[str, Take] = field(default_factory=dict)
    status: int | None = None  # the status that the answer must have; None: any below 400
    request_pay: Mapping[str, Any] = field(default_factory=dict)
    quantity: str = ""  # the field of this request that holds the number of goods
    price: str = ""  # the field that holds a price, or in which an attacker would send one


@dataclass(frozen=True)
class Sign:
    """How the answer to a GET tells that something is so. All that is given must hold."""

    step: Step
    text: str = ""
    without: str = ""
    pattern: str = ""
    json: Mapping[str, Any] = field(default_factory=dict)
    public: bool = False  # anybody may see the page
    after: int = 0  # seconds until the shop has recorded what it was told


@dataclass(frozen=True)
class Job:
    """What cron runs for the shop: a command, an HTTP step, or what the shop does when its clock is moved with it."""

    command: tuple[str, ...] = ()
    step: Step | None = None
    with_clock: bool = False
    minutes: int = 10  # the sweep: how far the clock goes on before it runs
    seconds: int = 120  # how long it may run


@dataclass(frozen=True)
class Webhook:
    """The webhook's address where `request_pay` has no `notice_url`, and the JSON that only one answer may hold."""

    path: str = ""
    once: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ShopFile:
    """A shop as its file describes it. What is missing is empty or None, and its cases are not played."""

    folder: Path
    url: str
    name: str
    paid: Sign
    login: tuple[Step, ...] = ()
    order: tuple[Step, ...] = ()
    again: tuple[Step, ...] = ()
    subscribe: tuple[Step, ...] = ()
    callback: Step | None = None
    redirect: Step | None = None
    webhook: Webhook = field(default_factory=Webhook)
    charged: Sign | None = None
    monthly: Job | None = None
    sweep: Job | None = None
    refused_by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # case: "file function", for the lab's page


def read(path: Path, cases: tuple[str, ...]) -> ShopFile:
    """Read a shop's file. `cases` are the names that `refused_by` may use. Raises BadFile."""
    return _shop_of(Table(path.name, "", _toml(path)), path.resolve().parent, cases)


def address(url: str, where: str) -> str:
    """The address of a shop. Raises BadFile."""
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good:
        raise BadFile(where, "must be an address such as http://127.0.0.1:3000")
    return url


def _toml(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
        if len(content) > LARGEST_FILE:
            raise BadFile(path.name, "more than {most} bytes", most=LARGEST_FILE)
        return tomllib.loads(content.decode("utf-8-sig"))  # some editors begin with a byte order mark
    except OSError as error:
        raise BadFile(str(path), error.strerror or str(error)) from None
    except UnicodeDecodeError:
        raise BadFile(path.name, "not written in UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadFile(path.name, str(error) or "nested too deeply") from None


def _shop_of(file: Table, folder: Path, cases: tuple[str, ...]) -> ShopFile:
    shop = Table(file.file, "shop", file.take("shop", {}))
    url, name = address(shop.text("url").rstrip("/"), f"{file.file}: shop.url"), shop.text("name", "")
    shop.done()
    steps = {section: _steps(file, section) for section in SECTIONS}
    if not steps["order"]:
        raise file.bad("order", "is missing: the steps that end with the parameters of IMP.request_pay")
    paid = _sign(file, "paid")
    if paid is None:
        raise file.bad("paid", "is missing: how an answer tells that the order counts as paid")
    described = ShopFile(
        folder,
        url,
        name or urlsplit(url).netloc,
        paid,
        **steps,
        callback=_single(file, "callback"),
        redirect=_single(file, "redirect"),
        webhook=_webhook(file),
        charged=_sign(file, "charged"),
        monthly=_job(file, "monthly"),
        sweep=_job(file, "sweep"),
        refused_by=_refused_by(file, cases),
    )
    file.done()
    return described


def _steps(file: Table, section: str) -> tuple[Step, ...]:
    found = file.take(section, [])
    if not isinstance(found, list):
        raise file.bad(section, "must be steps: write [[{section}]]", section=section)
    if len(found) > MOST_STEPS:
        raise file.bad(section, "at most {most} steps", most=MOST_STEPS)
    steps = []
    for number, fields in enumerate(found, 1):
        table = Table(file.file, f"{section}[{number}]", fields)
        steps.append(_step(table, asks_more=section))
        table.done()
    return tuple(steps)


def _single(file: Table, section: str) -> Step | None:
    if section not in file:
        file.take(section)
        return None
    table = Table(file.file, section, file.take(section))
    step = _step(table)
    table.done()
    return step


def _step(table: Table, *, asks_more: str = "") -> Step:
    """A request. `asks_more`: the section whose steps may also hold `request_pay`, `quantity` and `price`."""
    methods = [method for method in METHODS if method in table]
    for method in METHODS:
        table.take(method)
    if len(methods) != 1:
        raise table.bad("", "needs exactly one of {known} with a path", known=", ".join(METHODS))
    path = table.text(methods[0])
    if not path.startswith(("/", "{")):
        raise table.bad(methods[0], "must be a path of the shop such as /orders, or a {{name}} that holds one")
    form, body = table.take("form"), table.take("json")
    if form is not None and body is not None:
        raise table.bad("form", "a request has a form or json, not both")
    if form is not None and not isinstance(form, Mapping):
        raise table.bad("form", "must be a table")
    if methods[0] == "get" and (form is not None or body is not None):
        raise table.bad("", "a get has neither form nor json")
    table.refuse_dates("json" if form is None else "form", {} if form is body is None else form or body)
    step = Step(
        table.where,
        methods[0].upper(),
        path,
        form,
        body,
        table.texts("headers"),
        _takes(table),
        table.number("status", 0, 100, 599) if "status" in table else table.take("status"),
        table.mapping("request_pay") if asks_more in ("order", "again", "subscribe") else {},
        table.text("quantity", "") if asks_more == "order" else "",
        table.text("price", "") if asks_more == "order" else "",
    )
    if (step.quantity or step.price) and form is None and not isinstance(body, Mapping):
        raise table.bad("quantity" if step.quantity else "price", "names a field of this step's form or json")
    return step


def _takes(table: Table) -> dict[str, Take]:
    takes = {}
    for name, written in table.texts("take").items():
        if not name.isidentifier() or name != name.lower() or not name.isascii():
            raise table.bad(f"take.{name}", "a name has small letters, digits and _")
        try:
            takes[name] = take_of(written)
        except ValueError as problem:
            raise table.bad(f"take.{name}", str(problem)) from None
    return takes


def _sign(file: Table, section: str) -> Sign | None:
    fields = file.take(section)
    if fields is None:
        return None
    table = Table(file.file, section, fields)
    path = table.text("get")
    if not path.startswith(("/", "{")):
        raise table.bad("get", "must be a path of the shop such as /orders/{{order}}, or a {{name}} that holds one")
    status = table.number("status", 200, 100, 599) if "status" in table else table.take("status")
    sign = Sign(
        Step(section, "GET", path, headers=table.texts("headers"), status=status),
        table.text("text", ""),
        table.text("without", ""),
        table.text("pattern", ""),
        table.mapping("json"),
        table.flag("public") if section == "paid" else False,
        table.number("after", 0, 0, 30),
    )
    table.done()
    if not (sign.text or sign.without or sign.pattern or sign.json or status):
        raise table.bad("", "needs at least one of text, without, pattern, json, status")
    try:
        compiled(sign.pattern)
    except ValueError as problem:
        raise table.bad("pattern", str(problem)) from None
    return sign


def _webhook(file: Table) -> Webhook:
    table = Table(file.file, "webhook", file.take("webhook", {}))
    path, once = table.text("post", ""), table.mapping("once")
    table.done()
    if path and not path.startswith("/"):
        raise table.bad("post", "must be a path of the shop such as /webhook")
    return Webhook(path, once)


def _job(file: Table, section: str) -> Job | None:
    fields = file.take(section)
    if fields is None:
        return None
    table = Table(file.file, section, fields)
    written, with_clock = table.text("run", ""), table.flag("with_clock")
    minutes = table.number("minutes", 10, 0, 10_000) if section == "sweep" else 10
    seconds = table.number("seconds", 120, 1, LONGEST_JOB_SECONDS)
    has_step = any(method in table for method in METHODS)
    if bool(written) + has_step + with_clock != 1:
        raise table.bad("", 'needs exactly one of run = "command", a step such as post = "/cron", with_clock = true')
    step = _step(table) if has_step else None
    table.done()
    try:
        return Job(tuple(shlex.split(written)), step, with_clock, minutes, seconds)
    except ValueError as error:
        raise table.bad("run", str(error)) from None


def _refused_by(file: Table, cases: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    table = Table(file.file, "refused_by", file.take("refused_by", {}))
    found: dict[str, tuple[str, ...]] = {}
    for case in cases:
        places = table.take(case, [])
        if not isinstance(places, list) or not all(isinstance(one, str) and " " in one for one in places):
            raise table.bad(case, 'must be a list such as ["payments/sync.py sync_payment"]')
        found[case] = tuple(places)
    table.done()
    return {case: places for case, places in found.items() if places}
