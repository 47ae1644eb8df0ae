"""The image and the compose file, exercised without an engine: the Dockerfile's own commands, step by step, in a clean
folder and by an account that is not root; compose.yaml against the shape that the Compose specification gives it."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from deploy.services import UNPRIVILEGED, free_port

ROOT = Path(__file__).parents[1]
SCHEMA = json.loads((ROOT / "tests" / "compose.schema.json").read_text())
MAKES_ACCOUNTS = ("useradd", "install -d")  # needs root, and the account is there already


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile as (instruction, rest), continued lines joined."""
    text = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines]


def all_of(name: str) -> list[str]:
    return [rest for instruction, rest in instructions() if instruction == name]


# --- what can be read off -------------------------------------------------------------------------------------------


def test_the_image_is_small_pinned_and_runs_as_nobody_in_particular() -> None:
    [base] = all_of("FROM")
    assert re.fullmatch(r"python:3\.\d+-slim", base)
    names = [instruction for instruction, _ in instructions()]
    assert all_of("USER") == ["shop"]
    assert names.index("USER") < names.index("CMD")
    assert all_of("HEALTHCHECK")
    for step in all_of("RUN"):
        assert not re.search(r"apt|gcc|build-essential|sudo", step)


def test_no_secret_and_no_data_can_get_into_the_image() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[0] == "*"
    let_in = {line.lstrip("!") for line in ignored if line.startswith("!")}
    copied = {word.rstrip("/") for rest in all_of("COPY") for word in rest.split()[:-1]}
    assert copied == let_in
    assert not let_in & {".env", "instance", "tests", ".git"}


# --- step by step ---------------------------------------------------------------------------------------------------


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not below pytest's own folder: that is closed to other accounts."""
    path = Path(tempfile.mkdtemp(prefix="image-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def as_somebody(command: list[str]) -> list[str]:
    if os.geteuid() != 0:
        return command
    return [
        "setpriv",
        f"--reuid={UNPRIVILEGED}",
        f"--regid={UNPRIVILEGED}",
        "--clear-groups",
        "--no-new-privs",
        *command,
    ]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_dockerfiles_commands_make_a_shop_that_answers_and_stops(folder: Path) -> None:
    app, data, python = folder / "app", folder / "data", folder / "python"
    for path in (app, data):
        path.mkdir()
    base = Path(sys.base_prefix) / "bin" / "python3"  # 3.11.3 or newer, as the lock wants it and the base image has it
    subprocess.run([base, "-m", "venv", python], check=True)
    environ = {"PATH": f"{python / 'bin'}:/usr/bin:/bin", "HOME": str(app)}
    for instruction, rest in instructions():
        if instruction == "ENV":
            environ |= dict(word.split("=", 1) for word in shlex.split(rest.replace("/data", str(data))))
        elif instruction == "COPY":
            copy(rest, app)
        elif instruction == "RUN" and not any(command in rest for command in MAKES_ACCOUNTS):
            subprocess.run(rest, shell=True, cwd=app, env=environ, check=True, timeout=400)  # noqa: S602
    if os.geteuid() == 0:
        shutil.chown(data, UNPRIVILEGED, UNPRIVILEGED)
    before = sorted(app.rglob("*"))
    serve_and_stop(app, environ | {"PORT": str(free_port()), "HOST": "127.0.0.1"})
    assert sorted(app.rglob("*")) == before, "the image's own folder was written to"
    assert (data / "shop.sqlite3").exists()


def copy(rest: str, app: Path) -> None:
    *sources, target = rest.split()
    unwanted = shutil.ignore_patterns("__pycache__", "*.pyc", "*.pot")
    for source in sources:
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, app / target, ignore=unwanted)
        else:
            shutil.copy(ROOT / source, app / target / source)


def serve_and_stop(app: Path, environ: dict[str, str]) -> None:
    """CMD, then HEALTHCHECK until it says yes, then a stop as an engine asks for it."""
    [command] = all_of("CMD")
    health = json.loads(all_of("HEALTHCHECK")[0].partition("CMD ")[2])
    server = subprocess.Popen(as_somebody(json.loads(command)), cwd=app, env=environ)
    try:
        until = time.monotonic() + 60
        while subprocess.run(as_somebody(health), cwd=app, env=environ, capture_output=True, check=False).returncode:
            assert server.poll() is None and time.monotonic() < until
            time.sleep(0.3)
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=45) == 0
    finally:
        if server.poll() is None:
            server.kill()
            server.wait()


# --- compose.yaml ---------------------------------------------------------------------------------------------------


@pytest.fixture
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return found


def test_the_compose_file_has_the_specifications_shape(compose: dict[str, Any]) -> None:
    problems = [
        f"{'/'.join(map(str, error.instance_path))}: {error.message}"
        for error in jsonschema_rs.validator_for(SCHEMA).iter_errors(compose)
    ]
    assert problems == []


def test_the_shape_refuses_what_the_specification_does_not_know(compose: dict[str, Any]) -> None:
    for spoilt in ({"port": ["8000:8000"]}, {"restart": 1}, {"depends_on": {"redis": {"condition": "up"}}}):
        changed = compose | {"services": {"web": compose["services"]["web"] | spoilt}}
        assert not jsonschema_rs.is_valid(SCHEMA, changed), spoilt


def test_the_compose_file_runs_the_procfiles_set_with_stores_health_checks_and_volumes(compose: dict[str, Any]) -> None:
    procfile = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())
    services = compose["services"]
    assert set(services) == {*procfile, "postgres", "redis"}
    for name in ("worker", "scheduler"):
        assert " ".join(services[name]["command"]) == procfile[name]
    mounted = {volume.partition(":")[0] for service in services.values() for volume in service.get("volumes", [])}
    assert mounted == set(compose["volumes"])
    for name in ("postgres", "redis", "sandbox"):
        assert services[name]["healthcheck"]["test"][0] == "CMD"
    for name, service in services.items():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), name
        for other in service.get("depends_on", {}):
            assert other in services


def test_every_setting_of_the_compose_file_is_one_that_the_shop_knows(compose: dict[str, Any]) -> None:
    from shop.environment import SETTINGS

    theirs = {"WEB_THREADS", "WEB_WORKERS", "HOST", "SANDBOX_CLOCK_URL"}  # gunicorn.conf.py's, and the sandbox's own
    for name in ("web", "worker", "scheduler", "sandbox"):
        assert set(compose["services"][name]["environment"]) <= set(SETTINGS) | theirs
