"""The pytest fixture `portone_sandbox`: a sandbox on a free port for each test, with nothing in it.

    from portone_sandbox.testing import portone_sandbox

Import it in conftest.py. `RunningSandbox`, what the fixture gives, works without pytest: it is in `running.py`.
"""

from collections.abc import Iterator
from pathlib import Path

from .running import RunningSandbox, SandboxError

try:
    import pytest
except ImportError as error:
    raise ImportError(
        "portone_sandbox.testing needs pytest: pip install pytest (RunningSandbox of portone_sandbox.running does not)"
    ) from error

__all__ = ["RunningSandbox", "SandboxError", "portone_sandbox"]


@pytest.fixture
def portone_sandbox(tmp_path: Path) -> Iterator[RunningSandbox]:
    """A sandbox of the test's own. Its address is `url`, its script `script_url`."""
    with RunningSandbox(tmp_path / "portone-sandbox.sqlite3") as sandbox:
        yield sandbox
