"""README, docs and code say the same: whatever is documented exists, and whatever exists is documented."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from keepfit import cli, exits

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES += sorted((ROOT / "examples").glob("*/README.md")) + sorted((ROOT / "benchmarks").glob("*.md"))


def _config_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_config_schema", ROOT / "scripts" / "make_config_schema.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_configuration_page_and_schema_are_up_to_date() -> None:
    script = _config_script()
    assert (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8") == script.docs_text()
    assert (ROOT / "config.schema.json").read_text(encoding="utf-8") == script.schema_text()


def test_every_command_is_in_the_readme_and_in_the_commands_page() -> None:
    for command in cli.app.registered_commands:
        name = command.name or command.callback.__name__
        assert f"`keepfit {name}`" in README
        assert f"## keepfit {name}" in COMMANDS or name == "version"


def test_every_documented_command_exists() -> None:
    known = {command.name or command.callback.__name__ for command in cli.app.registered_commands}
    assert set(re.findall(r"^## keepfit ([\w-]+)", COMMANDS, re.MULTILINE)) <= known
    assert set(re.findall(r"`keepfit ([\w-]+)`", README)) <= known


def test_every_exit_code_is_documented_and_none_else() -> None:
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", COMMANDS, re.MULTILINE)}
    assert documented == {
        *exits.CODES.values(),
        exits.OK,
        exits.USAGE,
        exits.REJECTED,
        exits.INCONCLUSIVE,
        exits.DIFFERENT,
        exits.INTERRUPTED,
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_anchor_is_a_heading(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text(encoding="utf-8")):
        text = (page.parent / target if target else page).read_text(encoding="utf-8")
        headings = [re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in re.findall(r"^#+ (.*)$", text, re.M)]
        assert anchor in headings, f"{page.name} links to {target}#{anchor}"


def test_the_readme_names_every_module_and_every_named_path_exists() -> None:
    [tree] = re.findall(r"```\n(train_tf\.py.*?)```", README, re.DOTALL)
    folders = [ROOT]
    """The one that each depth of indentation is in."""
    named: dict[Path, set[str]] = {}
    for line in tree.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        names = re.split(r"\s{2,}", line.strip())[0].split()
        for name in names:
            assert (folders[depth] / name).exists(), name
            named.setdefault(folders[depth], set()).add(name.rstrip("/"))
        folders[depth + 1 :] = [folders[depth] / names[-1]]
    package = ROOT / "src" / "keepfit"
    assert named[package] == {path.name for path in _sources(package)} - {"py.typed"}
    assert named[package / "serving"] == {path.name for path in _sources(package / "serving") if path.is_dir()}


def _sources(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if not path.name.startswith("_")]


def test_no_registry_host_and_no_lock_file_address() -> None:
    for lock in ("requirements.lock", "requirements-dev.lock"):
        assert "://" not in (ROOT / lock).read_text(encoding="utf-8")
