"""V1's envelope `{code, message, response}`, and reading parameters from JSON and form bodies."""

import json
import re
from collections.abc import Sequence
from typing import Any

from flask import Response, request
from flask.json.provider import DefaultJSONProvider

from ..ledger.lookups import Page
from ..ledger.refusals import ApiRefused, bad_field

JSON_TYPE = "application/json; charset=UTF-8"  # as observed
LARGEST_NUMBER = 10**12
LONGEST_NAME = 200  # a longer name of a form field is no parameter of V1 and is not taken apart
DEEPEST = 5  # nesting levels in form field names; V1 needs two


def success(response: Any, status: int = 200) -> Response:
    """Code 0 with `response` serialized."""
    return success_text(json.dumps(response, sort_keys=True, separators=(",", ":")), status)


def success_text(text: str, status: int = 200) -> Response:
    """Code 0 with a response that is JSON text already."""
    return Response(f'{{"code":0,"message":null,"response":{text}}}', status, content_type=JSON_TYPE)


def success_list(texts: Sequence[str], status: int = 200) -> Response:
    return success_text(f"[{','.join(texts)}]", status)


def success_page(page: Page) -> Response:
    """V1's paged list; `next` and `previous` are page numbers, or 0."""
    listed = ",".join(page.texts)
    return success_text(f'{{"list":[{listed}],"next":{page.next},"previous":{page.previous},"total":{page.total}}}')


def refusal(refused: ApiRefused) -> Response:
    text = json.dumps({"code": refused.code, "message": refused.message, "response": None})
    return Response(text, refused.status, content_type=JSON_TYPE)


# --- requests ---


class StrictJSON(DefaultJSONProvider):
    """Rejects JSON that cannot be serialized again: lone surrogates, nesting beyond the recursion limit."""

    ensure_ascii = False  # for the controls; V1 responses are built above, with \uXXXX as observed

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Parse; ValueError for invalid or rejected JSON."""
        try:
            value = json.loads(s, **kwargs)
            json.dumps(value, ensure_ascii=False).encode()
        except RecursionError:
            raise ValueError("nested too deeply") from None
        return value


def body_params() -> dict[str, Any]:
    """Parameters of the body: V1 accepts JSON and forms everywhere, with `a[0][b]` for lists and objects in forms."""
    if request.mimetype == "application/x-www-form-urlencoded" or request.mimetype == "multipart/form-data":
        return nested(list(request.form.items(multi=True)))
    body = request.get_json(force=True, silent=True)
    return body if isinstance(body, dict) else {}


def nested(pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Parse `a[0][b]=1`, `a[]=2` and repeated names as PHP does, blanks before a name left out."""
    tree: dict[str, Any] = {}
    for name, value in pairs:
        name = name.lstrip()  # PortOne's Go client writes `a=1& b=2`
        parts = re.findall(r"^[^\[\]]+|\[[^\[\]]*\]", name) if len(name) <= LONGEST_NAME else []
        first, *rest = parts or [name]
        keys = [first, *(part[1:-1] for part in rest)][:DEEPEST]
        branch = tree
        for key in keys[:-1]:
            key = key or str(len(branch))
            if not isinstance(branch.get(key), dict):
                branch[key] = {}
            branch = branch[key]
        branch[keys[-1] or str(len(branch))] = value
    return {key: _listed(value) for key, value in tree.items()}


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    children = {key: _listed(child) for key, child in value.items()}
    if list(children) == [str(number) for number in range(len(children))]:
        return list(children.values())
    return children


def text_of(body: dict[str, Any], name: str, longest: int, *, required: bool = False) -> str | None:
    """A string parameter; numbers are converted, as a form would send them. Raises ApiRefused (400)."""
    value = body.get(name)
    if value is None or value == "":
        if required:
            raise bad_field(name)
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float) or len(str(value)) > longest:
        raise bad_field(name)
    return str(value)


def won_of(body: dict[str, Any], name: str) -> int | None:
    """An amount in whole won; None when it is absent. Raises ApiRefused (400)."""
    value = body.get(name)
    if value is None or value == "":
        return None
    number = integer_of(value)
    if number is None:
        raise bad_field(name)
    return number


def integer_of(value: Any) -> int | None:
    """An integer given as JSON or form text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return int(number) if number.is_integer() and abs(number) < LARGEST_NUMBER else None


def boolean_of(body: dict[str, Any], name: str) -> bool:
    """A boolean in JSON or form text; anything but true is false."""
    return str(body.get(name)).lower() == "true"


def query_ids(name: str) -> list[str]:
    """All values of `name`, `name[]` and `name[0]` in the query: clients repeat, PHP numbers."""
    return [value for given, value in request.args.items(multi=True) if _is_id(given.strip(), name)]


def _is_id(given: str, name: str) -> bool:
    base, _, index = given.partition("[")
    return base == name and (not index or (index.endswith("]") and index[:-1].isdigit()) or index == "]")


def query_number(name: str, default: int, most: int) -> int:
    """An integer in the query, clamped to 1..`most`. UNVERIFIED: an invalid value means the default."""
    number = integer_of(request.args.get(name, ""))
    return default if number is None else max(1, min(number, most))


def query_moment(name: str, default: int | None = None) -> int:
    """Unix seconds in the query. Raises ApiRefused (400) for an invalid value, or a missing one without default."""
    given = request.args.get(name, "")
    if given == "" and default is not None:
        return default
    number = integer_of(given)
    if number is None:
        raise bad_field(name)
    return number
