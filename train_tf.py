"""Train and stage one candidate and print its metrics; publishes nothing. The same as `keepfit train`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "src"))

from keepfit.cli import main

if __name__ == "__main__":
    main(["train", *sys.argv[1:]])
