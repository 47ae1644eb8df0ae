"""What time is it in the sandbox? The machine's time plus an offset that can only grow; days and months are Seoul's."""

import time
from datetime import datetime, timedelta, timezone

from .database import Database

SEOUL = timezone(timedelta(hours=9), "KST")


class Clock:
    """Shared by all processes: the offset lives in the sandbox's database and nowhere else."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def now(self) -> int:
        """Unix seconds."""
        return int(time.time() + self.offset())

    def offset(self) -> float:
        """How many seconds the sandbox is ahead of the machine."""
        return float(self._database.kept("clock_offset", 0.0))

    def local(self, moment: int | None = None) -> datetime:
        """The present moment, or the given one, in Seoul."""
        return datetime.fromtimestamp(self.now() if moment is None else moment, SEOUL)

    def move_to(self, moment: datetime) -> None:
        """Move forward to `moment`. ValueError if that is in the past: paid months do not come back."""
        offset = moment.timestamp() - time.time()
        if offset < self.offset():
            raise ValueError("the clock only moves forward")
        self._database.keep("clock_offset", offset)
