"""Version directories: complete or absent, never changed, never numbered twice, and only the judged ones visible."""

import threading
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from keepfit.errors import StorageError, VersionNotFoundError
from keepfit.serving.models.source import versions_in
from keepfit.versions import Versions


def publish(versions, text="model"):
    version = versions.reserve()
    staged = versions.stage(f"run-{version}")
    (staged / "saved_model.pb").write_text(f"{text} {version}")
    (staged / "manifest.json").write_text("{}")
    versions.publish(staged, version)
    return version


@pytest.fixture
def versions(tmp_path):
    return Versions(tmp_path / "models")


@pytest.fixture
def five(versions):
    for _ in range(5):
        publish(versions)
    return versions


def test_nothing_there_is_no_version(versions):
    assert versions.numbers() == versions.retired() == versions.candidates() == []
    assert versions.current() is None
    assert versions.clean_staging() == 0
    with pytest.raises(VersionNotFoundError, match=r"there is no version 1 under .* \(there: none yet\)"):
        versions.path(1)
    assert not versions.folder.exists()


def test_published_candidate_is_visible_under_the_reserved_number(versions):
    assert publish(versions) == 1
    assert publish(versions) == 2
    assert versions.numbers() == [1, 2]
    assert versions.current() == 2
    assert (versions.path(2) / "saved_model.pb").read_text() == "model 2"
    assert versions.clean_staging() == 0


def test_staged_candidate_is_not_visible_to_us_nor_to_the_server(versions):
    (versions.stage("run") / "saved_model.pb").write_text("half")
    versions.keep_candidate(versions.stage("other"), keep=3)
    assert versions.numbers() == []
    assert versions_in(versions.folder) == {}


def test_publishing_an_existing_number_is_refused_and_changes_nothing(five):
    staged = five.stage("again")
    with pytest.raises(StorageError, match=r"version 3 exists already under .*: it is never changed"):
        five.publish(staged, 3)
    assert staged.is_dir()
    assert (five.path(3) / "saved_model.pb").read_text() == "model 3"


def test_even_an_empty_folder_in_the_way_is_not_overwritten(versions):
    version = versions.reserve()
    (versions.folder / str(version)).mkdir()
    with pytest.raises(StorageError):
        versions.publish(versions.stage("run"), version)


def test_number_is_never_used_again_after_rollback_and_prune(five):
    five.roll_back(to=2)
    assert publish(five) == 6
    five.roll_back(to=2)
    five.prune(2)
    assert publish(five) == 7
    assert five.retired() == [5, 6]


def test_number_is_not_used_again_if_the_run_died_before_publishing(versions):
    assert [versions.reserve(), versions.reserve()] == [1, 2]
    assert publish(versions) == 3


@pytest.mark.parametrize("content", [b"", b"rubbish", b"-4", b"\xff\xfe", b"0"])
def test_broken_record_of_the_last_number_gives_none_away(five, content):
    (five.folder / ".last_version").write_bytes(content)
    with pytest.raises(StorageError, match=r"\.last_version .*: write the highest number ever used into it"):
        five.reserve()


def test_missing_record_of_the_last_number_does_not_repeat_what_is_there(five):
    five.roll_back()
    (five.folder / ".last_version").unlink()
    assert publish(five) == 6


def test_no_number_is_given_away_that_would_not_be_seen(versions):
    (versions.folder / ("9" * 18)).mkdir(parents=True)
    with pytest.raises(StorageError, match=r"no number is left above 9+ under .*: move that folder away"):
        versions.reserve()


def test_numbers_are_given_away_once_under_concurrency(versions):
    found = []
    threads = [threading.Thread(target=lambda: found.extend(versions.reserve() for _ in range(10))) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(1, 51))


@pytest.mark.parametrize("name", [".5", "5.tmp", "5 ", "0", "-5", "+5", "٥", "1" * 19, "x", "5a"])
def test_other_names_are_no_versions(versions, name):
    (versions.folder / name).mkdir(parents=True)
    assert versions.numbers() == []


def test_file_with_a_number_for_a_name_is_no_version(five):
    (five.folder / "9").write_text("")
    assert five.current() == 5


def test_rollback_goes_to_the_one_before(five):
    assert five.roll_back() == ([5], 4)
    assert five.current() == 4
    assert five.retired() == [5]
    assert five.roll_back() == ([4], 3)


def test_rollback_to_the_current_one_does_nothing(five):
    assert five.roll_back(to=5) == ([], 5)
    assert five.numbers() == [1, 2, 3, 4, 5]


def test_rollback_never_makes_a_version_between_the_highest(five):
    """Whoever looks in between sees the old highest or the new one."""
    seen = set()
    stop = threading.Event()

    def look():
        while not stop.is_set():
            seen.add(max(versions_in(five.folder)))

    watcher = threading.Thread(target=look)
    watcher.start()
    for _ in range(20):
        assert five.roll_back(to=1) == ([2, 3, 4, 5], 1)
        for number in (5, 4, 3, 2):
            five.restore(number)
    stop.set()
    watcher.join()
    assert seen == {1, 5}


@pytest.mark.parametrize(
    ("to", "message"),
    [(9, r"there is no version 9 under .* \(there: 1, 2, 3, 4, 5\)"), (0, "no version 0"), (-1, "no version -1")],
)
def test_rollback_to_a_version_that_is_not_there_changes_nothing(five, to, message):
    with pytest.raises(VersionNotFoundError, match=message):
        five.roll_back(to)
    assert five.numbers() == [1, 2, 3, 4, 5]


def test_rollback_needs_something_to_go_back_to(versions):
    with pytest.raises(VersionNotFoundError, match="there is no version yet"):
        versions.roll_back()
    publish(versions)
    with pytest.raises(VersionNotFoundError, match="nothing to go back to: there is no version before 1"):
        versions.roll_back()
    assert versions.current() == 1


def test_restored_version_is_the_same_as_before(five):
    five.roll_back(to=3)
    five.restore(5)
    assert five.numbers() == [1, 2, 3, 5]
    assert (five.path(5) / "saved_model.pb").read_text() == "model 5"
    with pytest.raises(
        VersionNotFoundError, match=r"version 5 cannot be restored: it was not rolled back \(those: 4\)"
    ):
        five.restore(5)


def test_single_version_can_be_retired(five):
    five.retire(3)
    assert five.numbers() == [1, 2, 4, 5]
    with pytest.raises(VersionNotFoundError):
        five.retire(3)


@pytest.mark.parametrize(
    ("keep", "left"), [(0, [4, 5]), (1, [4, 5]), (2, [4, 5]), (3, [3, 4, 5]), (9, [1, 2, 3, 4, 5])]
)
def test_prune_keeps_at_least_the_current_one_and_its_predecessor(five, keep, left):
    assert five.prune(keep) == [number for number in range(1, 6) if number not in left]
    assert five.numbers() == left
    assert list((five.folder / ".staging").iterdir()) == []


def test_prune_leaves_a_numbered_folder_that_is_not_ours(five):
    (five.folder / "1" / "manifest.json").unlink()
    assert five.prune(2) == [2, 3]
    assert five.numbers() == [1, 4, 5]


def test_prune_removes_the_oldest_retired_ones_as_well(five):
    five.roll_back(to=1)
    five.prune(3)
    assert five.retired() == [3, 4, 5]
    assert five.numbers() == [1]


def test_only_the_newest_candidates_are_kept(versions):
    for number in range(5):
        versions.keep_candidate(versions.stage(f"2026-{number}"), keep=2)
    assert [path.name for path in versions.candidates()] == ["2026-3", "2026-4"]
    staged = versions.stage("2026-5")
    assert versions.keep_candidate(staged, keep=0) is None
    assert not staged.exists()


def test_staging_is_cleaned_of_folders_and_files(versions):
    (versions.stage("run") / "variables").mkdir()
    (versions.folder / ".staging" / "qualification.npz").write_text("x")
    assert versions.clean_staging() == 2
    assert list((versions.folder / ".staging").iterdir()) == []


def test_file_in_place_of_the_models_folder_is_told(tmp_path):
    (tmp_path / "models").write_text("")
    with pytest.raises(StorageError, match="a file stands where a folder is expected"):
        Versions(tmp_path / "models").reserve()


class VersionsMachine(RuleBasedStateMachine):
    """Any order of publish, roll back, restore, retire, prune and death, against a model of plain sets."""

    folders = iter(range(10**9))
    base = None

    def __init__(self):
        super().__init__()
        self.versions = Versions(Path(self.base, str(next(self.folders))))
        self.visible, self.retired, self.given = set(), set(), set()

    @rule()
    def publish(self):
        number = publish(self.versions)
        assert number not in self.given
        assert number > max(self.given, default=0)
        self.given.add(number)
        self.visible.add(number)

    @rule()
    def die_before_publishing(self):
        number = self.versions.reserve()
        self.given.add(number)
        self.versions.stage(f"dead-{number}")
        self.versions = Versions(self.versions.folder)

    @precondition(lambda self: self.visible)
    @rule(data=st.data())
    def roll_back(self, data):
        to = data.draw(st.sampled_from(sorted(self.visible)))
        above = {number for number in self.visible if number > to}
        assert self.versions.roll_back(to) == (sorted(above), to)
        self.visible -= above
        self.retired |= above

    @precondition(lambda self: self.retired)
    @rule(data=st.data())
    def restore(self, data):
        number = data.draw(st.sampled_from(sorted(self.retired)))
        self.versions.restore(number)
        self.retired.remove(number)
        self.visible.add(number)

    @rule(keep=st.integers(2, 4))
    def prune(self, keep):
        highest = sorted(self.visible)[-2:]
        self.versions.prune(keep)
        self.visible = set(sorted(self.visible)[-keep:])
        self.retired = set(sorted(self.retired)[-keep:])
        assert set(highest) <= set(self.versions.numbers())

    @rule()
    def clean(self):
        self.versions.clean_staging()
        assert self.versions.clean_staging() == 0

    @invariant()
    def sets_agree_and_contents_are_unchanged(self):
        assert self.versions.numbers() == sorted(self.visible)
        assert self.versions.retired() == sorted(self.retired)
        assert self.versions.current() == max(self.visible, default=None)
        for number in self.visible:
            assert (self.versions.path(number) / "saved_model.pb").read_text() == f"model {number}"

    @invariant()
    def server_sees_the_same_versions(self):
        if self.versions.folder.exists():
            assert set(versions_in(self.versions.folder)) == self.visible


def test_any_order_of_changes_keeps_the_rules(tmp_path_factory):
    VersionsMachine.base = str(tmp_path_factory.mktemp("machine"))
    run_state_machine_as_test(
        VersionsMachine, settings=settings(max_examples=25, stateful_step_count=20, deadline=None)
    )
