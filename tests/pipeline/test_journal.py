"""What a run tells: a bar on a terminal, plain lines elsewhere, and all of it in the log."""

import io
import logging
import os

import pytest
from rich.console import Console

from keepfit.errors import StorageError
from keepfit.pipeline.epoch import EpochReport
from keepfit.pipeline.journal import Journal


@pytest.fixture
def log(tmp_path):
    return tmp_path / "last_train_log.txt"


def plain():
    return Console(file=io.StringIO(), width=200)


def terminal():
    return Console(file=io.StringIO(), width=200, force_terminal=True, color_system=None)


def test_lines_go_to_the_terminal_and_into_the_log(log):
    console = plain()
    with Journal(log, console) as journal:
        journal.say("data", "80 rows [bold]as they are[/bold]")
        journal.warn("few rows")
    assert console.file.getvalue() == "  data       80 rows [bold]as they are[/bold]\n  note       few rows\n"
    first, second = log.read_text(encoding="utf-8").splitlines()
    assert first.endswith("INFO keepfit.run: data: 80 rows [bold]as they are[/bold]")
    assert second.endswith("WARNING keepfit.run: few rows")
    assert first.split(" ")[0].endswith("+00:00")


def test_record_goes_into_the_log_alone(log):
    console = plain()
    with Journal(log, console) as journal:
        journal.record("rule champion: pass: no worse")
    assert console.file.getvalue() == ""
    assert log.read_text(encoding="utf-8").endswith("INFO keepfit.run: rule champion: pass: no worse\n")


def test_log_is_of_the_last_run_only(log):
    log.write_text("of the run before")
    with Journal(log, plain()):
        pass
    assert log.read_text() == ""


def test_plain_epochs_are_at_most_ten_and_the_last_one(log):
    console = plain()
    with Journal(log, console) as journal, journal.epochs(105) as on_epoch:
        for number in range(1, 106):
            on_epoch(EpochReport(number, 105, 1 / number, None if number < 100 else 0.5))
    lines = console.file.getvalue().splitlines()
    assert len(lines) == 11
    assert lines[0] == "  training   epoch 10/105  loss 0.1000"
    assert lines[-1] == "  training   epoch 105/105  loss 0.0095  accuracy 50.00 %"
    assert len(log.read_text().splitlines()) == 105


def test_terminal_shows_a_bar_with_epoch_loss_and_accuracy(log):
    console = terminal()
    with Journal(log, console) as journal, journal.epochs(2) as on_epoch:
        on_epoch(EpochReport(1, 2, 0.5, 0.75))
        on_epoch(EpochReport(2, 2, 0.25, 0.875))
    shown = console.file.getvalue()
    assert "training" in shown
    assert "2/2" in shown
    assert "loss 0.2500  accuracy 87.50 %" in shown
    assert len(log.read_text().splitlines()) == 2


def test_what_native_code_prints_goes_to_the_log_and_not_to_the_terminal(log, capfd):
    with Journal(log, plain()):
        os.write(2, b"from C++\n")
        logging.getLogger("some.library").warning("from Python")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"
    assert "from C++\n" in log.read_text()
    assert "from Python" in log.read_text()


def test_error_is_in_the_log_with_its_traceback(log):
    with pytest.raises(ZeroDivisionError), Journal(log, plain()):
        raise ZeroDivisionError("so it is")
    assert "ZeroDivisionError: so it is" in log.read_text()
    assert "Traceback" in log.read_text()


def test_logging_is_as_before_afterwards(log):
    handlers = list(logging.getLogger().handlers)
    with Journal(log, plain()):
        assert len(logging.getLogger().handlers) == len(handlers) + 1
    assert logging.getLogger().handlers == handlers


def test_log_that_cannot_be_written_is_told(log):
    log.mkdir()
    with pytest.raises(StorageError, match=r"cannot write .*last_train_log\.txt"), Journal(log, plain()):
        pass
