"""The client is light: it must not bring TensorFlow or the data stack into a process."""

import subprocess
import sys

HEAVY = ("tensorflow", "keras", "polars", "sklearn", "scipy", "pydantic", "sqlalchemy", "keepfit.serving")


def test_import_is_light():
    program = f"import sys, keepfit.client; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
