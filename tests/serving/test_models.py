"""Several models from a config file: policies, labels, readiness."""

import shutil

import httpx
import pytest

CONFIG = """
model_config_list {{
  config {{
    name: "m" base_path: "{models}/m" model_platform: "tensorflow"
    model_version_policy {{ specific {{ versions: 1 versions: 3 }} }}
    version_labels {{ key: "stable" value: 1 }}
    version_labels {{ key: "canary" value: 3 }}
  }}
  config {{ name: "other" base_path: "{models}/other" model_platform: "tensorflow" }}
}}
"""


@pytest.fixture(scope="module")
def server(serve, prepared, tmp_path_factory):
    """Two models: m with versions 1 and 3 (of 1, 2, 3), whose factor is their number, and other with version 2."""
    models = tmp_path_factory.mktemp("several") / "models"
    for version in (1, 2, 3):
        shutil.copytree(prepared / str(version), models / "m" / str(version))
    shutil.copytree(prepared / "2", models / "other" / "2")
    config = models / "models.config"
    config.write_text(CONFIG.format(models=models))
    return serve(models, f"--model_config_file={config}", "--allow_version_labels_for_unavailable_models")


def predict(server, where):
    return httpx.post(f"{server.url}/v1/models/{where}:predict", json={"instances": [[1, 0]]}, timeout=10).json()


def test_ready_means_that_every_model_has_a_version(server):
    assert predict(server, "m")["predictions"] == [[3.0]]
    assert predict(server, "other")["predictions"] == [[2.0]]


def test_specific_versions_are_served_and_no_other(server):
    server.wait_for(lambda: server.states() == {1: "AVAILABLE", 3: "AVAILABLE"})
    assert predict(server, "m/versions/1")["predictions"] == [[1.0]]
    assert predict(server, "m/versions/2") == {"error": "Servable not found for request: Specific(m, 2)"}


def test_labels_name_versions(server):
    server.wait_for(lambda: server.states().get(1) == "AVAILABLE")
    assert predict(server, "m/labels/stable")["predictions"] == [[1.0]]
    assert predict(server, "m/labels/canary")["predictions"] == [[3.0]]
    assert predict(server, "m/labels/none") == {"error": "Unrecognized servable version label: none"}
    (status,) = httpx.get(f"{server.url}/v1/models/m/labels/stable").json()["model_version_status"]
    assert status["version"] == "1"
