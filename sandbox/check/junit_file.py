"""The file of JUnit XML: an earlier one stays whole until the new one is written."""

import os
from pathlib import Path


def must_be_writable(path: Path) -> None:
    """Raises OSError when the file could not be written at the end. Changes nothing."""
    path = path.resolve()
    if path.exists() and not (path.is_file() or path.is_dir()):
        return  # a pipe or a device: opening it may wait for a reader
    existed = path.exists()
    with path.open("a"):
        pass
    if not existed:
        path.unlink()


def write(path: Path, text: str) -> None:
    """Write beside the file and move it there, or into what is no ordinary file, or in a folder that is locked."""
    target = path.resolve()
    if (target.exists() and not target.is_file()) or not os.access(target.parent, os.W_OK):
        path.write_text(text, encoding="utf-8")
        return
    beside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
