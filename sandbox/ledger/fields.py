"""Is a control's field what it should be? If not, the answer names the field."""

from collections.abc import Mapping
from typing import Any


class BadField(Exception):
    """A field of the request is missing, unknown or of the wrong kind. `field` names it, the message says what fits."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field = field


def refuse_unknown(body: Mapping[str, Any], known: set[str]) -> None:
    """Raises BadField for a field that no control has: a slip of the pen must not pass for a setting."""
    for field in body:
        if field not in known:
            raise BadField(field, f"unknown field; known are {', '.join(sorted(known))}")


def one_of(field: str, value: Any, choices: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in choices:
        raise BadField(field, f"one of {', '.join(choices)}")
    return value


def truth(field: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadField(field, "true or false")
    return value


def number(field: str, value: Any, low: float, high: float) -> float:
    """A number from `low` to `high`, both included."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise BadField(field, f"a number from {low} to {high}")
    return float(value)


def whole(field: str, value: Any, low: int, high: int) -> int:
    """A whole number from `low` to `high`, both included."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise BadField(field, f"a whole number from {low} to {high}")
    return value


def text(field: str, value: Any, longest: int = 2000) -> str:
    if not isinstance(value, str) or len(value) > longest:
        raise BadField(field, f"a text of at most {longest} characters")
    return value
