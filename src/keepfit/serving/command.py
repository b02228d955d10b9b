"""The command line of the model server: tensorflow_model_server's flags, and a few of ours.

Knows what flags there are and checks them; knows nothing of serving. Imports quickly.
"""

import argparse
import difflib
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from keepfit.errors import ConfigError, KeepfitError
from keepfit.ports import require_free
from keepfit.serving import front
from keepfit.serving.options import Options


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag that sets the option of the same name."""

    name: str
    parse: Callable[[str], Any]
    help: str


def _boolean(text: str) -> bool:
    values = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if text.lower() not in values:
        raise ValueError("true or false")
    return values[text.lower()]


def _port(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) > 65535:
        raise ValueError("a port from 0 (not listened on) to 65535")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0.01 <= seconds <= 86400:
        raise ValueError("seconds from 0.01 to 86400")
    return seconds


def _milliseconds(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 0 < int(text) <= 86_400_000:
        raise ValueError("milliseconds from 1 to 86400000")
    return int(text)


def _text(text: str) -> str:
    if not text:
        raise ValueError("some text")
    return text


def _front(text: str) -> str:
    if text not in ("auto", "envoy", "hypercorn"):
        raise ValueError("auto, envoy or hypercorn")
    return text


CHANGED_BY_FRONTS = ("LD_PRELOAD", "DYLD_INSERT_LIBRARIES", "PYTHONHOME", "PYTHONPATH")
"""Variables with which Envoy hosts Python, and with which a worker would not start."""

FLAGS = (
    Flag("port", _port, "gRPC API (default 8500)"),
    Flag("rest_api_port", _port, "REST API and metrics (default 8501)"),
    Flag("rest_api_timeout_in_ms", _milliseconds, "how long a REST call may take (default 30000)"),
    Flag("model_name", _text, "name of the model in the API (default: default)"),
    Flag("model_base_path", _text, "folder of the version folders (required)"),
    Flag("file_system_poll_wait_seconds", _seconds, "between looks at the folder; fractions allowed (default 1)"),
    Flag("host", _text, "address to listen on (ours; default 127.0.0.1, this machine only)"),
    Flag("spare_worker", _boolean, "keep a process with TensorFlow imported, for fast swaps (ours; default true)"),
    Flag("front", _front, "what listens: auto, envoy or hypercorn (ours; default auto)"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until told to stop; return the exit code (2 for a wrong flag, 1 for anything else that is wrong)."""
    try:
        options = parse(sys.argv[1:] if argv is None else argv)
        check_ports(options)
        return front.run(options)
    except KeepfitError as error:
        sys.stderr.write(f"keepfit-model-server: {error}\n")
        return 2 if isinstance(error, ConfigError) else 1


def parse(argv: Sequence[str]) -> Options:
    """Return the options that the flags set; raises ConfigError that names the flag."""
    parser = _Parser(prog="keepfit-model-server", description=__doc__, allow_abbrev=False, add_help=True)
    for flag in FLAGS:
        parser.add_argument(f"--{flag.name}", metavar="VALUE", help=flag.help)
    found, unknown = parser.parse_known_args(list(argv))
    if unknown:
        raise ConfigError(_describe_unknown(unknown[0]))
    values = {flag.name: _value(flag, text) for flag in FLAGS if (text := getattr(found, flag.name)) is not None}
    if "model_base_path" not in values:
        raise ConfigError("--model_base_path is required: the folder whose numbered folders are the model's versions")
    values["model_base_path"] = str(Path(values["model_base_path"]).absolute())
    options = Options(**values, worker_environment={name: os.environ.get(name) for name in CHANGED_BY_FRONTS})
    if not options.port and not options.rest_api_port:
        raise ConfigError("--port and --rest_api_port are both 0, so nothing would be served")
    return options


def check_ports(options: Options) -> None:
    """Raise PortInUseError if a port is taken, ConfigError if the host is not this machine's."""
    if options.port:
        require_free(options.host, options.port, "gRPC API", "--port")
    if options.rest_api_port:
        require_free(options.host, options.rest_api_port, "REST API", "--rest_api_port")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(message[:1].upper() + message[1:])


def _value(flag: Flag, text: str) -> Any:
    try:
        return flag.parse(text)
    except ValueError as error:
        raise ConfigError(f"--{flag.name}={text} is wrong: it takes {error}") from error


def _describe_unknown(argument: str) -> str:
    name = argument.partition("=")[0]
    close = difflib.get_close_matches(name.lstrip("-"), [flag.name for flag in FLAGS], n=1)
    hint = f"; did you mean --{close[0]}?" if close else "; --help lists those there are"
    return f"Unknown flag {name}{hint}"


if __name__ == "__main__":
    sys.exit(main())
