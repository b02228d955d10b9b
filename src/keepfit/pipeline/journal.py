"""What a person sees of a run on the terminal, and everything of it in last_train_log.txt.

A bar where there is a terminal, plain lines where there is none. Knows nothing of what the stages do.
"""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from keepfit.pipeline.epoch import EpochReport
from keepfit.storage import guarded

_log = logging.getLogger("keepfit.run")
_STDERR = 2


class Journal:
    """Lines for one run. A context manager: the log file is open in it, and standard error goes there.

    TensorFlow's C++ code writes to standard error whatever it is asked; in the log it helps, on a terminal it hides
    what matters.
    """

    def __init__(self, log_path: Path, console: Console) -> None:
        self._path = log_path
        self._console = console

    def __enter__(self) -> Self:
        with guarded(self._path):
            self._path.write_bytes(b"")
            # both append, so that neither overwrites the other
            self._handler = logging.FileHandler(self._path, mode="a", encoding="utf-8")
            self._terminal = os.dup(_STDERR)
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND)
        os.dup2(descriptor, _STDERR)
        os.close(descriptor)
        self._handler.setFormatter(_UtcFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        self._handler.handleError = _ignore  # type: ignore[method-assign]  # a full disk must not end the run here
        self._root = logging.getLogger()
        self._root.addHandler(self._handler)
        _log.setLevel(logging.INFO)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            _log.error("the run ended early", exc_info=error)
        self._root.removeHandler(self._handler)
        os.dup2(self._terminal, _STDERR)
        os.close(self._terminal)
        try:
            self._handler.close()
        except OSError as problem:
            self._console.print(f"  [yellow]note[/]       the log could not be finished: {escape(str(problem))}")

    def say(self, stage: str, text: str, style: str = "") -> None:
        """One line of the run: what stage, and what came of it."""
        _log.info("%s: %s", stage, text)
        self._console.print(f"  [bold {style}]{stage:<10}[/] {escape(text)}", soft_wrap=True, highlight=False)

    def record(self, text: str) -> None:
        """One line for the log alone: what is too much for a terminal."""
        _log.info("%s", text)

    def warn(self, text: str) -> None:
        """Something that a person should know, but that stops nothing."""
        _log.warning(text)
        self._console.print(f"  [bold yellow]{'note':<10}[/] {escape(text)}", soft_wrap=True, highlight=False)

    @contextmanager
    def epochs(self, total: int) -> Iterator[Callable[[EpochReport], None]]:
        """Show the progress of the training; yields what has to be called after every epoch."""
        if not self._console.is_terminal:
            yield self._plain_epoch
            return
        columns = (
            TextColumn("  [bold]training  [/]"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TextColumn("{task.fields[measured]}"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self._console, transient=True) as progress:
            task = progress.add_task("training", total=total, measured="")

            def show(report: EpochReport) -> None:
                _log.info("%s", _epoch_text(report))
                progress.update(task, completed=report.epoch, measured=_measured(report))

            yield show

    def _plain_epoch(self, report: EpochReport) -> None:
        _log.info("%s", _epoch_text(report))
        # a line for each tenth of a long training is enough to follow
        if report.epoch % max(1, report.epochs // 10) == 0 or report.epoch == report.epochs:
            self._console.print(f"  [bold]{'training':<10}[/] {_epoch_text(report)}", highlight=False)


class _UtcFormatter(logging.Formatter):
    def formatTime(  # noqa: N802 - logging's name
        self,
        record: logging.LogRecord,
        datefmt: str | None = None,  # noqa: ARG002 - the format is fixed
    ) -> str:
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _ignore(record: logging.LogRecord) -> None:
    del record


def _epoch_text(report: EpochReport) -> str:
    return f"epoch {report.epoch}/{report.epochs}  {_measured(report)}"


def _measured(report: EpochReport) -> str:
    accuracy = "" if report.accuracy is None else f"  accuracy {100 * report.accuracy:.2f} %"
    return f"loss {report.loss:.4f}{accuracy}"
