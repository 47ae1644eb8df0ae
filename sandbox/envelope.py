"""In which wrapping do V1's questions and answers come? `{code, message, response}`, from JSON or form bodies."""

import json
import re
from collections.abc import Sequence
from typing import Any

from flask import Response, request
from flask.json.provider import DefaultJSONProvider

from .lookups import Page
from .refusals import ApiRefused, bad_field

JSON_TYPE = "application/json; charset=UTF-8"  # as seen on the wire
LARGEST_NUMBER = 10**12
LONGEST_NAME = 200  # a longer name of a form's field is no parameter of V1's and is not taken apart
DEEPEST = 5  # levels in a form's names; V1 needs two


def success(response: Any, status: int = 200) -> Response:
    """Code 0 with this response."""
    return success_text(json.dumps(response, sort_keys=True, separators=(",", ":")), status)


def success_text(text: str, status: int = 200) -> Response:
    """Code 0 with a response that is written already."""
    return Response(f'{{"code":0,"message":null,"response":{text}}}', status, content_type=JSON_TYPE)


def success_list(texts: Sequence[str], status: int = 200) -> Response:
    return success_text(f"[{','.join(texts)}]", status)


def success_page(page: Page) -> Response:
    """V1's paged list: page numbers, 0 where there is none."""
    listed = ",".join(page.texts)
    return success_text(f'{{"list":[{listed}],"next":{page.next},"previous":{page.previous},"total":{page.total}}}')


def refusal(refused: ApiRefused) -> Response:
    text = json.dumps({"code": refused.code, "message": refused.message, "response": None})
    return Response(text, refused.status, content_type=JSON_TYPE)


# --- the questions ---


class CarefulJSON(DefaultJSONProvider):
    """Reads no JSON that could not be written down again: halves of characters, bottomless nesting."""

    ensure_ascii = False  # for people at a console; what V1 answers is written above, with \uXXXX as on the wire

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """ValueError for what is not JSON, or not for us."""
        try:
            value = json.loads(s, **kwargs)
            json.dumps(value, ensure_ascii=False).encode()
        except RecursionError:
            raise ValueError("nested too deeply") from None
        return value


def told() -> dict[str, Any]:
    """The body's parameters: V1 takes JSON and forms everywhere, lists and objects in forms as `a[0][b]`."""
    if request.mimetype == "application/x-www-form-urlencoded" or request.mimetype == "multipart/form-data":
        return nested(list(request.form.items(multi=True)))
    body = request.get_json(force=True, silent=True)
    return body if isinstance(body, dict) else {}


def nested(pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """`a[0][b]=1`, `a[]=2` and repeated names, as PHP reads them. Lists come out as lists."""
    tree: dict[str, Any] = {}
    for name, value in pairs:
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
    """A text parameter; numbers are taken as text, as from a form. Raises ApiRefused (400)."""
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
    number = whole_number(value)
    if number is None:
        raise bad_field(name)
    return number


def whole_number(value: Any) -> int | None:
    """A whole number given as JSON or as form text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return int(number) if number.is_integer() and abs(number) < LARGEST_NUMBER else None


def truth_of(body: dict[str, Any], name: str) -> bool:
    """A switch, as JSON or as form text; anything but true is false."""
    return str(body.get(name)).lower() == "true"


def asked_number(name: str, usual: int, most: int) -> int:
    """A number in the query, kept between 1 and `most`; UNVERIFIED: nonsense means the usual one."""
    number = whole_number(request.args.get(name, ""))
    return usual if number is None else max(1, min(number, most))


def asked_moment(name: str, usual: int | None = None) -> int:
    """Unix seconds in the query. Raises ApiRefused (400) for nonsense, or when it is missing and must not be."""
    given = request.args.get(name, "")
    if given == "" and usual is not None:
        return usual
    number = whole_number(given)
    if number is None:
        raise bad_field(name)
    return number
