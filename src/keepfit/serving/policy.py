"""Decides which versions to load and to unload. Pure: knows no disk, process, clock or API."""

from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Enum


class State(Enum):
    """Where a version is in its life; TensorFlow Serving's names."""

    START = "START"
    LOADING = "LOADING"
    AVAILABLE = "AVAILABLE"
    UNLOADING = "UNLOADING"
    END = "END"


@dataclass(frozen=True, slots=True)
class Plan:
    """Versions to start loading and to start unloading now."""

    load: tuple[int, ...] = ()
    unload: tuple[int, ...] = ()


def latest(versions: Collection[int], count: int = 1) -> frozenset[int]:
    """Return the highest versions, as many as count."""
    return frozenset(sorted(versions)[-count:])


def plan(on_disk: AbstractSet[int], states: Mapping[int, State], failed: AbstractSet[int], count: int = 1) -> Plan:
    """Say what to do so that the latest good versions are served and none is missed meanwhile.

    A failed version is passed over for the next lower one. Nothing is unloaded before everything that should be
    served is; if nothing on disk is any good, what is served stays; if nothing is on disk at all, all of it goes.
    """
    aspired = latest(on_disk - failed, count)
    available = {version for version, state in states.items() if state is State.AVAILABLE}
    busy = {version for version, state in states.items() if state in (State.LOADING, State.UNLOADING)}
    load = aspired - available - busy
    replaced = aspired <= available if aspired else not on_disk
    unload = available - aspired if replaced else frozenset[int]()
    return Plan(load=tuple(sorted(load, reverse=True)), unload=tuple(sorted(unload)))
