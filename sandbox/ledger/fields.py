"""Validation of request fields of the controls; errors name the field."""

from collections.abc import Mapping
from typing import Any


class BadField(Exception):
    """A field of the request is missing, unknown or of the wrong kind. The message says what is valid."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field = field


def refuse_unknown(body: Mapping[str, Any], known: set[str]) -> None:
    """Raises BadField for an unknown field, so that a typing error is not ignored silently."""
    for field in body:
        if field not in known:
            raise BadField(field, f"unknown field; known are {', '.join(sorted(known))}")


def one_of(field: str, value: Any, choices: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in choices:
        raise BadField(field, f"one of {', '.join(choices)}")
    return value


def boolean(field: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadField(field, "true or false")
    return value


def number(field: str, value: Any, low: float, high: float) -> float:
    """A number from `low` to `high`, inclusive."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise BadField(field, f"a number from {low} to {high}")
    return float(value)


def integer(field: str, value: Any, low: int, high: int) -> int:
    """An integer from `low` to `high`, inclusive."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise BadField(field, f"a whole number from {low} to {high}")
    return value


def text(field: str, value: Any, longest: int = 2000) -> str:
    if not isinstance(value, str) or len(value) > longest:
        raise BadField(field, f"a text of at most {longest} characters")
    return value
