"""What a run needs beside Keepfit: load generators from Debian, and environments for the control and the peers."""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROGRAMS = {"wrk": "wrk", "h2load": "nghttp2-client"}
"""Each program, and Debian's package that has it."""


def require_programs() -> None:
    """Install the load generators when root on Debian; otherwise say what is missing."""
    missing = [package for program, package in PROGRAMS.items() if shutil.which(program) is None]
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        sys.exit(f"serving_speed: these Debian packages are needed: {' '.join(missing)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-qq"], ["install", "-qq", "--no-install-recommends", *missing]):
        subprocess.run(["apt-get", *command], check=True, env=environment, stdout=subprocess.DEVNULL)


def environment(name: str) -> Path:
    """Return the folder of programs of the environment with the requirements of that name; made once."""
    requirements = HERE / f"{name}-requirements.txt"
    folder = HERE.parent / ".environments" / name
    stamp = folder / "requirements.txt"
    if not stamp.is_file() or stamp.read_bytes() != requirements.read_bytes():
        venv.create(folder, clear=True, with_pip=True)
        subprocess.run([folder / "bin" / "pip", "install", "-qq", "-r", requirements], check=True)
        shutil.copy(requirements, stamp)
    return folder / "bin"
