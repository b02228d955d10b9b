"""What the ledger and the folders of a project tell, for somebody who asks every few seconds.

Holds nothing that a restart would lose: all of it is read from where the pipeline writes it.
"""

from threading import Lock
from typing import TypeAlias

from keepfit import lookup
from keepfit.errors import StorageError
from keepfit.ledger import LedgerPlace, open_ledger
from keepfit.lookup import Account
from keepfit.project import Project
from keepfit.versions import Versions

_State: TypeAlias = tuple[object, ...]


class Records:
    """The account of one project, read anew only when something was added to it. Threads may share it."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._lock = Lock()  # guards the two that follow
        self._state: _State | None = None
        self._account: Account | None = None

    def read(self) -> Account:
        """Return all that is known now; a ledger in trouble is a note in it."""
        with self._lock:
            state = self._look()
            if self._account is None or state is None or state != self._state:
                self._account, self._state = lookup.read(self._project), state
            return self._account

    def _look(self) -> _State | None:
        """What changes whenever the account does, read in a moment; None if the ledger cannot be read."""
        place, versions = LedgerPlace.of(self._project), Versions(self._project.models_dir)
        try:
            count = 0
            if not place.is_file or place.path.exists():
                with open_ledger(place) as ledger:
                    count = ledger.count()
        except StorageError:
            return None
        # the ledger is append-only: as many events are the same events
        return count, *versions.numbers(), *versions.retired(), *(folder.name for folder in versions.candidates())
