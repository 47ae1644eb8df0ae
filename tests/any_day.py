"""Run the tests on another day: `make anyday DATE="2028-02-29 09:00"`, a moment in Seoul, loads this plugin.

The clock of the test processes is shifted before they import any of the project's code, and goes on from there. What
they start as processes of their own (PostgreSQL, Redis, servers) keeps the system's clock. So does Chromium, which
would refuse cookies that ended on the system's yesterday: the browser's tests are left out.
"""

import os
from datetime import datetime
from zoneinfo import ZoneInfo

import time_machine

BEGIN = datetime.fromisoformat(os.environ["DATE"]).replace(tzinfo=ZoneInfo("Asia/Seoul"))
time_machine.travel(BEGIN.timestamp()).start()  # a number, since a moment with a zone would set TZ as well


def pytest_report_header() -> str:
    return f"the clock of this run began at {BEGIN:%Y-%m-%d %H:%M} in Seoul; TZ={os.environ.get('TZ', '')}"
