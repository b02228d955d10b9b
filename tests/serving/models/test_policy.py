"""The version policy: what is loaded and unloaded, and in which order."""

from hypothesis import given
from hypothesis import strategies as st

from keepfit.serving.models import policy
from keepfit.serving.models.policy import All, Latest, Plan, Specific, State

START, LOADING, AVAILABLE, UNLOADING, END = State


def plan(on_disk, states, failed):
    return policy.plan(Latest(), on_disk, states, failed)


def test_latest_are_the_highest_numbers():
    assert Latest().choose([3, 11, 2]) == {11}
    assert Latest(2).choose([3, 11, 2]) == {11, 3}
    assert Latest(5).choose([3, 11, 2]) == {2, 3, 11}
    assert Latest().choose([]) == frozenset()


def test_all_and_specific_choose_what_they_say():
    assert All().choose([3, 11]) == {3, 11}
    assert Specific(frozenset({3, 5})).choose([3, 11]) == {3}


def test_all_good_versions_are_loaded_and_kept():
    assert policy.plan(All(), {1, 2, 3}, {1: AVAILABLE}, {2}) == Plan(load=(3,))
    assert policy.plan(All(), {2, 3}, {1: AVAILABLE, 2: AVAILABLE, 3: AVAILABLE}, set()) == Plan(unload=(1,))


def test_other_specific_version_is_loaded_before_the_old_one_goes():
    other = Specific(frozenset({2}))
    assert policy.plan(other, {1, 2}, {1: AVAILABLE}, set()) == Plan(load=(2,))
    assert policy.plan(other, {1, 2}, {1: AVAILABLE, 2: AVAILABLE}, set()) == Plan(unload=(1,))
    assert policy.plan(other, {1, 2}, {1: AVAILABLE, 2: END}, {2}) == Plan()


def test_nothing_is_served_when_none_of_the_specific_versions_is_there():
    assert policy.plan(Specific(frozenset({7})), {1}, {1: AVAILABLE}, set()) == Plan(unload=(1,))


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
    assert plan({1}, {1: START}, set()) == Plan()


versions = st.sets(st.integers(1, 6))
policies = st.one_of(
    st.builds(Latest, st.integers(1, 3)), st.just(All()), st.builds(Specific, st.frozensets(st.integers(1, 6)))
)


@given(policies, versions, st.dictionaries(st.integers(1, 6), st.sampled_from(State)), versions)
def test_never_unloads_the_last_available_version_while_another_should_be_served(chosen, on_disk, states, failed):
    available = {version for version, state in states.items() if state is AVAILABLE}
    decided = policy.plan(chosen, on_disk, states, failed)
    assert set(decided.unload) <= available
    assert set(decided.load) <= on_disk - failed - available
    if available and chosen.choose(on_disk):
        assert available - set(decided.unload)
