"""What paths name."""

import pytest

from keepfit.errors import InvalidRequestError
from keepfit.serving.rest.paths import Target, call_of, number, resource_of


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/v1/models/m:predict", Target("m", None, "", "predict")),
        ("/V1/Models/m/Versions/007:Classify", Target("m", "007", "", "classify")),
        ("/v1/models/m/labels/stable:regress", Target("m", None, "stable", "regress")),
        ("/v1/models/a%2Fb/labels/%C3%BC:predict", Target("a/b", None, "ü", "predict")),
        ("/v1/models/m", None),
        ("/v1/models/m:explain", None),
        ("/v1/models/m/versions/latest:predict", None),
    ],
)
def test_path_of_a_call_names_model_version_and_call(path, target):
    assert call_of(path) == target


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/v1/models/m", Target("m", None, "", "")),
        ("/v1/models/m/versions/2/metadata", Target("m", "2", "", "metadata")),
        ("/v1/models", Target("", None, "", "")),
        ("/v1/models/m:predict", None),
        ("/healthz", None),
    ],
)
def test_path_of_a_resource_names_a_model_or_none_yet(path, target):
    assert resource_of(path) == target


def test_version_is_a_number_of_64_bits():
    assert number(None) is None
    assert number("007") == 7
    assert number(str(2**63 - 1)) == 2**63 - 1
    for digits in (str(2**63), "1" * 400, "٣"):
        with pytest.raises(InvalidRequestError, match="Failed to convert version"):
            number(digits)
