"""Decides which versions to load and to unload. Pure: knows no disk, process, clock or API."""

from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias


class State(Enum):
    """Where a version is in its life; TensorFlow Serving's names."""

    START = "START"
    LOADING = "LOADING"
    AVAILABLE = "AVAILABLE"
    UNLOADING = "UNLOADING"
    END = "END"


@dataclass(frozen=True, slots=True)
class Latest:
    """Serve the highest versions, as many as count."""

    count: int = 1

    def choose(self, versions: Collection[int]) -> frozenset[int]:
        """Return those of the versions that are to be served."""
        return frozenset(sorted(versions)[-self.count :])


@dataclass(frozen=True, slots=True)
class All:
    """Serve every version."""

    def choose(self, versions: Collection[int]) -> frozenset[int]:
        """Return those of the versions that are to be served."""
        return frozenset(versions)


@dataclass(frozen=True, slots=True)
class Specific:
    """Serve the versions that are named."""

    versions: frozenset[int]

    def choose(self, versions: Collection[int]) -> frozenset[int]:
        """Return those of the versions that are to be served."""
        return self.versions.intersection(versions)


VersionPolicy: TypeAlias = Latest | All | Specific


@dataclass(frozen=True, slots=True)
class Plan:
    """Versions to start loading and to start unloading now."""

    load: tuple[int, ...] = ()
    unload: tuple[int, ...] = ()


def plan(
    policy: VersionPolicy, on_disk: AbstractSet[int], states: Mapping[int, State], failed: AbstractSet[int]
) -> Plan:
    """Say what to do so that the good ones of the versions that the policy chooses are served and none is missed.

    A failed version is passed over, by Latest for the next lower one. Nothing is unloaded before everything that
    should be served is; if nothing that should be is any good, what is served stays; if nothing should be, all of it
    goes.
    """
    aspired = policy.choose(on_disk - failed)
    available = {version for version, state in states.items() if state is State.AVAILABLE}
    busy = {version for version, state in states.items() if state not in (State.AVAILABLE, State.END)}
    load = aspired - available - busy
    replaced = aspired <= available if aspired else not policy.choose(on_disk)
    unload = available - aspired if replaced else frozenset[int]()
    return Plan(load=tuple(sorted(load, reverse=True)), unload=tuple(sorted(unload)))
