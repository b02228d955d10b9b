"""What Models makes of configurations that come at run time, without any process: nothing here is ever loaded."""

import asyncio

import pytest
from google.protobuf import text_format
from prometheus_client import CollectorRegistry

from keepfit import protos
from keepfit.errors import FailedPreconditionError, InvalidRequestError, ModelNotFoundError, ReloadError
from keepfit.serving.metrics.counting import ServingMetrics
from keepfit.serving.models.manager import Rules
from keepfit.serving.models.model_config import ModelConfig
from keepfit.serving.models.models import Models
from keepfit.serving.models.slots import Slots
from keepfit.serving.workers.workers import Workers


def message(*entries):
    return text_format.Parse(f"model_config_list {{ {' '.join(entries)} }}", protos.ModelServerConfig())


def entry(name, folder, more=""):
    return f"config {{ name: '{name}' base_path: '{folder}' model_platform: 'tensorflow' {more} }}"


def label(version):
    return f"version_labels {{ key: 'stable' value: {version} }}"


def run(scenario, *configs, **more):
    """Run a scenario with models."""

    async def whole():
        workers = Workers(spare=False)
        models = Models(
            configs, Rules(poll_s=0.01), Slots(1, 1, 1), workers, ServingMetrics(CollectorRegistry()), **more
        )
        models.start()
        try:
            async with asyncio.timeout(60):
                await scenario(models)
        finally:
            await models.stop()

    asyncio.run(whole())


def test_only_lists_of_models_are_taken(tmp_path):
    async def scenario(models):
        for config in (
            protos.ModelServerConfig(),
            text_format.Parse("custom_model_config {}", protos.ModelServerConfig()),
        ):
            with pytest.raises(InvalidRequestError, match="Only ModelConfigList is currently supported"):
                await models.reload(config)
        with pytest.raises(InvalidRequestError, match="multiple times"):
            await models.reload(message(entry("a", tmp_path), entry("a", tmp_path)))
        assert [config.name for config in models.configs] == ["m"]

    run(scenario, ModelConfig("m", tmp_path))


def test_new_model_that_is_not_there_is_an_error_and_the_configuration_is_in_force(tmp_path):
    async def scenario(models):
        with pytest.raises(ReloadError) as caught:
            await models.reload(message(entry("new", tmp_path / "absent")))
        assert str(caught.value).startswith(
            "1 model(s) did not become available: {{{name: new} due to error: NOT_FOUND: Could not find base path "
        )
        assert [config.name for config in models.configs] == ["new"]
        assert list(models.unready) == ["new"]

    run(scenario)


def test_known_model_is_not_waited_for(tmp_path):
    async def scenario(models):
        await models.reload(message(entry("m", tmp_path, "model_version_policy { all {} }")))

    run(scenario, ModelConfig("m", tmp_path))


def test_label_of_a_version_that_is_not_available_is_refused_and_nothing_changes(tmp_path):
    async def scenario(models):
        with pytest.raises(FailedPreconditionError) as caught:
            await models.reload(message(entry("m", tmp_path, label(4)), entry("new", tmp_path)))
        assert str(caught.value) == (
            "Request to assign label to version 4 of model m, which is not currently available for inference"
        )
        assert [config.name for config in models.configs] == ["m"]

    run(scenario, ModelConfig("m", tmp_path))


def test_by_the_flag_a_new_label_may_name_any_version_but_not_be_moved(tmp_path):
    async def scenario(models):
        await models.reload(message(entry("m", tmp_path, label(4))))
        await models.reload(message(entry("m", tmp_path, label(4))))
        for manager in models:
            await manager.settled.wait()
        with pytest.raises(ModelNotFoundError, match=r"Servable not found for request: Specific\(m, 4\)"):
            models.find("m", label="stable")
        with pytest.raises(FailedPreconditionError):
            await models.reload(message(entry("m", tmp_path, label(5))))
        await models.reload(message(entry("m", tmp_path)))
        await models.reload(message(entry("m", tmp_path, label(5))))

    run(scenario, ModelConfig("m", tmp_path), allow_labels_for_unavailable=True)


def test_requests_are_refused_in_tensorflow_servings_words(tmp_path):
    async def scenario(models):
        with pytest.raises(InvalidRequestError, match=r"^ModelSpec has no name specified\.$"):
            models.find("")
        with pytest.raises(InvalidRequestError, match=r"^Unrecognized servable version label: x$"):
            models.find("m", label="x")
        with pytest.raises(ModelNotFoundError, match=r"^Servable not found for request: Latest\(absent\)$"):
            models.find("absent")
        with pytest.raises(ModelNotFoundError, match=r"^Could not find any versions of model m$"):
            models.status("m")
        with pytest.raises(ModelNotFoundError, match=r"^Could not find version 3 of model m$"):
            models.status("m", 3)
        with pytest.raises(ModelNotFoundError, match=r"^Could not find any versions of model $"):
            models.status("")

    run(scenario, ModelConfig("m", tmp_path))
