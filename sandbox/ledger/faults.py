"""Fault rules in the database: where, what, how often, and with which probability.

The draw depends on the rule's seed and the number of draws, so a run can be repeated. `controls/middleware.py` applies
the rules to HTTP responses; the simulated KG calls `decline`.
"""

import json
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import fields
from .database import Database
from .kg import TEXTS, Refusal, refusal_of

# kind: its default value
KINDS: dict[str, Any] = {
    "latency": 1.0,  # seconds
    "status": 503,  # the HTTP status; the request is not processed
    "broken_json": None,  # processed; half of the response arrives
    "drop_before": None,  # the connection drops before processing
    "drop_after": None,  # processed; then the connection drops
    "hang_after": 60.0,  # processed; no response for up to so many seconds
    "decline": "0031",  # KG declines with this code
}
LONGEST_SECONDS = 120.0
LONGEST_PATH = 200
MARKER = "X-Sandbox-Fault"  # header of a response that must not reach its caller: drop | hang
# Body of a `status` fault: V1's envelope at V1's paths, or HTML as a proxy in front of PortOne would send.
BODIES = ("v1", "html")
FIELDS = {"path", "fault", "value", "body", "count", "probability", "seed"}


@dataclass(frozen=True)
class Fault:
    """One rule. `path` is relative to the sandbox; `*` stands for anything, `{name}` for one segment."""

    id: int
    path: str
    fault: str
    value: Any
    body: str | None  # one of BODIES for `status`, else null
    count: int | None
    probability: float
    seed: int


def add(database: Database, body: Mapping[str, Any]) -> Fault:
    """Add a rule. Raises BadField. The caller checks that the path exists."""
    fields.refuse_unknown(body, FIELDS)
    path = fields.text("path", body.get("path"), LONGEST_PATH)
    if not path.startswith(("/", "*")):
        raise fields.BadField("path", "a path such as /subscribe/payments/again, or * for all")
    if "*{" in path:
        raise fields.BadField("path", "a / between * and {name}: either could stand for the same characters")
    kind = fields.one_of("fault", body.get("fault"), tuple(KINDS))
    count = body.get("count")
    row = (
        path,
        kind,
        json.dumps(_value(kind, body.get("value"))),
        _body(kind, body.get("body")),
        None if count is None else fields.integer("count", count, 1, 10**9),
        fields.number("probability", body.get("probability", 1), 0, 1),
        fields.integer("seed", body.get("seed", 0), -(2**53), 2**53),
    )
    with database.writing() as connection:
        added = connection.execute(
            "INSERT INTO faults (path, fault, value, body, left_over, probability, seed) VALUES (?, ?, ?, ?, ?, ?, ?)",
            row,
        )
    return Fault(added.lastrowid or 0, path, kind, json.loads(row[2]), *row[3:])


def clear(database: Database, fault_id: int | None = None) -> int:
    """Delete this rule, or all; how many there were."""
    if fault_id is not None:
        return database.change("DELETE FROM faults WHERE id = ?", fault_id)
    return database.change("DELETE FROM faults")


def rules(database: Database) -> list[Fault]:
    return [
        Fault(
            row["id"],
            row["path"],
            row["fault"],
            json.loads(row["value"]),
            row["body"],
            row["left_over"],
            row["probability"],
            row["seed"],
        )
        for row in database.all("SELECT * FROM faults ORDER BY id")
    ]


def http_faults(database: Database, path: str) -> list[Fault]:
    """The faults that hit this request, latency first. Draws, and decrements the counts."""
    matching = [rule for rule in rules(database) if rule.fault != "decline" and matches(rule.path, path)]
    hits = [rule for rule in matching if _draw(database, rule)]
    slow = [rule for rule in hits if rule.fault == "latency"]
    return slow[:1] + [rule for rule in hits if rule.fault != "latency"][:1]


def decline(database: Database, path: str) -> Refusal | None:
    """The KG refusal that a rule injects for this charge, cancel or approval; None when there is no rule."""
    for rule in rules(database):
        if rule.fault == "decline" and matches(rule.path, path) and _draw(database, rule):
            return refusal_of(rule.value)
    return None


def _draw(database: Database, rule: Fault) -> bool:
    with database.writing(durable=False) as connection:
        draw = connection.execute("UPDATE faults SET draws = draws + 1 WHERE id = ? RETURNING draws", (rule.id,))
        row = draw.fetchone()
        if row is None:  # used up or cleared meanwhile
            return False
        if random.Random(f"{rule.seed}:{row['draws']}").random() >= rule.probability:  # noqa: S311 - not a secret
            return False
        connection.execute("UPDATE faults SET left_over = left_over - 1 WHERE id = ? AND left_over > 0", (rule.id,))
        connection.execute("DELETE FROM faults WHERE id = ? AND left_over = 0", (rule.id,))
    return True


def matches(pattern: str, path: str) -> bool:
    """Whether a rule's path pattern matches this path; a trailing slash is ignored."""
    first, *others = map(_regex_of, (pattern.rstrip("/") or "/").split("*"))
    # What stands between two stars is looked for once, where it comes first (an atomic group): many stars cost no more.
    between = "".join(f"(?>.*?{part})" for part in others[:-1])
    regex = f"{first}{between}.*{others[-1]}" if others else first
    return re.fullmatch(regex, path.rstrip("/") or "/", re.DOTALL) is not None


def _regex_of(part: str) -> str:
    """The regular expression of a part of a rule's path without a star."""
    pieces = re.split(r"(\{\w+\})", part)
    return "".join("[^/]++" if piece[:1] == "{" else re.escape(piece) for piece in pieces)


def _value(kind: str, value: Any) -> Any:
    if value is None:
        return KINDS[kind]
    if kind in ("latency", "hang_after"):
        return fields.number("value", value, 0, LONGEST_SECONDS)
    if kind == "status":
        return fields.integer("value", value, 400, 599)
    if kind == "decline":
        return fields.one_of("value", value, tuple(TEXTS))
    raise fields.BadField("value", f"{kind} takes no value")


def _body(kind: str, body: Any) -> str | None:
    if kind == "status":
        return "v1" if body is None else fields.one_of("body", body, BODIES)
    if body is not None:
        raise fields.BadField("body", f"{kind} takes no body")
    return None
