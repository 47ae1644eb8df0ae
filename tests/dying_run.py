"""A charge whose process is killed at one step: `python -m tests.dying_run <subscription id> <step>`."""

import os
import signal
import sys
import threading
from typing import Any

from sqlalchemy import Engine, event

from app import create_app
from payments.monthly import charging
from payments.portone.report import ChargeRequest, PaymentReport

STEPS = ("after the row", "after the request left", "after KG charged", "before our commit")


def die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class DyingProvider:
    """The real one, until the step comes."""

    def __init__(self, provider: Any, step: str) -> None:
        self._provider, self._step = provider, step

    def __getattr__(self, name: str) -> Any:
        return getattr(self._provider, name)

    def charge(self, request: ChargeRequest) -> PaymentReport:
        if self._step == "after the row":
            die()
        if self._step == "after the request left":  # the sandbox was told to take a second over it
            threading.Timer(0.4, die).start()
        report: PaymentReport = self._provider.charge(request)
        if self._step == "after KG charged":
            die()
        event.listen(Engine, "commit", die)
        return report


if __name__ == "__main__":
    app = create_app()
    with app.app_context():
        charging.charge(DyingProvider(app.extensions["payments"].provider, sys.argv[2]), int(sys.argv[1]))  # type: ignore[arg-type]
