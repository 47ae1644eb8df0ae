"""A visitor of the shop without a browser: sends the steps of its file and takes values from the answers.

It knows the shop by URL only, keeps its own cookies, and follows redirects within the shop, never to another host.
"""

import copy
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError

from .patterns import LONGEST_TEXT, Answer, TookTooLong, as_text, at_path, fill, fits, json_of
from .shopfile import Sign, Step
from .trouble import Unplayable
from .wording import answer_text, redirect_text, request_text

SECONDS = 60  # a shop may wait half a minute for PortOne
LARGEST_ANSWER = 2_000_000  # bytes
LARGE_CHUNK, SMALL_CHUNK = 65_536, 1024  # bytes
MOST_REDIRECTS = 5
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
HEADERS = {"User-Agent": "Mozilla/5.0 (portone-sandbox check)", "Accept": "text/html, application/json, */*"}


class Visitor:
    """One visitor with its own cookies. `listen` is called with the text of every request and of its answer."""

    def __init__(self, http: requests.Session, shop_url: str, listen: Callable[[str, str], None]) -> None:
        self.shop_url = shop_url.rstrip("/")
        self.listen, self.seconds = listen, SECONDS
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers.update(HEADERS)
        for prefix, adapter in http.adapters.items():  # keeps calls in the process when the shop is mounted
            self._session.mount(prefix, adapter)

    def do(self, step: Step, values: Mapping[str, Any], changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Do a step of the file; the values taken. `changes` are fields of the body that an attacker sets."""
        answer = self.send(step, values, changes)
        wanted = step.status
        if (answer.status != wanted) if wanted else answer.status >= 400:
            _explain_redirect(answer, step)
            raise Unplayable("status", step=step.where, method=step.method, path=_path(answer), got=answer.status)
        taken = {}
        for name, place in step.take.items():
            try:
                found = place.find(answer, self._session.cookies.get_dict())
            except TookTooLong:
                raise Unplayable("pattern_too_slow", step=step.where, name=name) from None
            if found is None:
                _explain_redirect(answer, step)
                path = _path(answer)
                raise Unplayable("nothing_found", step=step.where, name=name, path=path, got=answer.status)
            taken[name] = found
        return taken

    def send(self, step: Step, values: Mapping[str, Any], changes: Mapping[str, Any] | None = None) -> Answer:
        """Send a step's request, whatever is answered. Raises Unplayable without an answer."""
        try:
            path, form, body = fill(step.path, values), fill(step.form, values), fill(step.json, values)
            headers = {name: as_text(value) for name, value in fill(step.headers, values).items()}
        except KeyError as missing:
            raise Unplayable("no_value", step=step.where, name=missing.args[0]) from None
        if changes and isinstance(body if form is None else form, Mapping):
            form, body = (form, changed(body, changes)) if form is None else (changed(form, changes), body)
        return self.call(step.method, as_text(path), form=_form(form), json=body, headers=headers)

    def call(
        self,
        method: str,
        path: str,
        *,
        form: Mapping[str, Any] | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request and follow its redirects. Raises Unplayable without an answer."""
        own = {"Referer": f"{self.shop_url}/"} | ({} if method == "GET" else {"Origin": origin(self.shop_url)})
        body = {"data": form} if form is not None else {"json": json} if json is not None else {}
        url, asked = self.address(path), request_text(method, path, json if form is None else form)
        try:
            response = self._request(method, url, headers={**own, **(headers or {})}, **body)
            for _ in range(MOST_REDIRECTS):
                following = response.next
                if following is None or not self.is_own(following.url or ""):
                    break
                response.close()
                kept = {"Content-Type": str(following.headers.get("Content-Type") or "")} if following.body else {}
                to = self.address(following.url or "")
                response = self._request(following.method or "GET", to, headers={**own, **kept}, data=following.body)
            answer = replace(_read(response, self.seconds), unfollowed=self._unfollowed(response))
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:  # read1 raises urllib3's own
            self.listen(asked, type(error).__name__)
            raise Unplayable("no_answer", method=method, path=path, error=type(error).__name__) from None
        told = answer_text(answer.status, _path(answer), answer.text, path)
        self.listen(asked, f"{told}{redirect_text(answer.unfollowed, answer.location)}")
        return answer

    def _unfollowed(self, response: requests.Response) -> str:
        """Why a redirect was not followed; "" for an answer that is none."""
        following = response.next
        return "" if following is None else "endless" if self.is_own(following.url or "") else "outside"

    def _request(self, method: str, url: str, **content: Any) -> requests.Response:
        return self._session.request(method, url, timeout=self.seconds, allow_redirects=False, stream=True, **content)

    def shows(self, sign: Sign, values: Mapping[str, Any]) -> bool:
        """Whether the page of a sign says so now."""
        return holds(sign, self.send(sign.step, values), values)

    def address(self, path: str) -> str:
        """The whole address of a path or of an address of the shop. Raises Unplayable for another host's."""
        if path.startswith("/"):
            return self.shop_url + path
        if not self.is_own(path):
            raise Unplayable("outside", path=path[:200])
        parts = urlsplit(path)
        return origin(self.shop_url) + (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def is_own(self, url: str) -> bool:
        """Whether an address is the shop's; the names of this machine are one."""
        return _place(url) == _place(self.shop_url) is not None


def _explain_redirect(answer: Answer, step: Step) -> None:
    """Raises Unplayable for an answer whose redirect was not followed."""
    if answer.unfollowed:
        place = {"location": answer.location, "got": answer.status, "times": MOST_REDIRECTS}
        raise Unplayable(f"redirect_{answer.unfollowed}", step=step.where, path=_path(answer), **place)


def _path(answer: Answer) -> str:
    parts = urlsplit(answer.url)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def holds(sign: Sign, answer: Answer, values: Mapping[str, Any]) -> bool:
    """Whether all that a sign names is so in this answer."""
    text = answer.text[:LONGEST_TEXT]
    try:
        conditions = (
            answer.status == sign.step.status if sign.step.status else answer.status < 400,
            not sign.text or as_text(fill(sign.text, values)) in text,
            not sign.without or as_text(fill(sign.without, values)) not in text,
            not sign.pattern or fits(as_text(fill(sign.pattern, _escaped(values))), text),
            has(json_of(answer.text), fill(sign.json, values)),
        )
    except TookTooLong:
        raise Unplayable("pattern_too_slow", step=sign.step.where, name="pattern") from None
    except KeyError as missing:
        raise Unplayable("no_value", step=sign.step.where, name=missing.args[0]) from None
    return all(conditions)


def has(found: Any, wanted: Mapping[str, Any]) -> bool:
    """Whether JSON holds these values at these paths."""
    return all(at_path(found, path) == value for path, value in wanted.items())


def changed(body: Mapping[str, Any], changes: Mapping[str, Any]) -> Any:
    """The body with the fields at these paths set; what is not there is added."""
    copied = copy.deepcopy(dict(body))
    for path, value in changes.items():
        inner: Any = copied
        *outer, last = path.split(".")
        if outer:
            inner = at_path(copied, ".".join(outer))
        if isinstance(inner, dict):
            inner[last] = value
    return copied


def _form(form: Any) -> dict[str, Any] | None:
    """A form's fields as texts; a list is sent as several fields."""
    if form is None:
        return None
    return {
        name: [as_text(one) for one in each] if isinstance(each, list) else as_text(each) for name, each in form.items()
    }


def origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _place(url: str) -> tuple[str, str, int | None] | None:
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None
    host = "this machine" if parts.hostname in LOOPBACK else parts.hostname or ""
    return (parts.scheme, host, port) if host else None


def _escaped(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: re.escape(as_text(value)) for name, value in values.items()}


def _read(response: requests.Response, seconds: int) -> Answer:
    """Read the beginning of an answer. Raises ReadTimeout when it does not end within a time."""
    until, content = time.monotonic() + seconds, b""
    with closing(response):
        for chunk in _arriving(response):
            content += chunk
            if len(content) > LARGEST_ANSWER:
                break
            if time.monotonic() > until:
                raise requests.ReadTimeout
    told = response.encoding if "charset" in response.headers.get("Content-Type", "").lower() else None
    try:
        text = content.decode(told or "utf-8", "replace")
    except LookupError:
        text = content.decode("utf-8", "replace")
    return Answer(response.status_code, response.url, response.headers, text)


def _arriving(response: requests.Response) -> Iterator[bytes]:
    """The content as it arrives: `iter_content` waits until a chunk is full, however slowly that happens."""
    read1 = getattr(response.raw, "read1", None)
    if read1 is None:  # an answer from within this process, or urllib3 before 2.1
        yield from response.iter_content(SMALL_CHUNK)
        return
    while chunk := read1(LARGE_CHUNK, decode_content=True):
        yield chunk
