"""The command line: flags, their mistakes and ports."""

import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from keepfit.errors import ConfigError
from keepfit.serving import command
from keepfit.serving.settings.flags import BY_NAME, FLAGS
from keepfit.serving.settings.options import Options


def test_flags_are_taken_in_both_forms(tmp_path):
    options = command.parse(
        [
            "--port=1",
            "--rest_api_port",
            "2",
            "--model_name=a b",
            f"--model_base_path={tmp_path}",
            "--spare_worker=false",
        ]
    )
    assert (options.port, options.rest_api_port, options.model_name) == (1, 2, "a b")
    assert options.model_base_path == str(tmp_path)
    assert options.spare_worker is False
    assert options.file_system_poll_wait_seconds == 1.0
    assert command.parse(["--model_base_path", "x", "--file_system_poll_wait_seconds=.5"]).host == "127.0.0.1"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], False),
        (["--enable_batching"], True),
        (["--enable_batching=true"], True),
        (["--enable_batching", "false"], False),
        (["--enable_batching", "--model_name=x"], True),
        (["--enable_batching=false", "--enable_batching"], True),
    ],
)
def test_boolean_flag_alone_means_true(arguments, expected):
    assert command.parse(["--model_base_path=x", *arguments]).enable_batching is expected


def test_numbers_may_be_negative_where_tensorflow_serving_says_so():
    options = command.parse(
        ["--model_base_path=x", "--file_system_poll_wait_seconds", "-1", "--load_retry_interval_micros=-1"]
    )
    assert (options.file_system_poll_wait_seconds, options.load_retry_interval_micros) == (-1.0, -1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--model_base_path is required"),
        (["--model_base_path=x", "--modle_name=y"], "Unknown flag --modle_name; did you mean --model_name?"),
        (["--model_base_path=x", "--noenable_batching"], "Unknown flag --noenable_batching"),
        (["--model_base_path=x", "--zzz"], "Unknown flag --zzz; --help lists"),
        (["--model_base_path=x", "stray"], "Unknown flag stray"),
        (["--model_base_path"], "--model_base_path needs a value: --model_base_path=VALUE"),
        (["--model_base_path="], "--model_base_path is required"),
        (
            ["--model_base_path=gs://b/m"],
            "gs://b/m is wrong: File system scheme 'gs' not implemented",
        ),
        (["--model_base_path=x", "--port=70000"], "--port=70000 is wrong: it takes a port"),
        (["--model_base_path=x", "--port=0", "--rest_api_port=0"], "nothing would be served"),
        (["--model_base_path=x", "--port=9", "--rest_api_port=9"], "different ports"),
        (["--model_base_path=x", "--spare_worker=maybe"], "it takes true or false"),
        (["--model_base_path=x", "--enable_batching", "maybe"], "it takes true or false"),
        (["--model_base_path=x", "--file_system_poll_wait_seconds=nan"], "it takes seconds"),
        (["--model_base_path=x", "--file_system_poll_wait_seconds=.001"], "it takes seconds"),
        (["--model_base_path=x", "--rest_api_timeout_in_ms=1.5"], "a whole number from"),
        (["--model_base_path=x", "--max_num_load_retries=2147483648"], "a whole number from -2147483648 to 2147483647"),
        (["--model_base_path=x", "--num_request_iterations_for_warmup=1.5"], "a whole number from"),
        (["--model_base_path=x", "--per_process_gpu_memory_fraction=2"], "a number from 0 to 1"),
        (["--model_base_path=x", "--use_alts_credentials"], "use --ssl_config_file"),
        (["--model_base_path=x", "--use_alts_credentials=maybe"], "it takes true or false"),
        (
            [
                "--model_base_path=x",
                *(f"--tensorflow_{name}_parallelism=2" for name in ("session", "intra_op", "inter_op")),
            ],
            "You cannot configure all",
        ),
        (["--model_base_path=x", "--batching_parameters_file=y"], "without setting --enable_batching"),
        (["--model_base_path=x", "--grpc_max_threads=many"], "--grpc_max_threads=many is wrong"),
    ],
)
def test_wrong_flags_are_named(arguments, message):
    with pytest.raises(ConfigError) as caught:
        command.parse(arguments)
    assert message in str(caught.value)


def test_every_flag_is_an_option_with_help_or_says_why_it_is_none():
    options = set(Options.__dataclass_fields__)
    for flag in FLAGS:
        assert (flag.name in options and flag.help) or (flag.name not in options and flag.unused), flag.name


TENSORFLOW_SERVING_FLAGS = """
    port grpc_socket_path rest_api_port rest_api_num_threads rest_api_timeout_in_ms rest_api_enable_cors_support
    enable_batching batching_parameters_file model_config_file model_config_file_poll_wait_seconds model_name
    model_base_path num_load_threads num_unload_threads max_num_load_retries load_retry_interval_micros
    file_system_poll_wait_seconds flush_filesystem_caches tensorflow_session_parallelism
    tensorflow_intra_op_parallelism tensorflow_inter_op_parallelism saved_model_tags grpc_channel_arguments
    grpc_max_threads ssl_config_file monitoring_config_file enable_model_warmup num_request_iterations_for_warmup
    allow_version_labels_for_unavailable_models enable_grpc_healthcheck_service prefer_tflite_model
    enable_per_model_batching_parameters tensorflow_session_config_file platform_config_file
    per_process_gpu_memory_fraction remove_unused_fields_from_bundle_metagraph num_tflite_pools
    num_tflite_interpreters_per_pool enable_signature_method_name_check xla_cpu_compilation_enabled enable_profiler
    thread_pool_factory_config_file xla_gpu_compilation_enabled mixed_precision skip_initialize_tpu
    enable_serialization_as_tensor_content use_alts_credentials version
"""


@pytest.mark.parametrize("name", re.findall(r"\w+", TENSORFLOW_SERVING_FLAGS))
def test_tensorflow_servings_flags_are_known(name):
    assert name in BY_NAME or name in ("use_alts_credentials", "version")


def test_every_flag_is_documented_and_what_is_documented_is_a_flag():
    page = (Path(__file__).parents[2] / "docs" / "serving.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `--")]
    documented = {name for line in rows for name in re.findall(r"`--(\w+)`", line.split("|")[1])}
    assert documented == {*BY_NAME, "use_alts_credentials"}


def test_documented_defaults_are_those_of_the_options():
    page = (Path(__file__).parents[2] / "docs" / "serving.md").read_text(encoding="utf-8")
    options = Options()
    documented = {}
    for row in re.findall(r"^\| (`--.*)$", page, re.MULTILINE):
        cells = [cell.strip() for cell in row.split("|")]
        documented[re.findall(r"`--(\w+)`", cells[0])[0]] = cells[1]
    for name, default in documented.items():
        value = getattr(options, name, "")
        if default != "stderr":  # what --access_log_file is without a file
            assert default.lower() == (str(value).lower() if not isinstance(value, float) else f"{value:g}"), name


def test_flag_without_meaning_is_accepted_with_one_line(capsys):
    assert command.main(["--model_base_path=x", "--grpc_max_threads=8", "--port=0", "--rest_api_port=0"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1  # what is wrong is told alone
    command.main(["--model_base_path=x", "--grpc_max_threads=8", "--access_log_file=/", "--access_log_sample_rate=1"])
    first, _ = capsys.readouterr().err.splitlines()
    assert first == "keepfit-model-server: --grpc_max_threads is accepted, but not used: " + (
        BY_NAME["grpc_max_threads"].unused
    )


def test_version_is_printed_without_anything_else_being_given(capsys):
    assert command.main(["--version"]) == 0
    assert re.fullmatch(r"Keepfit ModelServer: \S+\nTensorFlow Library: 2\.\S+\n", capsys.readouterr().out)


@pytest.mark.parametrize("value", ["0", "False", "no"])
def test_flags_that_are_no_options_may_be_false_in_any_form(value):
    options = command.parse(["--model_base_path=/x", f"--use_alts_credentials={value}"])
    assert options.model_base_path == "/x"


def test_version_takes_true_or_false(capsys):
    assert command.main(["--version=maybe"]) == 2
    assert "--version=maybe is wrong: it takes true or false" in capsys.readouterr().err
    assert command.main(["--version=False"]) == 2
    assert "--model_base_path is required" in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["--model_base_path", "--model_config_file"])
def test_relative_path_in_a_folder_that_is_gone_ends_the_start_with_a_sentence(tmp_path, monkeypatch, flag):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(ConfigError, match=f"{flag}=models cannot be found from here: this folder does not exist"):
        command.parse([f"{flag}=models"])


def test_access_log_that_cannot_be_written_ends_the_start(tmp_path, capsys):
    file = tmp_path / "nowhere" / "access.log"
    arguments = ["--model_base_path=x", f"--access_log_file={file}", "--access_log_sample_rate=1"]
    assert command.main(arguments) == 2
    assert capsys.readouterr().err == (
        f"keepfit-model-server: --access_log_file={file} cannot be written: No such file or directory\n"
    )


@pytest.mark.parametrize(
    ("flag", "more"),
    [
        ("model_config_file", []),
        ("batching_parameters_file", ["--enable_batching"]),
        ("ssl_config_file", []),
        ("monitoring_config_file", []),
        ("tensorflow_session_config_file", []),
    ],
)
def test_bad_text_file_ends_the_start_with_tensorflow_servings_message(tmp_path, capsys, flag, more):
    file = tmp_path / "file"
    arguments = ["--model_base_path=x", f"--{flag}={file}", *more]
    assert command.main(arguments) == 2
    assert f"Failed to start server. Error: NOT_FOUND: {file}; No such file" in capsys.readouterr().err
    file.write_text("nonsense: 1")
    assert command.main(arguments) == 2
    assert f"Failed to start server. Error: INVALID_ARGUMENT: Invalid protobuf file: '{file}'" in (
        capsys.readouterr().err
    )


def test_a_folder_may_be_named_by_a_uri_and_be_empty_beside_a_config_file():
    assert command.parse(["--model_base_path=file:///models"]).model_base_path == "/models"
    assert command.parse(["--model_base_path=", "--model_config_file=/c"]).model_config_file == "/c"


@pytest.mark.parametrize(
    "flag",
    [
        "--rest_api_timeout_in_ms=0",
        "--rest_api_timeout_in_ms=-1",
        "--rest_api_timeout_in_ms=2147483647",
        "--file_system_poll_wait_seconds=2147483647",
        "--max_num_load_retries=-1",
        "--num_load_threads=-1",
        "--load_retry_interval_micros=-1",
    ],
)
def test_numbers_that_tensorflow_model_server_takes_are_taken(flag):
    command.parse(["--model_base_path=x", flag])


def test_start_is_told_in_the_words_that_scripts_wait_for(shared):
    lines = [line.split(" ", 3)[-1] for line in shared.log.read_text().splitlines()]
    loaded = lines.index("Successfully loaded servable version {name: m version: 2}")
    assert lines[loaded + 1 : loaded + 4] == [
        f"Running gRPC ModelServer at 127.0.0.1:{shared.grpc_port} ...",
        f"Exporting HTTP/REST API at:localhost:{shared.rest_port} ...",
        "NET_LOG: Entering the event loop ...",
    ]


def test_port_in_use_is_named_without_a_traceback(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "keepfit.serving.command", f"--model_base_path={tmp_path}", f"--port={port}"],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert str(port) in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_flag_ends_with_2(capsys):
    assert command.main(["--nonsense"]) == 2
    assert "Unknown flag --nonsense" in capsys.readouterr().err


def test_command_imports_neither_tensorflow_nor_a_front():
    program = (
        "import sys, keepfit.serving.command; "
        "sys.exit(any(name in sys.modules for name in ('tensorflow', 'uvloop', 'httptools', 'numpy')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_both_apis_are_answered_within_half_a_second_or_so(serve, models):
    started = time.monotonic()
    server = serve(models, wait=False)
    server.wait_for(lambda: httpx.get(f"{server.url}/healthz").status_code == 200)
    assert time.monotonic() - started < 3.0  # 0.4 s on an idle machine; other tests may run beside this one
    assert httpx.get(f"http://127.0.0.1:{server.grpc_port}/healthz").status_code == 200
    assert server.stop() == 0
