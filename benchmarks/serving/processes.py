"""Starts and stops the servers of a run, and measures the memory of one."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from serving.environments import HERE, environment

PATIENCE_S = 90.0


@dataclass(frozen=True)
class Server:
    """A running server: its process, and where it listens (grpc_port is 0 if it has none)."""

    process: subprocess.Popen[bytes]
    rest_port: int
    grpc_port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.rest_port}"

    def memory_bytes(self) -> int:
        """What the process and all below it have in memory: shared pages count once, those of files not at all.

        How much of a library's pages falls to a process depends on what else on the machine has them mapped.
        """
        processes = [psutil.Process(self.process.pid)]
        processes += processes[0].children(recursive=True)
        return sum(_anonymous_bytes(process.pid) for process in processes)

    def answered(self) -> float:
        """How many requests were answered without an error, by the server's own count.

        By TensorFlow Serving's metric: those by version end with versions that are long gone.
        """
        text = httpx.get(f"{self.url}/monitoring/prometheus/metrics").text
        lines = [line for line in text.splitlines() if line.startswith(":tensorflow:serving:request_count{")]
        return sum(float(line.rpartition(" ")[2]) for line in lines if 'status="OK"' in line)


@contextmanager
def keepfit(models: Path, *flags: str, wait: bool = True) -> Iterator[Server]:
    """Run the model server; with wait, until it is ready and its spare process has finished its start."""
    rest_port, grpc_port = free_port(), free_port()
    command = [
        *(sys.executable, "-m", "keepfit.serving.command", "--model_name=m", f"--model_base_path={models}"),
        *(f"--rest_api_port={rest_port}", f"--port={grpc_port}", "--file_system_poll_wait_seconds=0.2", *flags),
    ]
    with _running(command, {}) as process:
        server = Server(process, rest_port, grpc_port)
        if wait:
            await_status(f"{server.url}/readyz", 200)
        yield server


@contextmanager
def echo() -> Iterator[Server]:
    """Run the control."""
    port = free_port()
    command = [
        *(str(environment("control") / "uvicorn"), "echo:app", "--app-dir", str(HERE), "--port", str(port)),
        *("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "error"),
    ]
    with _running(command, {}) as process:
        await_port(port)
        yield Server(process, port)


@contextmanager
def peer(name: str) -> Iterator[Server]:
    """Run another model server: "LitServe" or "BentoML"."""
    port, programs, folder = free_port(), environment("peers"), HERE / "peers"
    commands = {
        "LitServe": [str(programs / "python"), str(folder / "lit.py"), str(port)],
        "BentoML": [
            *(str(programs / "bentoml"), "serve", "bento:Sum", "--working-dir", str(folder), "--port", str(port)),
            *("--host", "127.0.0.1"),
        ],
    }
    silent = {"BENTOML_DO_NOT_TRACK": "True", "PATH": f"{programs}:{os.environ['PATH']}"}
    with _running(commands[name], silent) as process:
        await_status(f"http://127.0.0.1:{port}/predict", 200, {"instances": [[1.0, 2.0]]})
        yield Server(process, port)


def stop_servers_on_sigterm() -> None:
    """Let SIGTERM (a time limit's, for example) end this process by way of its clean-ups, which stop the servers."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def await_port(port: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    sys.exit(f"nothing listened on port {port} within {PATIENCE_S:g} s")


def await_status(url: str, status: int | None, body: object = None) -> None:
    """Wait until a GET (or a POST, with a body) is answered with a status, or with any."""
    deadline = time.monotonic() + PATIENCE_S
    with httpx.Client() as client:
        while time.monotonic() < deadline:
            try:
                answer = client.get(url) if body is None else client.post(url, json=body)
                if status in (answer.status_code, None):
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.005)
    sys.exit(f"{url} did not answer {status} within {PATIENCE_S:g} s")


def _anonymous_bytes(pid: int) -> int:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):  # the process of a version before has just ended
        return 0
    return sum(int(kilobytes) * 1024 for kilobytes in re.findall(r"Pss_(?:Anon|Shmem): +(\d+)", rollup))


@contextmanager
def _running(command: Sequence[str], variables: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    # In a group of its own: some peers leave processes behind when their first one ends.
    process = subprocess.Popen(
        command,
        env={**os.environ, **variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(15)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
