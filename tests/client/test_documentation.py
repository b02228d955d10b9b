"""The snippets of docs/client.md are run as they stand, but for the ports."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from keepfit.client.failures import CODES
from keepfit.errors import UnreachableError

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "client.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("snippet", SNIPPETS, ids=range(len(SNIPPETS)))
def test_snippet_runs(snippet, shared):
    for port, ours in ((8501, shared.rest_port), (8500, shared.grpc_port)):
        snippet = snippet.replace(f'127.0.0.1:{port}"', f'127.0.0.1:{ours}"')
    snippet = snippet.replace('model="keepfit"', 'model="m"')
    command = [sys.executable, "-W", "error", "-c", snippet]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout or "example.org" in snippet
    assert not done.stderr


def test_every_error_is_in_the_table_with_its_codes():
    for error, codes in CODES.items():
        [row] = re.findall(rf"^\| `{error.__name__}` \|.*$", PAGE, re.MULTILINE)
        assert all(str(status) in row for status in codes.http if status != 500)
        assert all(code in row or "any other" in row for code in codes.grpc)
    assert f"`{UnreachableError.__name__}`" in PAGE
