"""What cron runs for the shop: a command, an HTTP step, or what the shop does when the clock is moved with it."""

import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

from .patterns import as_text, fill
from .play import Play
from .shopfile import Job, Step
from .trouble import Unplayable

LAST_LINES, LONGEST_OUTPUT = 6, 2000


def run(play: Play, job: Job, section: str, moment: datetime) -> None:
    """Move the clock to `moment` and run the job there. Raises Unplayable when it cannot be run."""
    play.note = section
    play.portone.move_to(moment, with_shop=job.with_clock)
    if job.with_clock:
        return
    now = play.portone.now()
    values = {"date": f"{now:%Y-%m-%d}", "now": now.isoformat(timespec="seconds"), "period": f"{now:%Y-%m}"}
    values["url"] = play.shop.url
    if job.step:
        _step(play, job.step, job.seconds, values)
    else:
        _command(play, job, section, [as_text(fill(part, values)) for part in job.command])


def _step(play: Play, step: Step, seconds: int, values: dict[str, str]) -> None:
    """5xx may say that something was left open; 4xx says that nothing was done: another path, method or token."""
    cron = play.anybody()
    cron.seconds = seconds
    answer = cron.send(step, values)
    play.job_output = f"{step.method} {step.path}  → {answer.status}\n{answer.text[:LONGEST_OUTPUT]}"
    if (answer.status != step.status) if step.status else 400 <= answer.status < 500:
        raise Unplayable("status", step=step.where, method=step.method, path=step.path, got=answer.status)


def _command(play: Play, job: Job, section: str, command: list[str]) -> None:
    shown = f"$ {' '.join(command)}"
    beside = str(Path(sys.executable).parent)  # where a virtual environment has its commands
    environ = os.environ | {"PATH": os.pathsep.join([os.environ.get("PATH", os.defpath), beside])}
    try:
        ran = subprocess.run(  # noqa: S603 - the command of whoever runs the check
            command,
            cwd=play.shop.folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=job.seconds,
            check=False,
        )
    except (OSError, ValueError) as error:
        play.record(shown, type(error).__name__)
        why = getattr(error, "strerror", None) or str(error)
        raise Unplayable("command_not_run", section=section, command=command[0], why=why) from None
    except subprocess.TimeoutExpired:
        play.record(shown, "TimeoutExpired")
        raise Unplayable("command_too_slow", section=section, command=command[0], seconds=job.seconds) from None
    lines = ran.stdout.decode(errors="replace")[-LONGEST_OUTPUT:].strip().splitlines()
    play.job_output = "\n".join([f"{shown}  → {ran.returncode}", *lines[-LAST_LINES:]])
    play.record(shown, str(ran.returncode))


def sweep(play: Play) -> bool:
    """Run the sweep as much later as the file says; False when it has none."""
    job = play.shop.sweep
    if job is None:
        return False
    run(play, job, "sweep", play.portone.now() + timedelta(minutes=job.minutes))
    return True
