"""A terminal that may go away: who reads a run's lines decides nothing about the run."""

import os
import sys

from rich.console import Console
from rich.markup import escape


class PatientConsole(Console):
    """Falls silent when nobody reads any more, as after `| head`, where Rich would end the process."""

    def on_broken_pipe(self) -> None:
        """Print nothing from here on, here and when Python flushes at its end."""
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def tell(console: Console, text: str) -> None:
    """Print what Keepfit does, as a sentence without its subject."""
    console.print(f"[bold]Keepfit[/] {escape(text)}", highlight=False, soft_wrap=True)
