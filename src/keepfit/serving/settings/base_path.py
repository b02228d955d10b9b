"""Which folder a base path names. TensorFlow Serving takes URIs as well; of these only file:// is a folder here.

Knows no configuration and no disk.
"""

import re
from pathlib import Path

from keepfit.errors import InvalidRequestError

_SCHEME = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9.]*)://")


def folder_of(base_path: str) -> Path:
    """Return the folder, which may be relative; raises InvalidRequestError for a URI of another kind."""
    scheme = _SCHEME.match(base_path)
    if scheme is None:
        return Path(base_path)
    if scheme["name"] != "file":
        raise InvalidRequestError(
            f"File system scheme '{scheme['name']}' not implemented (file: '{base_path}'): "
            "only folders are served, so mount or copy it into one"
        )
    return Path(base_path[scheme.end() :])
