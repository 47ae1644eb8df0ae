"""Strict reading of the tables of a shop's file: every mistake is one line that names the file and the field."""

from collections.abc import Mapping
from typing import Any

from .file_texts import KO


class BadFile(Exception):
    """The shop's file cannot be used. The message is one line for its author, `told` the same in a language.

    `problem` is the English text, in which `facts` are filled in; without facts it may be anybody's words.
    """

    def __init__(self, where: str, problem: str, **facts: object) -> None:
        self._where, self._problem, self._facts = where, problem, facts
        super().__init__(self.told("en"))

    def told(self, language: str) -> str:
        text = KO.get(self._problem, self._problem) if language == "ko" else self._problem
        is_ours = self._problem in KO
        return f"{self._where}: {text.format_map(self._facts) if is_ours else text}"


class Table:
    """One table of the file. Its fields are taken one by one; `done` refuses those that nobody asked for."""

    def __init__(self, file: str, where: str, fields: Any) -> None:
        self.file, self.where = file, where
        if not isinstance(fields, Mapping):
            raise self.bad("", "must be a table")
        self._fields = dict(fields)
        self._known: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def bad(self, name: str, problem: str, **facts: object) -> BadFile:
        """The error for a field of this table, or for the table itself."""
        field = ".".join(part for part in (self.where, name) if part)
        return BadFile(f"{self.file}: {field}" if field else self.file, problem, **facts)

    def take(self, name: str, default: Any = None) -> Any:
        """A field of any type."""
        self._known.add(name)
        return self._fields.get(name, default)

    def text(self, name: str, default: str | None = None) -> str:
        """A text that is not empty; required without a default."""
        found = self.take(name, default)
        if found is None:
            raise self.bad(name, "is missing")
        if not isinstance(found, str) or (name in self._fields and not found.strip()):
            raise self.bad(name, "must be a text")
        return found

    def flag(self, name: str) -> bool:
        found = self.take(name, False)
        if not isinstance(found, bool):
            raise self.bad(name, "must be true or false")
        return found

    def number(self, name: str, default: int, low: int, high: int) -> int:
        found = self.take(name, default)
        if isinstance(found, bool) or not isinstance(found, int) or not low <= found <= high:
            raise self.bad(name, "must be a whole number from {low} to {high}", low=low, high=high)
        return found

    def texts(self, name: str) -> dict[str, str]:
        """A table of texts; empty when it is missing."""
        found = self.take(name, {})
        if not isinstance(found, Mapping):
            raise self.bad(name, "must be a table")
        for key, value in found.items():
            if not isinstance(value, str):
                raise self.bad(f"{name}.{key}", "must be a text")
        return dict(found)

    def mapping(self, name: str) -> dict[str, Any]:
        """A table of anything that JSON can hold; empty when it is missing."""
        found = self.take(name, {})
        if not isinstance(found, Mapping):
            raise self.bad(name, "must be a table")
        self.refuse_dates(name, found)
        return dict(found)

    def refuse_dates(self, name: str, value: Any) -> None:
        """TOML has dates, which JSON and forms have not."""
        if isinstance(value, Mapping):
            for key, inner in value.items():
                self.refuse_dates(f"{name}.{key}", inner)
        elif isinstance(value, list):
            for inner in value:
                self.refuse_dates(name, inner)
        elif not isinstance(value, str | int | float | bool):
            raise self.bad(name, "a date must stand in quotation marks")

    def done(self) -> None:
        """Refuse fields that are not known, so that a typing error is not ignored."""
        for name in self._fields:
            if name not in self._known:
                raise self.bad(name, "unknown field; known here are {known}", known=", ".join(sorted(self._known)))
