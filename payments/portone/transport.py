"""HTTP requests to PortOne, bounded in time, in the size of the response and in the number that run at once."""

import threading
import time
from concurrent.futures import Future
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError
from urllib3.util import Retry

from .report import OutcomeUnknown
from .responses import Answer

CONNECT_SECONDS = 3.05
LARGEST_ANSWER = 1_000_000  # bytes; a list of 100 payments has about 200,000

# How many requests may run at once, and how long one more waits for a free slot. The server has more threads than
# that, so pages that do not need PortOne still respond while it hangs.
MOST_AT_ONCE = 16
PATIENCE_SECONDS = 2.0


class Transport:
    """Sends requests over one `requests.Session`, which is shared by all threads."""

    def __init__(self, url: str, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self.session = _new_session(url)
        self._url = url
        self._slots = threading.BoundedSemaphore(MOST_AT_ONCE)
        self._patience_seconds = patience_seconds

    def send(self, method: str, path: str, until: float, token: str = "", **options: Any) -> Answer:
        """Send one request and return its complete response, whatever its status. `until` is by time.monotonic().

        `options` are `params` and `json` of `requests`. Raises OutcomeUnknown without a complete response by `until`.

        The request runs in a thread of its own, because a socket time-out bounds only a single read: it bounds neither
        a server that keeps sending single bytes nor a hanging DNS look-up. The thread keeps its slot until it ends, so
        the number of hanging threads is limited.
        """
        if not self._slots.acquire(timeout=min(self._patience_seconds, seconds_left(until))):
            raise OutcomeUnknown("too many calls are waiting for PortOne")
        done: Future[Answer] = Future()

        def run() -> None:
            try:
                done.set_result(self._exchange(method, path, until, token, options))
            except BaseException as error:
                done.set_exception(error)
            finally:
                self._slots.release()

        threading.Thread(target=run, name="portone", daemon=True).start()
        try:
            return done.result(timeout=seconds_left(until))
        except (OSError, ValueError, HTTPError) as error:
            raise OutcomeUnknown(f"{method} {path}: {type(error).__name__}") from error

    def _exchange(self, method: str, path: str, until: float, token: str, options: dict[str, Any]) -> Answer:
        left = seconds_left(until)
        headers = {**self.session.headers, "Authorization": f"Bearer {token}"} if token else self.session.headers
        # Prepared without the session, which would merge settings that no call has.
        request = requests.Request(method, self._url + path, headers=headers, **options).prepare()
        timeout = (min(CONNECT_SECONDS, left), left)
        with self.session.send(request, timeout=timeout, allow_redirects=False, stream=True) as response:
            body = b""
            for part in response.iter_content(65536):
                body += part
                seconds_left(until)
                if len(body) > LARGEST_ANSWER:
                    raise OutcomeUnknown(f"PortOne's answer has more than {LARGEST_ANSWER:,} bytes")
        return Answer(response.request, response.status_code, body)


def seconds_left(until: float) -> float:
    """Return how many seconds are left until `until` (by time.monotonic()). Raises OutcomeUnknown if there are none."""
    left = until - time.monotonic()
    if left <= 0:
        raise OutcomeUnknown("PortOne took too long")
    return left


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return None: redirects are not followed, and requests would parse the address even so, whatever it is."""
        return None


def _new_session(url: str) -> requests.Session:
    """Create the session, which keeps its connections open between requests.

    Only GETs are retried, never a POST: its response may be lost after money has moved. The server's `Retry-After` is
    ignored, because it has no upper bound. The environment's proxy and CA bundle for `url` apply. .netrc is not read
    (`trust_env`), because an entry for PortOne's host there would replace our token.
    """
    session = _Session()
    retry = Retry(
        total=2,
        read=1,
        backoff_factor=0.2,
        status_forcelist=(502, 503, 504),
        allowed_methods={"GET"},
        raise_on_status=False,
        respect_retry_after_header=False,
    )
    session.mount("https://", HTTPAdapter(max_retries=retry, pool_maxsize=MOST_AT_ONCE))
    session.mount("http://", HTTPAdapter(max_retries=retry, pool_maxsize=MOST_AT_ONCE))
    environment = session.merge_environment_settings(url, {}, None, None, None)
    session.proxies, session.verify = environment["proxies"], environment["verify"]
    session.trust_env = False
    return session
