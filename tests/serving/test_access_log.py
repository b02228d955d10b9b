"""The access log: one line of JSON a request, sampled, without bodies, through rotation and full disks."""

import json
import os
from pathlib import Path

import httpx

from keepfit.serving.requests.access_log import AccessLog

from .conftest import wait_for

ENTRY = {"path": "/x", "status": 200}


def lines(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_request_is_one_line_without_its_body(guarded):
    path = "/v1/models/m/versions/2:predict"
    body = b'{"instances": [[1234567, 2]]}'
    httpx.post(guarded.server.url + path, content=body, headers=guarded.bearer, timeout=30)
    wait_for(lambda: any(entry["path"] == path for entry in guarded.log_entries()), 20)
    (entry,) = (entry for entry in guarded.log_entries() if entry["path"] == path)
    assert entry.pop("time").endswith("+00:00")
    assert entry.pop("milliseconds") > 0
    assert entry.pop("response_bytes") > 10
    assert entry == {
        "api": "REST",
        "client": "127.0.0.1",
        "key": "tester",
        "method": "POST",
        "path": path,
        "status": 200,
        "request_bytes": len(body),
    }
    assert "1234567" not in (guarded.folder / "access.log").read_text()


def test_sample_is_about_as_large_as_asked(tmp_path):
    log = AccessLog(0.25, tmp_path / "log")
    chosen = sum(log.chooses() for _ in range(4000))
    log.close()
    assert 800 < chosen < 1200


def test_renamed_file_is_followed_by_a_new_one(tmp_path):
    log = AccessLog(1.0, tmp_path / "log")
    log.write(ENTRY)
    (tmp_path / "log").rename(tmp_path / "log.1")
    log.write({**ENTRY, "path": "/y"})
    log.close()
    assert [entry["path"] for entry in lines(tmp_path / "log.1")] == ["/x"]
    assert [entry["path"] for entry in lines(tmp_path / "log")] == ["/y"]


def test_hostile_path_stays_one_short_line(tmp_path):
    log = AccessLog(1.0, tmp_path / "log")
    log.write({**ENTRY, "path": '/\n"\udcff' + "x" * 1000})
    log.close()
    (entry,) = lines(tmp_path / "log")
    assert len(entry["path"]) == 200


def test_full_disk_fails_no_request(tmp_path):
    (tmp_path / "log").symlink_to("/dev/full")
    log = AccessLog(1.0, tmp_path / "log")
    log.write(ENTRY)
    log.close()


def test_pipe_that_nobody_reads_stops_nothing():
    reading, writing = os.pipe()
    log = AccessLog(1.0, Path(f"/proc/self/fd/{writing}"))
    for _ in range(5000):  # more than a pipe holds
        log.write(ENTRY)
    kept = os.read(reading, 2**20).splitlines()
    assert 0 < len(kept) < 5000
    assert all(json.loads(line)["path"] == "/x" for line in kept)
    log.write(ENTRY)
    assert json.loads(os.read(reading, 2**20))["path"] == "/x"
    log.close()
    os.close(reading)
    os.close(writing)
