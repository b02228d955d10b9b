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
    server = serve(models, f"--model_config_file={config}", "--allow_version_labels_for_unavailable_models")
    server.wait_for(lambda: server.states() == {1: "AVAILABLE", 3: "AVAILABLE"})
    return server


def predict(server, where):
    return httpx.post(f"{server.url}/v1/models/{where}:predict", json={"instances": [[1, 0]]}, timeout=10).json()


def test_ready_means_that_every_model_has_a_version(server):
    assert predict(server, "m")["predictions"] == [[3.0]]
    assert predict(server, "other")["predictions"] == [[2.0]]


def test_specific_versions_are_served_and_no_other(server):
    assert server.states() == {1: "AVAILABLE", 3: "AVAILABLE"}
    assert predict(server, "m/versions/1")["predictions"] == [[1.0]]
    assert predict(server, "m/versions/2") == {"error": "Servable not found for request: Specific(m, 2)"}


def test_labels_name_versions(server):
    assert predict(server, "m/labels/stable")["predictions"] == [[1.0]]
    assert predict(server, "m/labels/canary")["predictions"] == [[3.0]]
    assert predict(server, "m/labels/none") == {"error": "Unrecognized servable version label: none"}
    (status,) = httpx.get(f"{server.url}/v1/models/m/labels/stable").json()["model_version_status"]
    assert status["version"] == "1"


LISTED = """
config {{
  name: "{name}" base_path: "{models}/{name}" model_platform: "tensorflow"
  model_version_policy {{ {policy} }} {labels}
}}
"""


class Watched:
    """A server whose config file is looked at every 0.1 s."""

    def __init__(self, serve, folder):
        self.models = folder / "models"
        self.models.mkdir()
        self.file = self.models / "models.config"
        self.write("")
        self.server = serve(
            self.models, f"--model_config_file={self.file}", "--model_config_file_poll_wait_seconds=0.1"
        )

    def listed(self, name, policy="latest {}", **labels):
        labelled = "".join(f'version_labels {{ key: "{label}" value: {number} }} ' for label, number in labels.items())
        return LISTED.format(name=name, models=self.models, policy=policy, labels=labelled)

    def write(self, *models):
        staged = self.file.with_suffix(".new")
        staged.write_text(f"model_config_list {{ {' '.join(models)} }}")
        staged.rename(self.file)

    def publish(self, source, name, version):
        (self.models / name).mkdir(exist_ok=True)
        shutil.copytree(source, self.models / name / f".{version}")
        (self.models / name / f".{version}").rename(self.models / name / str(version))

    def states(self, name):
        answer = httpx.get(f"{self.server.url}/v1/models/{name}")
        return {int(entry["version"]): entry["state"] for entry in answer.json().get("model_version_status", ())}

    def wait_for_states(self, name, expected):
        self.server.wait_for(lambda: self.states(name) == expected)

    def wait_for_log(self, text):
        self.server.wait_for(lambda: text in self.server.log.read_text())


@pytest.fixture(scope="module")
def lasting(serve, tmp_path_factory):
    return Watched(serve, tmp_path_factory.mktemp("watched"))


@pytest.fixture
def watched(lasting, prepared, request):
    """The same server, without any model, and a name that no other test uses, with versions 1 and 2."""
    lasting.write()
    lasting.server.wait_for(lambda: httpx.get(f"{lasting.server.url}/readyz").status_code == 200)
    lasting.name = request.node.name.removeprefix("test_")[:30]
    for version in (1, 2):
        lasting.publish(prepared / str(version), lasting.name, version)
    return lasting


def test_models_are_added_and_removed_with_the_file(watched):
    name = watched.name
    assert httpx.get(f"{watched.server.url}/v1/models/{name}").status_code == 404
    watched.write(watched.listed(name))
    watched.wait_for_states(name, {2: "AVAILABLE"})
    assert predict(watched.server, name)["predictions"] == [[2.0]]
    watched.write()
    watched.wait_for_states(name, {2: "END"})
    assert predict(watched.server, name) == {"error": f"Servable not found for request: Latest({name})"}
    watched.write(watched.listed(name))
    watched.wait_for_states(name, {2: "AVAILABLE"})


def test_policy_changes_what_is_served(watched):
    name = watched.name
    watched.write(watched.listed(name, "all {}"))
    watched.wait_for_states(name, {2: "AVAILABLE", 1: "AVAILABLE"})
    watched.write(watched.listed(name, "specific { versions: 1 }"))
    watched.wait_for_states(name, {2: "END", 1: "AVAILABLE"})
    watched.write(watched.listed(name, "latest { num_versions: 2 }"))
    watched.wait_for_states(name, {2: "AVAILABLE", 1: "AVAILABLE"})


def test_label_moves_only_to_an_available_version(watched):
    name = watched.name
    watched.write(watched.listed(name, "all {}"))
    watched.wait_for_states(name, {2: "AVAILABLE", 1: "AVAILABLE"})
    watched.write(watched.listed(name, "all {}", stable=1))
    watched.server.wait_for(lambda: predict(watched.server, f"{name}/labels/stable").get("predictions") == [[1.0]])
    watched.write(watched.listed(name, "all {}", stable=9))
    watched.wait_for_log(
        f"failed to ReloadConfig: Request to assign label to version 9 of model {name}, "
        "which is not currently available for inference"
    )
    assert predict(watched.server, f"{name}/labels/stable")["predictions"] == [[1.0]]
    watched.write(watched.listed(name, "all {}", stable=2))
    watched.server.wait_for(lambda: predict(watched.server, f"{name}/labels/stable").get("predictions") == [[2.0]])


def test_bad_file_is_told_once_and_changes_nothing(watched):
    name = watched.name
    watched.write(watched.listed(name))
    watched.wait_for_states(name, {2: "AVAILABLE"})
    watched.write("nonsense")
    watched.wait_for_log(
        f"Failed to read ModelServerConfig file: INVALID_ARGUMENT: Invalid protobuf file: '{watched.file}'"
    )
    watched.file.unlink()
    watched.wait_for_log(f"Failed to read ModelServerConfig file: NOT_FOUND: {watched.file}; No such file")
    assert predict(watched.server, name)["predictions"] == [[2.0]]
    assert watched.server.log.read_text().count("Invalid protobuf file") == 1
    watched.write()
    watched.wait_for_states(name, {2: "END"})


def test_server_is_not_ready_while_a_model_has_no_version(watched):
    name = watched.name
    watched.write(watched.listed(name), watched.listed("absent"))
    watched.wait_for_states(name, {2: "AVAILABLE"})
    answer = httpx.get(f"{watched.server.url}/readyz")
    assert answer.status_code == 503
    assert f"absent (Could not find base path {watched.models / 'absent'} for servable absent" in answer.json()["error"]
    assert predict(watched.server, name)["predictions"] == [[2.0]]
    watched.wait_for_log("failed to ReloadConfig: 1 model(s) did not become available: {{{name: absent}")


def test_readiness_says_why_a_model_has_no_version(watched):
    (watched.models / "broken" / "1").mkdir(parents=True)
    watched.write(watched.listed("broken"))
    answer = f"{watched.server.url}/readyz"
    expected = "No version is available yet of broken (version 1: Could not find SavedModel .pb or .pbtxt"
    watched.server.wait_for(lambda: expected in httpx.get(answer).text)
    assert httpx.get(answer).status_code == 503


def test_version_without_enough_memory_is_refused_and_the_old_one_serves(watched):
    name = watched.name
    watched.write(watched.listed(name))
    watched.wait_for_states(name, {2: "AVAILABLE"})
    staged = watched.models / name / ".3"
    shutil.copytree(watched.models / name / "2", staged)
    with (staged / "variables" / "more").open("w") as file:
        file.truncate(2**43)  # sparse: it takes no room
    staged.rename(watched.models / name / "3")
    watched.wait_for_states(name, {3: "END", 2: "AVAILABLE"})
    (status,) = httpx.get(f"{watched.server.url}/v1/models/{name}/versions/3").json()["model_version_status"]
    assert status["status"]["error_code"] == "RESOURCE_EXHAUSTED"
    assert f"Insufficient resources to load servable {{name: {name} version: 3}}" in status["status"]["error_message"]
    assert predict(watched.server, name)["predictions"] == [[2.0]]
