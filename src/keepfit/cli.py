"""The command line: parses, wires the parts together, prints, and ends with a documented exit code.

Each command imports what it needs when it runs, so that `keepfit --help` answers at once although TensorFlow,
databases and servers stand behind it.
"""

# ruff: noqa: PLC0415 - see above

import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from keepfit import __version__, exits, tether
from keepfit.errors import KeepfitError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from keepfit.lookup import Account
    from keepfit.project import Project

app = typer.Typer(
    name="keepfit",
    help="Retrain, judge, serve and watch a TensorFlow model.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_Config = Annotated[
    Path | None, typer.Option("--config", envvar="KEEPFIT_CONFIG", help="Default: config.json in this folder.")
]
_NewSchema = Annotated[
    bool, typer.Option("--new-schema", help="Accept data whose columns differ from the served version's.")
]


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and exit. A mistake is one sentence on standard error, never a traceback."""
    tether.die_with_parent()
    try:
        app(args=list(sys.argv[1:] if arguments is None else arguments), prog_name="keepfit")
        sys.exit(exits.OK)
    except KeepfitError as error:
        for line in str(error).splitlines():
            typer.echo(f"keepfit: {line}", err=True)
        sys.exit(exits.code_of(error))
    except SystemExit as end:
        # Typer makes this of a KeyboardInterrupt, and says nothing
        if end.code == exits.INTERRUPTED:
            typer.echo("keepfit: interrupted; what was served is still served", err=True)
        raise
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(exits.OK)
    except Exception as error:  # the top of the process: a defect of ours, or of the user's own code
        if os.environ.get("KEEPFIT_TRACEBACK"):
            raise
        kind = type(error).__name__
        typer.echo(f"keepfit: unexpected {kind}: {error} (KEEPFIT_TRACEBACK=1 shows where; please report it)", err=True)
        sys.exit(exits.FAILED)


@app.command()
def up(config: _Config = None) -> None:
    """Run everything: first training if needed, model server, web page, schedule."""
    from keepfit.up import Stack

    stack = Stack(_project(config), _arguments(config), _console(), os.environ)
    _call_on_signals(stack.stop)
    stack.run()


@app.command()
def trainer(
    host: Annotated[str | None, typer.Option(help="Default: trainer.host of config.json, 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Default: trainer.port, 5003.")] = None,
    config: _Config = None,
) -> None:
    """Retrain by schedule, and at once if there is no version, for a model server that runs elsewhere."""
    from keepfit.monitor.endpoint import Endpoint
    from keepfit.trainer import Trainer

    project = _project(config)
    section = project.config.trainer
    endpoint = Endpoint(project, host or section.host, port or section.port, os.environ)
    service = Trainer(project, _arguments(config), endpoint, _console(), os.environ)
    _call_on_signals(service.stop)
    service.run()


@app.command()
def retrain(
    trigger: Annotated[str, typer.Option(help="Who asks: manual, schedule or first; for the record.")] = "manual",
    new_schema: _NewSchema = False,
    config: _Config = None,
) -> None:
    """Train on new data, judge, and promote it or not: one turn of the loop."""
    from keepfit.pipeline.run import retrain
    from keepfit.pipeline.session import TRIGGERS

    if trigger not in TRIGGERS:
        raise typer.BadParameter(f"{trigger!r} is none of {', '.join(TRIGGERS)}", param_hint="--trigger")
    project = _project(config)
    _end_on_sigterm()
    outcome = retrain(project, TRIGGERS[trigger], _console(), os.environ, new_schema=new_schema)
    if outcome.status != "promoted":
        sys.exit(exits.INCONCLUSIVE if outcome.status == "inconclusive" else exits.REJECTED)


@app.command()
def train(
    as_json: Annotated[bool, typer.Option("--json", help="Print metrics.json instead of a table.")] = False,
    new_schema: _NewSchema = False,
    config: _Config = None,
) -> None:
    """Train and stage one candidate and print its metrics; publish nothing."""
    from rich.console import Console

    from keepfit.pipeline.run import train_only
    from keepfit.tables.run import metrics_table

    project = _project(config)
    _end_on_sigterm()
    console = Console(stderr=True) if as_json else _console()
    outcome = train_only(project, console, os.environ, new_schema=new_schema)
    if as_json:
        typer.echo(json.dumps(outcome.metrics, indent=2, ensure_ascii=False))
    else:
        console.print(metrics_table(outcome.metrics, outcome.folder), highlight=False)


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
def serve(context: typer.Context, config: _Config = None) -> None:
    """Serve models behind TensorFlow Serving's API; takes tensorflow_model_server's flags."""
    from keepfit.serving import command

    arguments = list(context.args)
    if not any(argument.lstrip("-").startswith(_SERVE_ALONE) for argument in arguments):
        arguments = [*_serving_defaults(_project(config)), *arguments]
    sys.exit(command.main(arguments))


@app.command()
def frontend(
    host: Annotated[str | None, typer.Option(help="Default: frontend.host of config.json, 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Default: frontend.port, 5002.")] = None,
    config: _Config = None,
) -> None:
    """Serve the web page and /predict."""
    from keepfit.frontend import command
    from keepfit.frontend.settings import FrontendSettings

    project = _project(config)
    section = project.config.frontend
    settings = FrontendSettings(
        model_name=project.config.model_name,
        serving_url=project.serving_url,
        api_key=project.serving_api_key,
        timeout_s=section.timeout_s,
    )
    command.run(settings, host or section.host, port or section.port)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="The project's folder; made if it is not there.")],
    data: Annotated[Path, typer.Option(help="A CSV or Parquet file, or a folder of them.")],
    target: Annotated[str, typer.Option(help="The column to predict.")],
    ignore: Annotated[
        list[str] | None, typer.Option(help="A column to leave out, an id for example (data.ignore); may come again.")
    ] = None,
) -> None:
    """Start a project on your own table: writes a config.json."""
    from keepfit.init import init
    from keepfit.tables.run import dataset_table

    dataset = init(folder, data, target, ignore or ())
    console = _console()
    console.print(dataset_table(dataset), highlight=False)
    typer.echo(f"wrote {folder / 'config.json'}; next: keepfit up --config {folder / 'config.json'}")


@app.command()
def promote(
    run: Annotated[str, typer.Argument(help="The run whose kept candidate it is, or the beginning of its id.")],
    reason: Annotated[str, typer.Option(help="Why, for the record.")],
    new_schema: Annotated[
        bool, typer.Option("--new-schema", help="Though its inputs or outputs differ from the served version's.")
    ] = False,
    config: _Config = None,
) -> None:
    """Publish a candidate that the gate did not promote: a person's override, recorded as that."""
    from keepfit.pipeline.override import override

    if not reason.strip():
        raise typer.BadParameter("say why, for those who look at the record later", param_hint="--reason")
    project = _project(config)
    _end_on_sigterm()
    override(project, run, reason.strip(), _console(), os.environ, new_schema=new_schema)


@app.command()
def rollback(
    to: Annotated[int | None, typer.Option(help="The version to go back to; default: the one before.")] = None,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "asked for by a person",
    config: _Config = None,
) -> None:
    """Take versions out of service; they are moved aside and can be restored."""
    from keepfit import deployment

    deployment.roll_back(_project(config), to, reason, _console(), os.environ)


@app.command()
def restore(
    version: Annotated[int, typer.Argument(help="A version that was rolled back.")],
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "asked for by a person",
    config: _Config = None,
) -> None:
    """Bring a rolled-back version back."""
    from keepfit import deployment

    deployment.restore(_project(config), version, reason, _console(), os.environ)


@app.command()
def history(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 20,
    config: _Config = None,
) -> None:
    """Show what was served when and why, and how every run ended."""
    from keepfit import lookup
    from keepfit.tables.history import history_json, history_tables

    account = _account(lookup.read(_project(config)))
    if as_json:
        _print_json(history_json(account.events))
    else:
        _print_parts(history_tables(account.events, limit))


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="RUN_OR_VERSION", help="A version, or (the beginning of) a run's id.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    config: _Config = None,
) -> None:
    """Show all that is recorded of one run or version."""
    from keepfit import lookup
    from keepfit.tables.show import entry_json, entry_tables

    entry = lookup.find(_account(lookup.read(_project(config))), name)
    if as_json:
        _print_json(entry_json(entry))
    else:
        _print_parts(entry_tables(entry))


@app.command()
def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="A version, or (the beginning of) a run's id.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    config: _Config = None,
) -> None:
    """Show how two runs or versions differ: results, rules, data, config, code, libraries."""
    from keepfit import comparison, lookup
    from keepfit.tables.compare import comparison_tables

    account = _account(lookup.read(_project(config)))
    one, other = lookup.find(account, a), lookup.find(account, b)
    found = comparison.compare(one.metrics, other.metrics)
    if as_json:
        _print_json({"a": one.name, "b": other.name, **found.to_dict()})
    else:
        _print_parts(comparison_tables(found, one.name, other.name))


@app.command()
def reproduce(
    name: Annotated[str, typer.Argument(metavar="RUN_OR_VERSION", help="A version, or (the beginning of) a run's id.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    config: _Config = None,
) -> None:
    """Train a recorded version again in a fresh process, and say whether every bit is the same; publish nothing."""
    from keepfit import lookup
    from keepfit.reproduce import reproduce
    from keepfit.tables.reproduce import reproduction_tables

    project = _project(config)
    entry = lookup.find(_account(lookup.read(project)), name)
    found = reproduce(project, entry)
    if as_json:
        _print_json({"name": entry.name, **found.to_dict()})
    else:
        _print_parts(reproduction_tables(found, entry.name))
    if found.outcome != "identical":
        sys.exit(exits.DIFFERENT)


@app.command(name="api-key")
def api_key(
    name: Annotated[str, typer.Argument(help="Who the key is for: letters, digits, - and _.")],
    file: Annotated[Path | None, typer.Option(help="Append the key's hash here; default: print the line.")] = None,
) -> None:
    """Make a key for the model server's --api_keys_file; the key itself is shown once and stored nowhere."""
    from keepfit.serving.requests import keys

    made = keys.new(name)
    typer.echo(made.key)
    if file is None:
        typer.echo(made.line)
    else:
        keys.append(file, made.line)


@app.command()
def version() -> None:
    """Print Keepfit's version."""
    typer.echo(f"keepfit {__version__}")


def _project(config: Path | None) -> "Project":
    from keepfit import project

    loaded = project.load(config or Path("config.json"), os.environ, must_exist=config is not None)
    # TensorFlow reads it when it is imported, here and in every child process
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = str(loaded.config.tf_cpp_min_log_level)
    return loaded


def _arguments(config: Path | None) -> tuple[str, ...]:
    """Return how the processes of this one find the project: as it did, by a path or in the current folder."""
    return () if config is None else ("--config", str(config))


def _console() -> "Console":
    from keepfit.console import PatientConsole

    return PatientConsole()


def _account(found: "Account") -> "Account":
    for note in found.notes:
        typer.echo(f"keepfit: note: {note}", err=True)
    return found


def _print_json(found: Mapping[str, Any]) -> None:
    typer.echo(json.dumps(found, indent=2, ensure_ascii=False))


def _print_parts(parts: Sequence["RenderableType"]) -> None:
    console = _console()
    for number, part in enumerate(parts):
        if number:
            console.print()
        console.print(part, highlight=False)


def _call_on_signals(stop: Callable[[], None]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup and a shell's & set it
            signal.signal(number, lambda *_: stop())


def _end_on_sigterm() -> None:
    """Let SIGTERM end a run like Ctrl-C does: recorded and cleaned up."""

    def interrupt(*_: Any) -> NoReturn:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


_SERVE_ALONE = ("model_base_path", "model_config_file", "version", "help")
"""Flags of the model server with which it needs no project."""


def _serving_defaults(project: "Project") -> list[str]:
    serving = project.config.serving
    return [
        f"--model_name={project.config.model_name}",
        f"--model_base_path={project.models_dir}",
        f"--rest_api_port={serving.rest_port}",
        f"--port={serving.grpc_port}",
        f"--host={serving.host}",
    ]
