"""One retraining run: train, judge, promote or reject. The same as `keepfit retrain`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "src"))

from keepfit.cli import main

if __name__ == "__main__":
    main(["retrain", *sys.argv[1:]])
