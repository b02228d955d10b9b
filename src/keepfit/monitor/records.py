"""What the ledger and the folders of a project tell, for somebody who asks every few seconds.

Holds nothing that a restart would lose: all of it is read from where the pipeline writes it.
"""

import time
from collections.abc import Callable
from threading import Lock
from typing import TypeAlias

from keepfit import lookup
from keepfit.errors import StorageError
from keepfit.ledger import LedgerPlace, open_ledger
from keepfit.lookup import Account
from keepfit.project import Project
from keepfit.versions import Versions

_State: TypeAlias = tuple[object, ...]

ASK_AGAIN_S = 30.0
"""A database that is out of reach makes everybody wait who asks it: it is left alone for so long."""


class Records:
    """The account of one project, read anew only when something was added to it. Threads may share it."""

    def __init__(self, project: Project, clock: Callable[[], float] = time.monotonic) -> None:
        self._project = project
        self._clock = clock
        self._lock = Lock()  # guards the three that follow
        self._state: _State | None = None
        self._account: Account | None = None
        self._ask_at = 0.0

    def read(self) -> Account:
        """Return all that is known now. A ledger in trouble is a note in it, beside what was known before."""
        with self._lock:
            if self._account is None or self._clock() >= self._ask_at:
                self._account = self._renewed(self._account)
            return self._account

    def _renewed(self, known: Account | None) -> Account:
        try:
            state = self._look()
        except StorageError as error:
            self._ask_at = self._clock() + ASK_AGAIN_S
            # nothing is known yet: then what the folders tell
            return Account(known.versions, known.events, [str(error)]) if known else lookup.read(self._project)
        if known is not None and state == self._state and not known.notes:
            return known
        self._state = state
        return lookup.read(self._project)

    def _look(self) -> _State:
        """What changes whenever the account does, read in a moment; raises StorageError."""
        place, versions = LedgerPlace.of(self._project), Versions(self._project.models_dir)
        count = 0
        if not place.is_file or place.path.exists():
            with open_ledger(place) as ledger:
                count = ledger.count()
        # the ledger is append-only: as many events are the same events
        return count, *versions.numbers(), *versions.retired(), *(folder.name for folder in versions.candidates())
