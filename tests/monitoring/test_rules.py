"""The alert rules: taken by Prometheus, each tested to fire and not to fire, each with a way to its runbook."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
MONITORING = ROOT / "monitoring"
RULES = [
    rule
    for group in yaml.safe_load((MONITORING / "rules" / "keepfit.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
TESTS = sorted((MONITORING / "tests").glob("*.yml"))


def program(name):
    if shutil.which(name) is None:
        if os.environ.get("KEEPFIT_REQUIRE_PROMETHEUS") == "1":
            pytest.fail(f"{name} is required by KEEPFIT_REQUIRE_PROMETHEUS=1, but not installed")
        pytest.skip(f"{name} is not installed")
    return name


def run(*command):
    done = subprocess.run(command, cwd=MONITORING, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_takes_config_and_rules():
    run(program("promtool"), "check", "config", "prometheus.yml")


def test_alertmanager_takes_its_config():
    run(program("amtool"), "check-config", "alertmanager.yml")


@pytest.mark.parametrize("tests", TESTS, ids=lambda path: path.stem)
def test_the_rules_do_what_their_unit_tests_say(tests):
    run(program("promtool"), "test", "rules", str(tests))


def test_every_rule_is_tested_to_fire_and_not_to_fire():
    cases = [
        case
        for path in TESTS
        for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]
        for case in test["alert_rule_test"]
    ]
    names = {rule["alert"] for rule in RULES}
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == names
    assert {case["alertname"] for case in cases if not case["exp_alerts"]} == names


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_rule_has_a_severity_a_summary_and_a_runbook_that_is_there(rule):
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["annotations"]["summary"].rstrip().endswith((".", "{{ end }}"))
    path, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    headings = re.findall(r"^## (.*)$", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)
    assert anchor == rule["alert"].lower()
    assert rule["alert"] in headings


def test_no_runbook_is_for_a_rule_that_is_gone():
    headings = re.findall(r"^## (.*)$", (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(headings) == sorted(rule["alert"] for rule in RULES)
