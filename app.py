"""The web page and /predict on port 5002. The same as `keepfit frontend`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "src"))

from keepfit.cli import main

if __name__ == "__main__":
    main(["frontend", *sys.argv[1:]])
