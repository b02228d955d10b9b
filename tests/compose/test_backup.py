"""The backup that docs/deployment.md prints, and its restore into another stack."""

import re

import pytest
from tests.compose.stack import ROOT, wait_until

DEPLOYMENT = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")

pytestmark = pytest.mark.timeout(600)


def printed_commands():
    """Those of the backup, and those of the restore."""
    [part] = re.findall(r"^## Backup and restore\n(.*?)^## ", DEPLOYMENT, re.DOTALL | re.MULTILINE)
    backup, restore = re.findall(r"```sh\n(.*?)```", part, re.DOTALL)
    return backup.splitlines(), restore.splitlines()


def run(stack, commands):
    for command in commands:
        status, printed = stack.shell(command)
        assert status == 0, f"{command}\n{printed}"


def test_what_was_backed_up_is_served_and_recorded_in_another_stack(new_stack):
    backup, restore = printed_commands()
    one = new_stack("one")
    one.compose("up", "-d", "--no-build", "trainer", "tfserving")
    wait_until(one.predicts, 240, lambda: one.story("trainer") + one.story("tfserving"))
    run(one, backup)
    assert one.served() == [1]
    one.wait_for_health("trainer")
    history = one.keepfit("history", "--json")[1]
    one.compose("down", "--timeout", "5")

    other = new_stack("other")
    (one.folder / "keepfit-backup.tar.gz").rename(other.folder / "keepfit-backup.tar.gz")
    run(other, [command.replace("up -d", "up -d --no-build trainer tfserving") for command in restore])
    wait_until(other.predicts, 120, lambda: other.story("trainer") + other.story("tfserving"))
    assert other.served() == [1]
    assert other.keepfit("history", "--json")[1] == history
