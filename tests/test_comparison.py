"""Differences of two records: numbers with their change, and only what differs of data, config and environment."""

from keepfit.comparison import Difference, compare, flat

A = {
    "test_accuracy_percent": 97.0,
    "evaluation": {"r2": None},
    "durations_s": {"training": 2.0},
    "verdict": {
        "decision": "PROMOTE",
        "rules": [
            {"rule": "accuracy", "outcome": "pass", "value": 97.0, "subject": ""},
            {"rule": "slice", "outcome": "pass", "value": None, "subject": "city = Rome"},
        ],
    },
    "dataset": {
        "fingerprint": "aa",
        "rows": 10,
        "warnings": ["w"],
        "columns": [{"name": "x", "kind": "numeric", "dtype": "Int64", "mean": 1.0}],
    },
    "config": {"train": {"epochs": 2, "batch_size": 32}, "model": {"options": {}}},
    "seed": 7,
    "git": {"commit": "abc", "dirty": False},
    "libraries": {"keras": "3.1"},
}
B = {
    **A,
    "test_accuracy_percent": 96.5,
    "verdict": {"decision": "REJECT", "rules": [{"rule": "accuracy", "passed": False}]},
    "dataset": {
        **A["dataset"],
        "fingerprint": "bb",
        "columns": [{"name": "x", "kind": "categorical", "dtype": "String"}],
    },
    "config": {"train": {"epochs": 3, "batch_size": 32}, "model": {"options": {}}},
    "seed": 8,
    "libraries": {"keras": "3.2"},
}


def test_measures_have_their_change():
    assert compare(A, B).measures == (
        Difference("accuracy, %", 97.0, 96.5, -0.5),
        Difference("training, s", 2.0, 2.0, 0.0),
    )


def test_rules_of_both_are_there_and_older_records_too():
    assert compare(A, B).rules == (
        Difference("verdict", "PROMOTE", "REJECT"),
        Difference("accuracy", "pass 97", "fail"),
        Difference("slice city = Rome", "pass", None),
    )


def test_of_the_rest_only_what_differs_is_there():
    found = compare(A, B)
    assert found.data == (
        Difference("fingerprint", "aa", "bb"),
        Difference("column x", "numeric, Int64", "categorical, String"),
    )
    assert found.config == (Difference("train.epochs", 2, 3, 1),)
    assert found.environment == (Difference("seed", "7", "8"), Difference("libraries.keras", "3.1", "3.2"))


def test_record_without_metrics_compares_to_nothing():
    found = compare({}, A)
    assert found.measures[0] == Difference("accuracy, %", None, 97.0)
    assert compare({}, {}).to_dict() == {"measures": (), "rules": (), "data": (), "config": (), "environment": ()}


def test_nested_keys_are_joined_by_dots():
    assert flat({"a": {"b": {"c": 1}, "d": []}, "e": {}}) == {"a.b.c": 1, "a.d": [], "e": {}}
