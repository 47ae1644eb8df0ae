"""The files by which others run this project: GitHub's workflows, the development container, Render's blueprint."""

import json
import os
import re
import shlex
import stat
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from shop.environment import SETTINGS

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
SCHEMA = json.loads(files("check_jsonschema").joinpath("builtin_schemas/vendor/github-workflows.json").read_text())
VERSION = re.compile(r"[\w-]+/[\w-]+@v\d+\.\d+\.\d+")


def workflow(path: Path) -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load(path.read_text())
    return found


def container() -> dict[str, Any]:
    """devcontainer.json without its comments, which begin a line."""
    text = (ROOT / ".devcontainer" / "devcontainer.json").read_text()
    found: dict[str, Any] = json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))
    return found


# --- workflows ------------------------------------------------------------------------------------------------------


def test_there_is_a_workflow_for_each_of_the_four_checks() -> None:
    assert [path.stem for path in WORKFLOWS] == ["audit", "check", "drift", "test"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_has_the_published_shape(path: Path) -> None:
    document = workflow(path)
    document["on"] = document.pop(True)  # YAML 1.1 reads the key `on` as true
    assert [error.message for error in jsonschema_rs.validator_for(SCHEMA).iter_errors(document)] == []
    assert not jsonschema_rs.is_valid(SCHEMA, document | {"job": {}})


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_only_read_pins_what_it_uses_and_ends(path: Path) -> None:
    document = workflow(path)
    assert document["permissions"] == {"contents": "read"}
    [job] = document["jobs"].values()
    assert "permissions" not in job
    assert job["timeout-minutes"] <= 150
    assert "secrets." not in path.read_text()
    for step in job["steps"]:
        assert "uses" not in step or VERSION.fullmatch(step["uses"])
        # A title or a branch name of a stranger never gets into a command.
        assert "${{" not in step.get("run", "")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_runs_targets_that_the_makefile_has(path: Path) -> None:
    makefile = (ROOT / "Makefile").read_text()
    [job] = workflow(path)["jobs"].values()
    targets = [step["run"].split()[1] for step in job["steps"] if step.get("run", "").startswith("make ")]
    assert targets
    for target in targets:
        assert re.search(rf"^[\w ]*\b{target}\b[\w -]*:", makefile, re.MULTILINE), target


def test_the_tests_run_on_every_python_that_the_readme_promises() -> None:
    [job] = workflow(ROOT / ".github" / "workflows" / "test.yml")["jobs"].values()
    assert job["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13", "3.14"]
    assert job["container"] == "python:${{ matrix.python }}-bookworm"


# --- the development container ----------------------------------------------------------------------------------------

KNOWN_KEYS = {  # those of the Development Container specification that this project uses, and their types
    "name": str,
    "image": str,
    "forwardPorts": list,
    "portsAttributes": dict,
    "onCreateCommand": str,
    "postAttachCommand": str,
}


def test_the_development_container_has_the_specifications_keys() -> None:
    found = container()
    assert {key: type(value) for key, value in found.items()} == KNOWN_KEYS
    assert found["forwardPorts"] == [5000]
    assert found["portsAttributes"]["5000"]["onAutoForward"] == "openBrowser"
    assert "make setup" in found["onCreateCommand"] and "tests/install-packages.sh" in found["onCreateCommand"]
    assert os.access(ROOT / found["postAttachCommand"], os.X_OK)


def started(checkout: Path, **environ: str) -> dict[str, str]:
    """The environment that the container's script starts the shop with: `make` is replaced by `env`."""
    programs = checkout / "programs"
    for folder in (programs, checkout / "instance", checkout / ".devcontainer"):
        folder.mkdir(exist_ok=True)
    (programs / "make").write_text("#!/bin/sh\nenv\n")
    (programs / "make").chmod(0o755)
    script = checkout / ".devcontainer" / "run.sh"
    script.write_bytes((ROOT / ".devcontainer" / "run.sh").read_bytes())
    environ |= {"PATH": f"{programs}:{os.environ['PATH']}"}
    shown = subprocess.run(["sh", script], env=environ, check=True, capture_output=True, text=True).stdout
    return dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)


def test_on_a_machine_of_ones_own_the_script_sets_nothing(tmp_path: Path) -> None:
    assert not started(tmp_path).keys() & {"PUBLIC_URL", "SANDBOX_CONTROLS_TOKEN_FILE", "TRUSTED_PROXIES"}


def test_in_codespaces_the_shop_knows_its_public_address_and_keeps_its_token(tmp_path: Path) -> None:
    names = {"CODESPACE_NAME": "fluffy-disco-abc", "GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN": "app.github.dev"}
    environ = started(tmp_path, **names)
    assert environ["PUBLIC_URL"] == "https://fluffy-disco-abc-5000.app.github.dev"
    assert environ["TRUSTED_PROXIES"] == "1"
    token = Path(environ["SANDBOX_CONTROLS_TOKEN_FILE"])
    assert len(token.read_text().strip()) == 32
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    kept = token.read_text()
    started(tmp_path, **names)
    assert token.read_text() == kept


# --- Render -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def service() -> dict[str, Any]:
    document = yaml.safe_load((ROOT / "render.yaml").read_text())
    assert document.keys() == {"services"}
    [found] = document["services"]
    assert isinstance(found, dict)
    return found


def test_the_blueprint_builds_the_image_and_keeps_its_volume(service: dict[str, Any]) -> None:
    known = ("type", "name", "runtime", "plan", "region", "dockerCommand", "healthCheckPath", "disk", "envVars")
    assert tuple(service) == known  # keys of Render's blueprint reference
    assert (service["type"], service["runtime"]) == ("web", "docker")
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert f"VOLUME {service['disk']['mountPath']}\n" in dockerfile
    assert f"{service['healthCheckPath']}\\" in dockerfile  # the same as the image's own health check
    assert service["disk"]["sizeGB"] >= 1


def test_the_blueprint_gives_only_settings_that_exist_and_no_secret(service: dict[str, Any]) -> None:
    given = {one["key"]: one["value"] for one in service["envVars"]}
    assert set(given) <= set(SETTINGS)
    assert given["TRUSTED_PROXIES"] == "1"
    assert all(value.isdigit() for value in given.values())


def test_the_blueprints_command_starts_the_server_at_the_address_that_render_tells(
    service: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "gunicorn").write_text('#!/bin/sh\necho "$PUBLIC_URL"\n')
    (tmp_path / "gunicorn").chmod(0o755)
    environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "RENDER_EXTERNAL_URL": "https://dalgom-demo.onrender.com"}
    command = shlex.split(service["dockerCommand"])
    shown = subprocess.run(command, env=environ, check=True, capture_output=True, text=True).stdout
    assert shown == "https://dalgom-demo.onrender.com\n"
