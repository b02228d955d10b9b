"""kill -9 of workers under load: whoever asks meanwhile is answered, or told clearly; the service is back at once.

KILLS=100 python -m pytest -s tests/serving/test_kills.py is the long form; it prints how long each outage took.
"""

import os
import shutil

from .kills import kill_at_random


def test_killed_workers_fail_at_most_what_they_were_running(serve, prepared, models):
    shutil.copytree(prepared / "2", models / "2")
    server = serve(models)
    clients, kills = 4, int(os.environ.get("KILLS", "8"))
    seen = kill_at_random(
        f"{server.url}/v1/models/m:predict",
        server.worker_pids,
        kills=kills,
        clients=clients,
        pause_s=0.4,
        limit_s=30,
        expected={"predictions": [[6.0]]},
    )
    assert seen.wrong == []
    assert len(seen.refused) <= clients * kills
    assert all("process" in text for text in seen.refused)
    assert seen.answered > kills
    assert server.states() == {2: "AVAILABLE"}
    outages = sorted(seen.outages_s)
    print(
        f"{kills} kills, {seen.answered} answered, {len(seen.refused)} refused; outages: median "
        f"{outages[len(outages) // 2]:.2f} s, longest {outages[-1]:.2f} s"
    )
