"""The version policy: what is loaded and unloaded, and in which order."""

from hypothesis import given
from hypothesis import strategies as st

from keepfit.serving.policy import Plan, State, latest, plan

AVAILABLE, LOADING, UNLOADING, END = State.AVAILABLE, State.LOADING, State.UNLOADING, State.END


def test_latest_are_the_highest_numbers():
    assert latest([3, 11, 2]) == {11}
    assert latest([3, 11, 2], 2) == {11, 3}
    assert latest([]) == frozenset()


def test_first_version_is_loaded():
    assert plan({1}, {}, set()) == Plan(load=(1,))


def test_old_version_stays_until_the_new_one_is_available():
    assert plan({1, 2}, {1: AVAILABLE}, set()) == Plan(load=(2,))
    assert plan({1, 2}, {1: AVAILABLE, 2: LOADING}, set()) == Plan()
    assert plan({1, 2}, {1: AVAILABLE, 2: AVAILABLE}, set()) == Plan(unload=(1,))


def test_vanished_version_stays_until_the_lower_one_is_back():
    assert plan({1}, {1: END, 2: AVAILABLE}, set()) == Plan(load=(1,))
    assert plan({1}, {1: AVAILABLE, 2: AVAILABLE}, set()) == Plan(unload=(2,))


def test_failed_version_is_passed_over():
    assert plan({1, 2}, {1: AVAILABLE, 2: END}, {2}) == Plan()
    assert plan({1, 2}, {2: END}, {2}) == Plan(load=(1,))


def test_last_version_stays_while_nothing_on_disk_is_good_and_goes_when_nothing_is_there():
    assert plan({2}, {1: AVAILABLE, 2: END}, {2}) == Plan()
    assert plan(set(), {1: AVAILABLE}, set()) == Plan(unload=(1,))


def test_version_that_is_being_unloaded_is_not_loaded_at_the_same_time():
    assert plan({1}, {1: UNLOADING}, set()) == Plan()


versions = st.sets(st.integers(1, 6))


@given(versions, st.dictionaries(st.integers(1, 6), st.sampled_from(State)), versions, st.integers(1, 3))
def test_never_unloads_the_last_available_version_while_there_is_one_on_disk(on_disk, states, failed, count):
    available = {version for version, state in states.items() if state is AVAILABLE}
    decided = plan(on_disk, states, failed, count)
    assert set(decided.unload) <= available
    assert set(decided.load) <= on_disk - failed - available
    if available and on_disk:
        assert available - set(decided.unload)
