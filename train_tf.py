"""Train and stage one candidate and print its metrics; publishes nothing. The same as `keepfit train`."""

import os
import sys
from pathlib import Path

# found in src, here and by child processes, so that nothing has to be installed but the requirements
SOURCE = str(Path(__file__).resolve().parent / "src")
sys.path.insert(0, SOURCE)
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [SOURCE, os.environ.get("PYTHONPATH")]))

from keepfit.cli import main  # noqa: E402 - after the path is set

if __name__ == "__main__":
    main(["train", *sys.argv[1:]])
