"""Which base paths are folders."""

from pathlib import Path

import pytest

from keepfit.errors import InvalidRequestError
from keepfit.serving.settings.base_path import folder_of


@pytest.mark.parametrize(
    ("base_path", "folder"),
    [("/models/m", "/models/m"), ("models", "models"), ("file:///models/m", "/models/m"), ("a:b", "a:b")],
)
def test_folders_are_named_by_paths_and_by_file_uris(base_path, folder):
    assert folder_of(base_path) == Path(folder)


@pytest.mark.parametrize("base_path", ["gs://bucket/m", "s3://bucket/m", "hdfs://host:8020/m"])
def test_what_is_no_folder_is_refused_with_tensorflows_words(base_path):
    scheme = base_path.partition(":")[0]
    with pytest.raises(InvalidRequestError, match=f"File system scheme '{scheme}' not implemented"):
        folder_of(base_path)
