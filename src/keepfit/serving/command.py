"""The command line of the model server: reads the flags, checks what can be checked at once, and starts the server.

Knows nothing of serving. Imports quickly.
"""

import argparse
import difflib
import importlib
import importlib.metadata
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from keepfit.errors import ConfigError, InvalidRequestError, KeepfitError
from keepfit.ports import require_free
from keepfit.serving.requests import keys
from keepfit.serving.settings import channel_arguments
from keepfit.serving.settings.base_path import folder_of
from keepfit.serving.settings.flags import ALTS, BY_NAME, FLAGS, VERSION
from keepfit.serving.settings.options import Options

MAX_SOCKET_PATH = 100
"""Bytes; the systems' own limits are 103 and 107."""


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until told to stop; return the exit code (2 for a wrong flag, 1 for anything else that is wrong)."""
    arguments = sys.argv[1:] if argv is None else argv
    try:
        values = _values(arguments)
        if VERSION.value(values.pop(VERSION.name, "false")):
            sys.stdout.write(_versions())
            return 0
        options = _options(values)
        _note_unused(values)
        _note_unused_arguments(options)
        check_files(options)
        check_ports(options)
        # Imported by name: what is wrong with the flags is told before anything slow is imported.
        code: int = importlib.import_module("keepfit.serving.server").run(options)
        return code
    except KeepfitError as error:
        sys.stderr.write(f"keepfit-model-server: {error}\n")
        return 2 if isinstance(error, ConfigError) else 1


def parse(argv: Sequence[str]) -> Options:
    """Return the options that the flags set; raises ConfigError that names the flag."""
    return _options(_values(argv))


def check_files(options: Options) -> None:
    """Raise ConfigError if a file that a flag names is not there or is wrong."""
    if options.config_files:
        # Imported by name: protobuf takes 50 ms to import, which a server without such files need not wait for.
        importlib.import_module("keepfit.serving.preflight").check(options)
    if options.monitoring_config_file:
        importlib.import_module("keepfit.serving.settings.monitoring").metrics_path(options)
    if options.ssl_config_file:
        importlib.import_module("keepfit.serving.settings.tls").read(options.ssl_config_file)
    if options.api_keys_file:
        keys.read(Path(options.api_keys_file))
    if options.access_log_file and options.access_log_sample_rate:
        importlib.import_module("keepfit.serving.requests.access_log").check(Path(options.access_log_file))


def check_ports(options: Options) -> None:
    """Raise PortInUseError if a port is taken, ConfigError if the host is not this machine's."""
    if options.port:
        require_free(options.host, options.port, "gRPC API", "--port")
    if options.rest_api_port:
        require_free(options.host, options.rest_api_port, "REST API", "--rest_api_port")


def _values(argv: Sequence[str]) -> dict[str, str]:
    """Return the text of each flag that was given; raises ConfigError for one that there is not."""
    parser = _Parser(
        prog="keepfit-model-server",
        usage="%(prog)s --model_base_path=FOLDER [--FLAG=VALUE | --FLAG VALUE] ...",
        description="Serve models behind TensorFlow Serving's API, with tensorflow_model_server's flags.",
        epilog="docs/serving.md compares each flag with TensorFlow Serving's.",
        allow_abbrev=False,
    )
    for flag in (VERSION, *FLAGS, ALTS):
        described = flag.help or f"accepted, but not used: {flag.unused}"
        if flag.is_boolean:
            parser.add_argument(f"--{flag.name}", nargs="?", const="true", metavar="BOOL", help=described)
        else:
            parser.add_argument(f"--{flag.name}", metavar="VALUE", help=described)
    found, unknown = parser.parse_known_args(list(argv))
    if unknown:
        raise ConfigError(_describe_unknown(unknown[0]))
    return {name: text for name, text in vars(found).items() if text is not None}


def _options(texts: dict[str, str]) -> Options:
    if ALTS.value(texts.pop(ALTS.name, "false")):
        raise ConfigError("--use_alts_credentials is not available outside Google's cloud: use --ssl_config_file")
    read = {name: BY_NAME[name].value(text) for name, text in texts.items()}
    values = {name: value for name, value in read.items() if not BY_NAME[name].unused}
    if not values.get("model_base_path") and not values.get("model_config_file"):
        raise ConfigError(
            "--model_base_path is required, the folder whose numbered folders are the model's versions, "
            "or --model_config_file, which names several"
        )
    if values.get("model_base_path"):
        values["model_base_path"] = _absolute("model_base_path", _folder(values["model_base_path"]))
    for name in ("model_config_file", "grpc_socket_path", "api_keys_file", "access_log_file"):
        if values.get(name):
            values[name] = _absolute(name, Path(values[name]))
    options = Options(**values)
    if not options.port and not options.rest_api_port and not options.grpc_socket_path:
        raise ConfigError("--port and --rest_api_port are both 0, so nothing would be served")
    if options.port and options.port == options.rest_api_port:
        raise ConfigError(f"--port and --rest_api_port are both {options.port}: give the two APIs different ports")
    if options.rest_api_ssl and not options.ssl_config_file:
        raise ConfigError("--rest_api_ssl needs --ssl_config_file, which has the key and the certificate")
    if len(options.grpc_socket_path.encode()) > MAX_SOCKET_PATH:
        raise ConfigError(f"--grpc_socket_path={options.grpc_socket_path} is longer than {MAX_SOCKET_PATH} bytes")
    _check_running(options)
    return options


def _absolute(name: str, path: Path) -> str:
    try:
        return str(path.absolute())
    except FileNotFoundError as error:
        raise ConfigError(f"--{name}={path} cannot be found from here: this folder does not exist any more") from error


def _folder(base_path: str) -> Path:
    try:
        return folder_of(base_path)
    except InvalidRequestError as error:
        raise ConfigError(f"--model_base_path={base_path} is wrong: {error}") from error


def _check_running(options: Options) -> None:
    """Raise ConfigError if flags of how models are run contradict each other, as in TensorFlow Serving."""
    if options.batching_parameters_file and not options.enable_batching:
        raise ConfigError("--batching_parameters_file is set without setting --enable_batching to true")
    parallelism = ("session", "intra_op", "inter_op")
    if all(getattr(options, f"tensorflow_{name}_parallelism") > 0 for name in parallelism):
        raise ConfigError(
            "Either configure --tensorflow_session_parallelism or (--tensorflow_intra_op_parallelism, "
            "--tensorflow_inter_op_parallelism) separately. You cannot configure all."
        )


def _note_unused(texts: dict[str, str]) -> None:
    for name in texts:
        if name in BY_NAME and BY_NAME[name].unused:
            sys.stderr.write(f"keepfit-model-server: --{name} is accepted, but not used: {BY_NAME[name].unused}\n")


def _note_unused_arguments(options: Options) -> None:
    if options.access_log_file and not options.access_log_sample_rate:
        sys.stderr.write("keepfit-model-server: --access_log_file stays empty without --access_log_sample_rate\n")
    for name in channel_arguments.parse(options.grpc_channel_arguments).unused:
        sys.stderr.write(f"keepfit-model-server: {name} of --grpc_channel_arguments is accepted, but not used\n")


def _versions() -> str:
    """Return what TensorFlow Serving prints, by its form."""
    keepfit, tensorflow = (importlib.metadata.version(name) for name in ("keepfit", "tensorflow"))
    return f"Keepfit ModelServer: {keepfit}\nTensorFlow Library: {tensorflow}\n"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        name = message.removeprefix("argument ").removesuffix(": expected one argument")
        raise ConfigError(f"{name} needs a value: {name}=VALUE" if name.startswith("--") else message)


def _describe_unknown(argument: str) -> str:
    name = argument.partition("=")[0]
    close = difflib.get_close_matches(name.lstrip("-"), list(BY_NAME), n=1)
    hint = f"; did you mean --{close[0]}?" if close else "; --help lists those there are"
    return f"Unknown flag {name}{hint}"


if __name__ == "__main__":
    sys.exit(main())
