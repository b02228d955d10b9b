"""Bad input: folders, disks, config and ports. Logs show one clear line, the health says so, and the others go on."""

import os
import shutil
import socket
import subprocess

import httpx
import pytest
from tests.compose.stack import wait_until

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(os.getuid() != 0, reason="only root can give folders away and mount a small disk"),
]
USER = 12345


def give_away(folder):
    for path in (folder, *folder.rglob("*")):
        os.chown(path, USER, USER)


@pytest.fixture(scope="module")
def stack(new_stack):
    """A stack on folders of the user 12345, which belong to somebody else at first. Without its monitoring."""
    found = new_stack("folders", UID=USER, GID=USER, KEEPFIT_HOME="./home", KEEPFIT_MODELS="./home/models")
    (found.folder / "home" / "models").mkdir(parents=True)
    return found


def test_unwritable_folders_are_one_line_and_bad_health_and_the_others_go_on(stack):
    stack.compose("up", "-d", "--no-build", "trainer", "tfserving", "frontend")
    stack.wait_for_health("trainer", word="unhealthy")
    said = [line for line in stack.logs("trainer").splitlines() if "|" in line]
    assert len(said) == 1, said
    assert "/keepfit cannot be written by user 12345, group 12345: it belongs to 0:0" in said[0]
    assert "UID=0 and GID=0 in the file .env" in said[0]
    assert "cannot" in stack.health_says("trainer")
    stack.wait_for_health("frontend")
    assert stack.get("FRONTEND_PORT", "/metrics").status_code == 200
    assert stack.container("tfserving")["State"]["Status"] == "running"


def test_it_goes_on_by_itself_once_they_are_writable_and_files_belong_to_the_calling_user(stack):
    give_away(stack.folder / "home")
    wait_until(stack.predicts, 240, lambda: stack.story("trainer"))
    stack.wait_for_health("trainer", "tfserving")
    written = [path for path in (stack.folder / "home").rglob("*") if not path.name.startswith(".nfs")]
    assert (stack.folder / "home" / "models" / "1" / "saved_model.pb") in written
    assert (stack.folder / "home" / "notifications.log") in written
    assert {(path.stat().st_uid, path.stat().st_gid) for path in written} == {(USER, USER)}


def test_a_mistake_in_the_config_is_one_clear_line_and_serving_goes_on(stack):
    stack.configure(gate={"min_accuracy_precent": 97})
    stack.compose("restart", "--timeout", "10", "trainer", "frontend")
    line = "did you mean min_accuracy_percent?"
    for service in ("trainer", "frontend"):
        wait_until(lambda name=service: line in stack.logs(name), 60, lambda name=service: stack.story(name))
        assert "Traceback" not in stack.logs(service)
        # Docker starts it again, later and later, until the file is right
        wait_until(lambda name=service: stack.health(name) != "healthy", 60, lambda name=service: stack.story(name))
    assert stack.predicts()
    stack.configure()
    stack.wait_for_health("trainer", "frontend")


def test_a_full_disk_is_one_clear_line_and_bad_health_until_there_is_space(stack):
    stack.compose("rm", "--stop", "--force", "trainer")
    home, kept = stack.folder / "home", stack.folder / "kept"
    home.rename(kept)
    home.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size=4m,uid={USER},gid={USER}", "tmpfs", home], check=True)
    try:
        shutil.copytree(kept / "state", home / "state")
        (home / "models").mkdir()
        (home / "filling").write_bytes(b"0" * (4 * 2**20 - 256 * 2**10))
        give_away(home)
        stack.compose("up", "-d", "--no-build", "--no-deps", "trainer")
        wait_until(lambda: "full" in stack.logs("trainer"), 120, lambda: stack.story("trainer"))
        assert "Traceback" not in stack.logs("trainer")
        stack.wait_for_health("trainer", word="unhealthy")
        assert "full" in stack.health_says("trainer")
        assert stack.predicts()
    finally:
        stack.compose("rm", "--stop", "--force", "trainer")
        subprocess.run(["umount", home], check=True)
        home.rmdir()
        kept.rename(home)


def test_a_port_in_use_is_named_and_the_others_go_on(stack):
    stack.compose("rm", "--stop", "--force", "frontend")
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", stack.ports["FRONTEND_PORT"]))
        taken.listen()
        status, printed = stack.try_compose("up", "-d", "--no-build", "trainer", "tfserving", "frontend")
        assert status != 0
        assert str(stack.ports["FRONTEND_PORT"]) in printed
        assert "address already in use" in printed
        stack.wait_for_health("trainer", "tfserving")
        assert stack.predicts()
    stack.compose("up", "-d", "--no-build", "trainer", "tfserving", "frontend")
    stack.wait_for_health("frontend")


def test_the_embedded_server_takes_over_the_same_folder(stack):
    served = stack.served()
    stack.compose("rm", "--stop", "--force", "tfserving")
    names = ("trainer", "frontend", "embedded")
    stack.compose("--profile", "embedded", "up", "-d", "--no-build", "--scale", "tfserving=0", *names)
    wait_until(stack.predicts, 120, lambda: stack.story("embedded"))
    assert stack.served() == served
    stack.wait_for_health("embedded")
    page = httpx.post(stack.url("FRONTEND_PORT", "/predict"), json={"instances": [[1.5, 2.3]]}, timeout=30)
    assert page.status_code == 200
