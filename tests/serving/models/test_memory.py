"""How much memory a version needs, and how much there is."""

import os

import pytest

from keepfit.serving.models import memory

GIB = 2**30


def test_new_version_needs_what_its_files_take_and_what_the_running_one_takes_beyond_its_files():
    assert memory.needed(5 * GIB) == 5 * GIB
    assert memory.needed(5 * GIB, old_files=2 * GIB, old_worker=3 * GIB) == 6 * GIB
    assert memory.needed(5 * GIB, old_files=2 * GIB, old_worker=1 * GIB) == 5 * GIB


def test_own_process_uses_some_memory_and_one_that_is_gone_none():
    assert 10**6 < memory.used_by(os.getpid()) < 2**36
    assert memory.used_by(2**22 + 1) == 0


def test_available_is_what_the_machine_has_left():
    assert 0 < memory.available() < 2**46


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "cgroup"
    folder.mkdir()
    return folder


def write(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(f"{content}\n")


def test_without_limits_there_is_no_bound(root, tmp_path):
    write(root, memory__max="max", memory__current=7)
    assert memory.left_in_cgroup(root, tmp_path / "absent") >= 2**60


def test_tightest_limit_around_our_cgroup_counts_less_what_the_kernel_can_give_back(root, tmp_path):
    own = tmp_path / "own"
    own.write_text("0::/outer/inner\n")
    write(root / "outer", memory__max=1000, memory__current=900, memory__stat="anon 5\ninactive_file 50")
    write(root / "outer" / "inner", memory__max=5000, memory__current=100)
    assert memory.left_in_cgroup(root, own) == 150


def test_first_version_of_cgroups_is_understood(root, tmp_path):
    own = tmp_path / "own"
    own.write_text("5:cpu,cpuacct:/x\n4:memory:/box\n")
    write(root / "memory", memory__limit_in_bytes=2**63 - 4096, memory__usage_in_bytes=1)
    write(root / "memory" / "box", memory__limit_in_bytes=300, memory__usage_in_bytes=100)
    assert memory.left_in_cgroup(root, own) == 200


def test_more_used_than_allowed_is_nothing_left(root, tmp_path):
    write(root, memory__max=10, memory__current=20)
    assert memory.left_in_cgroup(root, tmp_path / "absent") == 0
