"""The app of `docs/copying.md`, taken literally, fails none of the cases of `portone-sandbox check`."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.check.cases import CASES
from tests.test_copying import PAGE, ROOT, running

pytestmark = pytest.mark.slow

SWEEP_AT = """
import sys
from datetime import datetime

from app import app
from payments import clock
from payments.extension import extension
from payments.sweep import sweep

clock.use_source(app, lambda: datetime.fromisoformat(sys.argv[1]))
with app.app_context():
    print(dict(sweep(extension().provider)))
"""
ENOUGH = 1000  # in stock; the page's app has ten
NOT_DESCRIBED = {"duplicate-window", "negative-quantity", "strangers-order"} | {
    name for name, case in CASES.items() if case.group == "months"
}


def test_the_app_of_the_page_fails_no_case(tmp_path: Path) -> None:
    with running(tmp_path, PAGE.read_text()) as host:
        host.sql(f"UPDATE product SET stock = {ENOUGH}")  # noqa: S608 - a number of ours
        shutil.copy(ROOT / "tests" / "copying.toml", tmp_path / "shop.toml")
        (tmp_path / "sweep_at.py").write_text(SWEEP_AT)
        path = os.pathsep.join([str(Path(sys.executable).parent), host.environ.get("PATH", os.defpath)])
        options = ["--shop", host.url, "--sandbox", host.environ["PORTONE_API_URL"], "--lang", "en"]
        check = subprocess.run(
            [sys.executable, "-m", "sandbox", "check", str(tmp_path / "shop.toml"), *options],
            cwd=ROOT,
            env=host.environ | {"PATH": path},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
    assert check.returncode == 0, check.stdout + check.stderr
    assert set(re.findall(r"^  – (\S+)", check.stdout, re.MULTILINE)) == NOT_DESCRIBED
    assert len(re.findall(r"^  ✓ ", check.stdout, re.MULTILINE)) == len(CASES) - len(NOT_DESCRIBED)
