"""Stand-ins for PortOne: settings, literal responses, and a server on a bare socket."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

API = "https://api.iamport.kr"
EXAMPLES: dict[str, Any] = json.loads((Path(__file__).parent / "examples" / "portone_v1.json").read_text())
LIVE = {
    "PORTONE_IMP_CODE": "imp12345678",
    "PORTONE_API_KEY": "1234567890123456",
    "PORTONE_API_SECRET": "a-real-looking-secret",
    "PUBLIC_URL": "https://shop.example",
    "PORTONE_TEST_CHANNEL": "true",
    "PORTONE_PG": "default",
}


def answer(response: Any, code: int = 0, message: str | None = None) -> dict[str, Any]:
    return {"code": code, "message": message, "response": response}


def token(lifetime: int = 1800, value: str = "0123456789abcdef0123456789abcdef01234567") -> dict[str, Any]:
    return answer({"access_token": value, "now": 1512446940, "expired_at": 1512446940 + lifetime})


@contextmanager
def server_that(answers: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server on a bare socket: grants a token, then answers every other request with `answers`."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while request := connection.recv(65536):
                if b"getToken" in request:
                    body = json.dumps(token()).encode()
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
                else:
                    answers(connection)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    listener.close()


def drip(connection: socket.socket, beginning: bytes, piece: bytes) -> None:
    connection.sendall(beginning)
    for _ in range(100):
        time.sleep(0.2)
        connection.sendall(piece)
