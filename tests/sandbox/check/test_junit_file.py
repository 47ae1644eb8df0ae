"""The file of JUnit XML is whole at any time, and nothing is left beside it."""

from pathlib import Path

import pytest

from sandbox.check import junit_file


def test_looking_whether_the_report_can_be_written_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "earlier.xml").write_text("<earlier/>")
    (tmp_path / "link.xml").symlink_to(tmp_path / "not-yet.xml")
    for name in ("earlier.xml", "new.xml", "link.xml"):
        junit_file.must_be_writable(tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["earlier.xml", "link.xml"]
    assert (tmp_path / "earlier.xml").read_text() == "<earlier/>"
    for wrong in (tmp_path, tmp_path / "none" / "junit.xml"):
        with pytest.raises(OSError, match=str(wrong)):
            junit_file.must_be_writable(wrong)


def test_the_report_takes_the_place_of_the_earlier_one_also_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "earlier.xml").write_text("<earlier/>")
    (tmp_path / "link.xml").symlink_to(tmp_path / "earlier.xml")
    junit_file.write(tmp_path / "link.xml", "<새것/>")
    assert (tmp_path / "earlier.xml").read_text(encoding="utf-8") == "<새것/>"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["earlier.xml", "link.xml"]
    junit_file.write(Path("/dev/null"), "<gone/>")
    assert Path("/dev/null").is_char_device()
