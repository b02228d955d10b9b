"""The control of `retrain_cycle.py --gate`: a retraining run whose gate is the bare point rule.

No served version is looked for, so none answers the holdout, and none is compared with.
"""

import sys

from keepfit import cli
from keepfit.pipeline import challenge


def main() -> None:
    vars(challenge).update(find_rival=lambda *_: None)
    cli.main(["retrain", *sys.argv[1:]])


if __name__ == "__main__":
    main()
