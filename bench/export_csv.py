"""Benchmark of the back office's CSV export: its memory and its time to the first byte, each in a separate process."""

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from sqlalchemy import select

from app import create_app
from bench.rows import row
from payments.database import db, end_reading
from shop.config import load_settings
from shop.orders.models import User

GROWTH_MIB = 16
NOBODY = {"PORTONE_API_URL": "http://127.0.0.1:9/sandbox"}


def measure(small_shop: Path, large_shop: Path) -> list[dict[str, Any]]:
    """Measure the whole export of two shops, given by their folders."""
    small, large = _exported(small_shop), _exported(large_shop)
    growth = large["grown_mib"]
    first = {"before": small["first_ms"], "after": large["first_ms"]}
    return [
        row(
            f"CSV of {large['lines']:,} rows, memory",
            growth,
            -GROWTH_MIB,
            f"{large['seconds']:.0f} s in all",
            "MiB",
        ),
        row(
            "CSV, first byte",
            first["after"] / first["before"],
            -2.0,
            f"{first['before']:.1f} ms at {small['lines']:,}, {first['after']:.1f} ms at {large['lines']:,}",
        ),
    ]


def _exported(folder: Path) -> dict[str, Any]:
    run = subprocess.run(
        [sys.executable, "-m", "bench.export_csv", str(folder)], capture_output=True, text=True, check=True
    )
    answer: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return answer


def _export(folder: Path) -> dict[str, Any]:
    """Download the whole CSV as an operator would, and measure this process."""
    app = create_app(load_settings(NOBODY, folder))
    client = app.test_client()
    with app.app_context():
        user_id = db.session.scalars(select(User).where(User.role == "operator")).first().get_id()  # type: ignore[union-attr]
        end_reading()
    with client.session_transaction() as session:
        session["_user_id"], session["_fresh"] = user_id, True
    firsts = []
    for _ in range(9):
        began = time.perf_counter()
        answer = client.get("/admin/payments.csv", buffered=False)
        next(iter(answer.response))
        firsts.append((time.perf_counter() - began) * 1000)
        answer.close()
    began, before, most, lines = time.perf_counter(), _resident_mib(), 0.0, -1
    answer = client.get("/admin/payments.csv", buffered=False)
    for number, piece in enumerate(answer.response):
        lines += piece.count(b"\n") if isinstance(piece, bytes) else piece.count("\n")
        if number % 20 == 0:
            most = max(most, _resident_mib())
    answer.close()
    return {
        "first_ms": statistics.median(firsts[1:]),
        "grown_mib": most - before,
        "lines": lines,
        "seconds": time.perf_counter() - began,
    }


def _resident_mib() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


if __name__ == "__main__":
    print(json.dumps(_export(Path(sys.argv[1]))))
