"""A terminal that may go away: who reads a run's lines decides nothing about the run."""

import os
import sys

from rich.console import Console


class PatientConsole(Console):
    """Falls silent when nobody reads any more, as after `| head`, where Rich would end the process."""

    def on_broken_pipe(self) -> None:
        """Print nothing from here on, here and when Python flushes at its end."""
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
