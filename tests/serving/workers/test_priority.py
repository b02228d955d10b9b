"""Priorities of a process, asked of the kernel."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import os
import time
from pathlib import Path
from keepfit.serving.workers import priority

def niceness():
    return int(Path("/proc/self/autogroup").read_text().rpartition(" ")[2])

priority.begin_session()
assert os.getsid(0) == os.getpid()
with priority.lowered_session(patience_s=0.5):
    first = niceness()
    deadline = time.monotonic() + 20
    while niceness() == first and time.monotonic() < deadline:
        time.sleep(0.01)
    then = niceness()
print(first > then > 0, niceness())
"""


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="the kernel has no autogroups")
def test_session_is_lowered_while_it_loads_less_after_a_while_and_not_afterwards():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout == "True 0\n"


def test_process_without_a_session_of_its_own_is_left_as_it_is():
    program = "from keepfit.serving.workers import priority\nwith priority.lowered_session():\n    print('ran')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "ran\n"
