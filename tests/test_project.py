"""What config.json and the environment may say, and what is said of each kind of mistake in them."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepfit.config import Config
from keepfit.errors import ConfigError
from keepfit.project import expand_environment, load, parse_host


@pytest.fixture
def read(tmp_path):
    """Write config.json (a value, text or bytes) and load it with these environment variables."""

    def run(content, **environ):
        path = tmp_path / "config.json"
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return load(path, environ)

    return run


def test_users_config_is_read_and_the_rest_is_default(read, tmp_path):
    project = read(
        {
            "model_name": "bank",
            "gate": {"min_accuracy_percent": 96.5},
            "train": {"epochs": 3, "batch_size": 16, "learning_rate": 0.1},
        }
    )
    assert project.config.model_name == "bank"
    assert project.config.gate.min_accuracy_percent == 96.5
    assert (project.config.train.epochs, project.config.train.batch_size) == (3, 16)
    assert project.config.retention == Config().retention
    assert project.models_dir == tmp_path / "models"
    assert project.serving_url == "http://127.0.0.1:8501"
    assert not project.serving_is_elsewhere


def test_missing_file_means_defaults_unless_it_was_named(tmp_path):
    path = tmp_path / "config.json"
    assert load(path, {}).config == Config()
    with pytest.raises(ConfigError) as caught:
        load(path, {}, must_exist=True)
    assert str(caught.value) == f"there is no config file at {path}"


def test_model_may_be_a_string(read):
    assert read({"model": "my_model:build"}).config.model.build == "my_model:build"


MISTAKES = {
    "unknown key with a near one": (
        {"trian": {}},
        (
            "config.json: trian (found {}) is unknown: did you mean train? allowed here: $schema, "
            "model_name, gate, train, data, model, schedule, notifications, serving, frontend, trainer, ledger, "
            "tracking, drift, retention, models_dir, tf_cpp_min_log_level"
        ),
    ),
    "unknown key in a section": (
        {"gate": {"accuracy": 97}},
        "config.json: gate.accuracy (found 97) is unknown: allowed here: min_accuracy_percent, min_r2",
    ),
    "text for a number": (
        {"train": {"epochs": "10"}},
        'config.json: train.epochs is "10": expected a valid integer',
    ),
    "fraction for a whole number": (
        {"train": {"epochs": 1.5}},
        "config.json: train.epochs is 1.5: expected a valid integer",
    ),
    "true for a number": ({"train": {"epochs": True}}, "config.json: train.epochs is true: expected a valid integer"),
    "number for a text": ({"models_dir": 3}, "config.json: models_dir is 3: expected a valid string"),
    "number for a section": ({"train": 5}, "config.json: train is 5: expected an object"),
    "list for a section": ({"gate": [97]}, "config.json: gate is [97]: expected an object"),
    "null for a section": ({"gate": None}, "config.json: gate is null: expected an object"),
    "too small": (
        {"train": {"epochs": 0}},
        "config.json: train.epochs is 0: expected greater than or equal to 1",
    ),
    "too large": (
        {"gate": {"min_accuracy_percent": 100.5}},
        "config.json: gate.min_accuracy_percent is 100.5: expected less than or equal to 100",
    ),
    "not one of": (
        {"data": {"source": "excel"}},
        "config.json: data.source is \"excel\": expected 'synthetic', 'csv', 'parquet' or 'sql'",
    ),
    "source without path": (
        {"data": {"source": "csv"}},
        "config.json: data: source 'csv' needs the key 'path' as well",
    ),
    "sql without query": (
        {"data": {"source": "sql", "url": "sqlite:///x.db"}},
        "config.json: data: source 'sql' needs the key 'query' as well",
    ),
    "holdout for synthetic": (
        {"data": {"holdout_path": "test.csv"}},
        "config.json: data: holdout_path is for files: source 'synthetic' splits its rows by holdout_fraction",
    ),
    "unknown zone": (
        {"schedule": {"timezone": "Mars/Base"}},
        "config.json: schedule.timezone: 'Mars/Base' is not an IANA time zone, such as 'Europe/Berlin'",
    ),
    "zone outside of the folder": (
        {"schedule": {"timezone": "../../etc/passwd"}},
        "config.json: schedule.timezone: '../../etc/passwd' is not an IANA time zone, such as 'Europe/Berlin'",
    ),
    "item of a list": (
        {"notifications": {"urls": ["json://x", 7]}},
        "config.json: notifications.urls.1 is 7: expected a valid string",
    ),
    "model name with a slash": (
        {"model_name": "a/b"},
        'config.json: model_name is "a/b": expected text of the form ^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$',
    ),
    "model without a function": (
        {"model": "my_model"},
        r'config.json: model.build is "my_model": expected text of the form ^[A-Za-z_][\w.]*:[A-Za-z_]\w*$',
    ),
    "port out of range": (
        {"serving": {"rest_port": 70000}},
        "config.json: serving.rest_port is 70000: expected less than or equal to 65535",
    ),
    "a list": ([], "config.json holds []: expected an object with keys such as model_name"),
    "a text": ('"x"', 'config.json holds "x": expected an object with keys such as model_name'),
    "empty file": ("", "config.json is not JSON: Expecting value in line 1, column 1"),
    "truncated": ('{"gate": {', "config.json is not JSON: Expecting property name enclosed in double quotes in line 1"),
    "comma too many": ('{"model_name": "a",}', "config.json is not JSON: "),
    "key twice": (
        '{"gate": {}, "gate": {}}',
        "the key 'gate' stands twice in config.json: keep one",
    ),
    "NaN": (
        '{"gate": {"min_accuracy_percent": NaN}}',
        "config.json: gate.min_accuracy_percent is NaN: expected a finite number",
    ),
    "number over all bounds": (
        '{"gate": {"min_accuracy_percent": 1e999}}',
        "config.json: gate.min_accuracy_percent is Infinity: expected a finite number",
    ),
    "not UTF-8": (b'{"model_name": "\xff"}', "config.json is not UTF-8: byte 16 cannot be read"),
    "number of 5,000 digits": ('{"train": {"epochs": ' + "9" * 5000 + "}}", "config.json is nested too deeply, or has"),
    "nested too deeply": ("[" * 100_000, "config.json is nested too deeply"),
    "long value is cut": (
        {"train": {"epochs": "9" * 500}},
        'config.json: train.epochs is "' + "9" * 56 + "...: expected a valid integer",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_each_mistake_is_named_with_what_was_found_and_what_is_allowed(read, name):
    content, message = MISTAKES[name]
    with pytest.raises(ConfigError) as caught:
        read(content)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_all_mistakes_are_told_at_once_each_in_a_line(read):
    with pytest.raises(ConfigError) as caught:
        read({"train": {"epochs": 0, "batch_size": "x"}, "gates": {}})
    keys = [line.split(" ")[1] for line in str(caught.value).splitlines()]
    assert keys == ["train.epochs", "train.batch_size", "gates"]


def test_folder_in_place_of_the_file_is_told(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(tmp_path, {})


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda x: st.dictionaries(st.text(), x)))
def test_no_json_whatever_raises_anything_but_a_config_error(tmp_path_factory, value):
    path = tmp_path_factory.getbasetemp() / "random.json"
    path.write_text(json.dumps(value))
    with contextlib.suppress(ConfigError):
        load(path, {})


@given(st.sampled_from([("gate",), ("train",), ("data",), ("serving",), ()]), st.text(), st.integers() | st.text())
def test_an_unknown_key_is_always_named(tmp_path_factory, parents, key, value):
    section = Config
    for parent in parents:
        section = section.model_fields[parent].annotation
    if key in section.model_fields or key == "$schema":
        return
    content = {key: value}
    for parent in reversed(parents):
        content = {parent: content}
    path = tmp_path_factory.getbasetemp() / "unknown.json"
    path.write_text(json.dumps(content))
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert ".".join([*parents, key]) in str(caught.value)


def test_environment_wins_over_the_file(read):
    project = read(
        {"model_name": "a", "tf_cpp_min_log_level": 0, "serving": {"rest_port": 9000}},
        MODEL_NAME="b",
        TF_CPP_MIN_LOG_LEVEL="3",
        TF_HOST="serving",
    )
    assert project.config.model_name == "b"
    assert project.config.tf_cpp_min_log_level == 3
    assert project.serving_url == "http://serving:9000"
    assert project.serving_is_elsewhere


def test_empty_environment_variables_count_for_nothing(read):
    project = read({"model_name": "a"}, MODEL_NAME=" ", TF_CPP_MIN_LOG_LEVEL="", TF_HOST=" ")
    assert project.config.model_name == "a"
    assert project.serving_url == "http://127.0.0.1:8501"


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("MODEL_NAME", "a/b", "MODEL_NAME is 'a/b': expected letters, digits, dots, dashes and underscores"),
        ("TF_CPP_MIN_LOG_LEVEL", "4", "TF_CPP_MIN_LOG_LEVEL is '4': expected 0, 1, 2 or 3"),
        ("TF_CPP_MIN_LOG_LEVEL", "high", "TF_CPP_MIN_LOG_LEVEL is 'high': expected 0, 1, 2 or 3"),
        ("TF_HOST", "a/b", "TF_HOST is 'a/b': expected a host, host:port or http://host:port"),
    ],
)
def test_wrong_environment_variable_is_named(read, variable, value, message):
    with pytest.raises(ConfigError) as caught:
        read({}, **{variable: value})
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("serving", "http://serving:8501"),
        ("serving:9000", "http://serving:9000"),
        ("10.0.0.7", "http://10.0.0.7:8501"),
        ("tf_serving.local:1", "http://tf_serving.local:1"),
        ("http://serving", "http://serving:8501"),
        ("http://serving:80/", "http://serving:80"),
        ("https://serving:443", "https://serving:443"),
        ("[::1]", "http://[::1]:8501"),
        ("[::1]:9000", "http://[::1]:9000"),
        ("LOCALHOST", "http://localhost:8501"),
    ],
)
def test_tf_host_forms(text, url):
    assert parse_host(text, 8501) == url


@pytest.mark.parametrize(
    "text",
    [
        "serving:port",
        "serving:99999",
        ":8501",
        "http://",
        "ftp://serving",
        "grpc://serving:8500",
        "serving/v1",
        "http://serving/v1/models",
        "http://user:password@serving",
        "serving?x=1",
        "two words",
        "[::1",
        "::1",
        "bücher",
    ],
)
def test_other_tf_hosts_are_refused(text):
    with pytest.raises(ConfigError, match=r"TF_HOST is .*: expected a host, host:port or http://host:port"):
        parse_host(text, 8501)


@given(st.text())
def test_every_tf_host_is_a_url_or_a_config_error(text):
    with contextlib.suppress(ConfigError):
        assert parse_host(text, 8501).startswith(("http://", "https://"))


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "[::1]", "0.0.0.0"])
def test_loopback_is_not_elsewhere(read, host):
    assert not read({}, TF_HOST=host).serving_is_elsewhere


def test_environment_is_expanded_where_it_is_named():
    assert expand_environment("a ${X} $Y ${Z", {"X": "1"}) == "a 1 $Y ${Z"
    with pytest.raises(ConfigError, match=r"the environment variable X is not set, but config.json refers .* \$\{X\}"):
        expand_environment("${X}", {})


@pytest.mark.parametrize(
    ("environ", "key"), [({}, None), ({"KEEPFIT_API_KEY": " k "}, "k"), ({"KEEPFIT_API_KEY": ""}, None)]
)
def test_key_for_the_model_server_comes_from_the_environment_only(read, environ, key):
    assert read({}, **environ).serving_api_key == key
