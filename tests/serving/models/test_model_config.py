"""Which model configs are taken, and TensorFlow Serving's words for those that are not."""

from pathlib import Path

import pytest
from google.protobuf import text_format

from keepfit import protos
from keepfit.errors import ConfigError, InvalidRequestError
from keepfit.serving import preflight
from keepfit.serving.models.model_config import ModelConfig, by_flags, models_of
from keepfit.serving.models.policy import All, Latest, Specific
from keepfit.serving.settings.options import Options


def message(text):
    return text_format.Parse(text, protos.ModelServerConfig())


def entry(more, name="m", base_path="/models/m"):
    return f"config {{ name: '{name}' base_path: '{base_path}' {more} }}"


def listed(*entries):
    return message(f"model_config_list {{ {' '.join(entries)} }}")


TENSORFLOW = "model_platform: 'tensorflow'"


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("", Latest(1)),
        ("model_version_policy { latest {} }", Latest(1)),
        ("model_version_policy { latest { num_versions: 3 } }", Latest(3)),
        ("model_version_policy { all {} }", All()),
        ("model_version_policy { specific { versions: 4 versions: 2 } }", Specific(frozenset({2, 4}))),
    ],
)
def test_policies(policy, expected):
    (model,) = models_of(listed(entry(f"{TENSORFLOW} {policy}")))
    assert model == ModelConfig("m", Path("/models/m"), expected)


def test_labels_and_the_old_way_to_name_the_platform():
    (model,) = models_of(listed(entry("model_type: TENSORFLOW version_labels { key: 'stable' value: 4 }")))
    assert model.labels == {"stable": 4}


def test_empty_config_names_no_model():
    assert models_of(message("")) == ()
    assert models_of(message("model_config_list {}")) == ()


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (listed(entry(TENSORFLOW), entry(TENSORFLOW)), "Illegal to list model m multiple times in config list"),
        (
            listed(entry(TENSORFLOW, base_path="models")),
            "Expected model m to have an absolute path or URI; got base_path()=models",
        ),
        (listed(entry("")), "Illegal setting neither ModelServerConfig::model_type (deprecated) nor ModelServerConfig"),
        (listed(entry(f"model_type: TENSORFLOW {TENSORFLOW}")), "Illegal setting both ModelServerConfig::model_type"),
        (listed(entry("model_type: OTHER")), "ModelServerConfig::model_type choice 2 not supported."),
        (listed(entry("model_platform: 'caffe'")), "Model m requests unsupported platform caffe"),
        (listed(entry(f"{TENSORFLOW} logging_config {{}}")), "No request-logger-creator provided."),
        (listed(entry(TENSORFLOW, base_path="gs://bucket/m")), "File system scheme 'gs' not implemented"),
        (message("custom_model_config {}"), "ModelServer does not yet support custom model config."),
    ],
)
def test_bad_configs_are_refused_in_tensorflow_servings_words(config, expected):
    with pytest.raises(InvalidRequestError) as caught:
        models_of(config)
    assert str(caught.value).startswith(expected)


def test_platform_of_a_served_model_cannot_be_changed():
    with pytest.raises(InvalidRequestError) as caught:
        models_of(listed(entry("model_platform: 'other'")), {"m"})
    assert str(caught.value) == (
        "Illegal to change a model's platform. For model m platform was tensorflow and new platform requested is other"
    )


def test_one_model_comes_from_flags_without_a_file():
    (model,) = by_flags(Options(model_base_path="/x", model_name="n"))
    assert model == ModelConfig("n", Path("/x"))


LABELLED = entry(f"{TENSORFLOW} version_labels {{ key: 'stable' value: 4 }}")


def options(tmp_path, text, **more):
    file = tmp_path / "models.config"
    file.write_text(text)
    return Options(model_config_file=str(file), **more)


def test_start_with_labels_needs_the_flag_as_no_version_is_available_yet(tmp_path):
    text = f"model_config_list: {{ {LABELLED}, }}  # a comment"
    with pytest.raises(ConfigError) as caught:
        preflight.check(options(tmp_path, text))
    assert str(caught.value).startswith(
        "Failed to start server. Error: FAILED_PRECONDITION: Request to assign label to version 4 of model m, "
        "which is not currently available for inference"
    )
    preflight.check(options(tmp_path, text, allow_version_labels_for_unavailable_models=True))


def test_start_with_a_bad_config_ends_with_tensorflow_servings_message(tmp_path):
    with pytest.raises(ConfigError) as caught:
        preflight.check(options(tmp_path, f"model_config_list {{ {entry('')} }}"))
    assert str(caught.value).startswith("Failed to start server. Error: INVALID_ARGUMENT: Illegal setting neither")
