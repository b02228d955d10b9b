"""BatchingParameters as TensorFlow Serving reads and checks them."""

import pytest
from google.protobuf import text_format

from keepfit import protos
from keepfit.errors import ConfigError, ModelLoadError
from keepfit.serving.settings import batching_config
from keepfit.serving.settings.batching_config import Batching
from keepfit.serving.settings.options import Options


def parsed(text):
    message = protos.BatchingParameters()
    text_format.Parse(text, message, descriptor_pool=message.DESCRIPTOR.file.pool)
    return batching_config.of_message(message)


def test_parameters_become_limits():
    batching = parsed("""
        max_batch_size { value: 32 } batch_timeout_micros { value: 1500 } max_enqueued_batches { value: 7 }
        num_batch_threads { value: 1 } thread_pool_name { value: "pool" }
        allowed_batch_sizes: 8 allowed_batch_sizes: 32 pad_variable_length_inputs: true
    """)
    assert batching == Batching(
        max_batch_size=32,
        max_request_size=32,
        timeout_s=0.0015,
        max_enqueued_batches=7,
        in_flight=1,
        allowed_sizes=(8, 32),
        pads_inputs=True,
    )


def test_defaults_are_tensorflows():
    assert parsed("") == Batching(max_batch_size=1000, max_request_size=1000, max_enqueued_batches=10)


def test_large_requests_are_split_into_executions():
    batching = parsed("""
        max_batch_size { value: 64 } enable_large_batch_splitting { value: true }
        max_execution_batch_size { value: 16 } allowed_batch_sizes: 16
    """)
    assert (batching.max_request_size, batching.max_batch_size, batching.splits) == (64, 16, True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "max_batch_size { value: 32 } allowed_batch_sizes: 8 allowed_batch_sizes: 16",
            "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 16; expected 32",
        ),
        (
            "max_batch_size { value: 8 } allowed_batch_sizes: 9 allowed_batch_sizes: 8",
            "allowed_batch_sizes entries must be monotonically increasing",
        ),
        ("max_batch_size { value: 0 }", "input_batch_size_limit must be positive; was 0"),
        ("batch_timeout_micros { value: -1 }", "batch_timeout_micros must be non-negative; was -1"),
        ("max_enqueued_batches { value: -1 }", "max_enqueued_batches must be non-negative; was -1"),
        ("num_batch_threads { value: 0 }", "num_batch_threads must be positive; was 0"),
        (
            (
                "max_batch_size { value: 4 } enable_large_batch_splitting { value: true } "
                "max_execution_batch_size { value: 8 }"
            ),
            "max_execution_batch_size (8) must be no greater than input_batch_size_limit (4)",
        ),
    ],
)
def test_wrong_parameters_are_refused_with_tensorflows_text(text, message):
    with pytest.raises(ConfigError) as refusal:
        parsed(text)
    assert str(refusal.value) == f"INVALID_ARGUMENT: {message}"


def test_flags_choose_the_limits(tmp_path):
    file = tmp_path / "batching.txt"
    file.write_text("max_batch_size { value: 5 }")
    assert batching_config.of_options(Options()) == Batching()
    assert batching_config.of_options(Options(enable_batching=True)).max_batch_size == 1000
    enabled = Options(enable_batching=True, batching_parameters_file=str(file))
    assert batching_config.of_options(enabled).max_batch_size == 5


def test_threads_are_named_by_the_file(tmp_path):
    file = tmp_path / "batching.txt"
    file.write_text("thread_pool_name { value: 'threads' }")
    name = batching_config.thread_pool_name
    assert name(Options()) == name(Options(enable_batching=True)) == "model_server_batch_threads"
    assert name(Options(enable_batching=True, batching_parameters_file=str(file))) == "threads"
    file.write_text("")
    assert name(Options(enable_batching=True, batching_parameters_file=str(file))) == ""


def test_file_in_a_versions_folder_counts_for_that_version(tmp_path):
    assert batching_config.of_version(tmp_path) == Batching()
    (tmp_path / batching_config.PER_MODEL_FILE).write_text("max_batch_size { value: 3 }")
    assert batching_config.of_version(tmp_path).max_batch_size == 3
    (tmp_path / batching_config.PER_MODEL_FILE).write_text("max_batch_size { value: 0 }")
    with pytest.raises(ModelLoadError, match="must be positive"):
        batching_config.of_version(tmp_path)


def test_batches_are_padded_to_the_next_allowed_size():
    batching = Batching(allowed_sizes=(2, 8))
    assert [batching.padded_size(rows) for rows in (1, 2, 3, 8, 9)] == [2, 2, 8, 8, 9]
