"""Benchmark of the sandbox's memory growth: 100,000 payments through their windows in one process. Takes minutes.

`python -m bench.sandbox_memory` prints the row. The database is in /dev/shm where there is one, so that the disk's
speed does not matter.
"""

import resource
import tempfile
import time
from pathlib import Path
from typing import Any

from sandbox import Sandbox, create_sandbox
from sandbox.ledger.merchant import IMP_CODE
from sandbox.window import windows

PAYMENTS = 100_000
WARM = 10_000  # caches are full by then
ASKED = {"pay_method": "phone", "name": "이용권", "amount": 9900, "buyer_tel": "01012345678", "digital": True}
IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a disk, not a file


def measure() -> list[dict[str, Any]]:
    """Return the row of this benchmark: peak memory after WARM payments against the peak after all of them."""
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as folder:
        app = create_sandbox(Path(folder) / "sandbox.sqlite3", start_worker=False)
        sandbox: Sandbox = app.extensions["sandbox"]
        started = time.perf_counter()
        for number in range(PAYMENTS):
            _pay(sandbox, number)
            if number == WARM:
                warm = _peak_megabytes()
        peak, rate = _peak_megabytes(), PAYMENTS / (time.perf_counter() - started)
        sandbox.close()
    detail = f"{warm:.1f} MB after {WARM:,}, {peak:.1f} MB after {PAYMENTS:,} payments; {rate:,.0f} payments/s"
    return [{"what": "memory stays flat", "ratio": warm / peak, "target": 0.9, "unit": "peak RSS", "detail": detail}]


def _pay(sandbox: Sandbox, number: int) -> None:
    asked = ASKED | {"merchant_uid": f"order-{number}"}
    window = windows.open_window(
        sandbox.database, IMP_CODE, asked, device="pc", page_url="", user_agent="", callback=True
    )
    view = windows.send_code(sandbox.database, window, carrier="SKT", phone="01012345678", birth="900101", gender="1")
    windows.confirm_code(sandbox.database, sandbox.sender, window, view.sms_code or "")


def _peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    for row in measure():
        print(f"{row['ratio']:.2f}×  (at least {row['target']}×)  {row['what']}: {row['detail']}")
