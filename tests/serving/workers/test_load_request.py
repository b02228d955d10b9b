"""What workers are told, by flags."""

import pytest

from keepfit import protos
from keepfit.errors import ConfigError
from keepfit.serving.settings.options import Options
from keepfit.serving.workers.load_request import LoadRequest, by_flags


def session_config(**options):
    return protos.ConfigProto.FromString(bytes.fromhex(by_flags(Options(**options)).session_config))


def test_request_survives_the_frame_to_the_worker():
    request = LoadRequest(tags=("serve", "gpu"), prefer_tflite=True, warmup_iterations=3, session_config="ff")
    assert LoadRequest.of(request.header("/models/1")) == request


def test_tags_are_separated_by_commas():
    assert by_flags(Options(saved_model_tags="serve,gpu")).tags == ("serve", "gpu")
    assert by_flags(Options()).tags == ("serve",)


@pytest.mark.parametrize(
    ("enabled", "iterations", "expected"), [(True, 1, 1), (True, 0, 1), (True, -5, 1), (True, 3, 3), (False, 3, 0)]
)
def test_warmup_is_replayed_as_often_as_the_flags_say(enabled, iterations, expected):
    options = Options(enable_model_warmup=enabled, num_request_iterations_for_warmup=iterations)
    assert by_flags(options).warmup_iterations == expected


def test_session_parallelism_is_for_both_and_counts_only_if_none_is_set_by_itself():
    both = session_config(tensorflow_session_parallelism=3)
    assert (both.intra_op_parallelism_threads, both.inter_op_parallelism_threads) == (3, 3)
    one = session_config(tensorflow_session_parallelism=3, tensorflow_intra_op_parallelism=2)
    assert (one.intra_op_parallelism_threads, one.inter_op_parallelism_threads) == (2, 0)
    assert session_config(per_process_gpu_memory_fraction=0.5).gpu_options.per_process_gpu_memory_fraction == 0.5


def test_session_config_file_is_the_base_of_what_flags_change(tmp_path):
    file = tmp_path / "session.config"
    file.write_text("intra_op_parallelism_threads: 5 allow_soft_placement: true")
    config = session_config(tensorflow_session_config_file=str(file), tensorflow_intra_op_parallelism=1)
    assert (config.intra_op_parallelism_threads, config.allow_soft_placement) == (1, True)
    file.write_text("nonsense: 1")
    with pytest.raises(ConfigError, match="Invalid protobuf file"):
        session_config(tensorflow_session_config_file=str(file))
