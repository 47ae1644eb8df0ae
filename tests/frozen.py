"""A PostgreSQL server of the test's own that can be frozen, thawed, killed and started again."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from deploy.services import postgres_server


class Server:
    """The running server. `url` names its database `postgres`."""

    def __init__(self, folder: Path, url: str) -> None:
        self.url = url
        self._postmaster = int((folder / "postgres" / "data" / "postmaster.pid").read_text().split()[0])

    def freeze(self) -> None:
        """Stop every process of it. The kernel still accepts connections and acknowledges what is sent."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        os.waitpid(self._postmaster, 0)  # or `pg_ctl stop` would wait for it

    def _signal(self, number: int) -> None:
        children = Path(f"/proc/{self._postmaster}/task/{self._postmaster}/children").read_text().split()
        for process in (self._postmaster, *map(int, children)):
            os.kill(process, number)


@contextmanager
def frozen_postgres() -> Iterator[Server]:
    """Run the server; it is thawed at the end, whatever happened, so that it can be stopped."""
    folder = Path(tempfile.mkdtemp(prefix="frozen-"))
    folder.chmod(0o711)  # the server's account must reach its own folder inside
    try:
        with postgres_server(folder) as (url, _):
            server = Server(folder, url)
            try:
                yield server
            finally:
                with suppress(FileNotFoundError, ProcessLookupError):  # it was killed
                    server.thaw()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
