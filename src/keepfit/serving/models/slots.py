"""How many versions may be loaded, and unloaded, at the same time. Knows nothing of versions."""

import asyncio
from contextlib import AbstractAsyncContextManager


class Slots:
    """Keeps the number of versions that are loaded, and unloaded, at the same time within bounds, over all models."""

    def __init__(self, load: int, unload: int, at_start: int) -> None:
        self._load = asyncio.Semaphore(load)
        self._at_start = asyncio.Semaphore(at_start)
        self.unload = asyncio.Semaphore(unload)
        self.starting = True
        """While the server starts, the bound is another one, because nothing is served yet that loading could slow."""

    @property
    def load(self) -> AbstractAsyncContextManager[None]:
        """What is held while a version is loaded."""
        return self._at_start if self.starting else self._load
