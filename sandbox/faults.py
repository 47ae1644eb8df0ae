"""What goes wrong on purpose? Rules in the database: where, what, how often, and with which chance.

The chance is drawn from the rule's seed and the number of the draw, so that a run can be repeated. `carried.py` carries
the rules out on the wire; `decline` is asked for by whoever plays KG.
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

# kind: the value it takes when none is given
KINDS: dict[str, Any] = {
    "latency": 1.0,  # seconds
    "status": 503,  # the HTTP status that answers instead of the work
    "broken_json": None,  # the work is done, half of the answer arrives
    "drop_before": None,  # the connection breaks, nothing was done
    "drop_after": None,  # the work is done, then the connection breaks
    "hang_after": 60.0,  # the work is done, then silence for so many seconds at most
    "decline": "0031",  # KG declines with this code
}
LONGEST_SECONDS = 120.0
LONGEST_PATH = 200
# What a `status` fault answers: V1's envelope at V1's addresses, or the page of a proxy in front of PortOne.
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


class Faults:
    """The rules of every process."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, body: Mapping[str, Any]) -> Fault:
        """A new rule. Raises BadField. Whether the path exists is for the caller to know."""
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
            None if count is None else fields.whole("count", count, 1, 10**9),
            fields.number("probability", body.get("probability", 1), 0, 1),
            fields.whole("seed", body.get("seed", 0), -(2**53), 2**53),
        )
        with self._database.writing() as books:
            added = books.execute(
                "INSERT INTO faults (path, fault, value, body, left_over, probability, seed)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                row,
            )
        return Fault(added.lastrowid or 0, path, kind, json.loads(row[2]), *row[3:])

    def clear(self) -> int:
        """Forget all rules; how many there were."""
        return self._database.change("DELETE FROM faults")

    def rules(self) -> list[Fault]:
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
            for row in self._database.all("SELECT * FROM faults ORDER BY id")
        ]

    def on_the_wire(self, path: str) -> list[Fault]:
        """What strikes this request, latency first; draws, and uses up what was counted."""
        rules = [rule for rule in self.rules() if rule.fault != "decline" and matches(rule.path, path)]
        struck = [rule for rule in rules if self._strikes(rule)]
        slow = [rule for rule in struck if rule.fault == "latency"]
        return slow[:1] + [rule for rule in struck if rule.fault != "latency"][:1]

    def decline(self, path: str) -> Refusal | None:
        """How KG refuses the charge, cancel or approval that `path` asks for; None when nothing was ordered."""
        for rule in self.rules():
            if rule.fault == "decline" and matches(rule.path, path) and self._strikes(rule):
                return refusal_of(rule.value)
        return None

    def _strikes(self, rule: Fault) -> bool:
        with self._database.writing(durable=False) as books:
            row = books.execute(
                "UPDATE faults SET draws = draws + 1 WHERE id = ? RETURNING draws", (rule.id,)
            ).fetchone()
            if row is None:  # used up or cleared meanwhile
                return False
            if random.Random(f"{rule.seed}:{row['draws']}").random() >= rule.probability:  # noqa: S311 - a game, no secret
                return False
            books.execute("UPDATE faults SET left_over = left_over - 1 WHERE id = ? AND left_over > 0", (rule.id,))
            books.execute("DELETE FROM faults WHERE id = ? AND left_over = 0", (rule.id,))
        return True


def matches(pattern: str, path: str) -> bool:
    """Whether a rule's path means this one; a slash at the end does not count."""
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
        return fields.whole("value", value, 400, 599)
    if kind == "decline":
        return fields.one_of("value", value, tuple(TEXTS))
    raise fields.BadField("value", f"{kind} takes no value")


def _body(kind: str, body: Any) -> str | None:
    if kind == "status":
        return "v1" if body is None else fields.one_of("body", body, BODIES)
    if body is not None:
        raise fields.BadField("body", f"{kind} takes no body")
    return None
