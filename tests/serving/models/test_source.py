"""Which folders are versions, and when their files have changed."""

import os

import pytest

from keepfit.serving.models.source import fingerprint, versions_in


def test_whatever_has_an_integer_as_its_name_is_a_version(tmp_path):
    for name in ("1", "00000123", "12x", ".3", "-4", "4.5", "٣", "9223372036854775807", "9223372036854775808", "x"):
        (tmp_path / name).mkdir()
    (tmp_path / "7").write_text("a file")
    (tmp_path / "8").symlink_to(tmp_path / "1")
    (tmp_path / "9").symlink_to(tmp_path / "nowhere")
    assert versions_in(tmp_path) == {
        1: tmp_path / "1",
        7: tmp_path / "7",
        8: tmp_path / "8",
        9: tmp_path / "9",
        123: tmp_path / "00000123",
        2**63 - 1: tmp_path / "9223372036854775807",  # nanoseconds of the clock are as long
    }


def test_missing_base_path_is_an_error_and_an_empty_one_is_not(tmp_path):
    with pytest.raises(FileNotFoundError):
        versions_in(tmp_path / "absent")
    assert versions_in(tmp_path) == {}


def test_fingerprint_changes_with_any_file(tmp_path):
    (tmp_path / "variables").mkdir()
    file = tmp_path / "variables" / "data"
    file.write_bytes(b"12")
    seen = [fingerprint(tmp_path)]
    assert fingerprint(tmp_path) == seen[0]
    file.write_bytes(b"123")
    seen.append(fingerprint(tmp_path))
    os.utime(file, ns=(1, 1))
    seen.append(fingerprint(tmp_path))
    (tmp_path / "more").touch()
    seen.append(fingerprint(tmp_path))
    assert len(set(seen)) == 4


def test_fingerprint_of_what_is_not_there_is_empty(tmp_path):
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    assert fingerprint(tmp_path) == ()
    assert fingerprint(tmp_path / "absent") == ()
