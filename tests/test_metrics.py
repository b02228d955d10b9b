"""Counters, histograms and gauges as Prometheus reads them."""

import re

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from keepfit import exposition
from keepfit.metrics import Counter, Histogram, gauge


class Collected:
    def __init__(self, *metrics):
        self.metrics = metrics

    def collect(self):
        return [metric.collect() if hasattr(metric, "collect") else metric for metric in self.metrics]


def samples(*metrics):
    registry = CollectorRegistry()
    registry.register(Collected(*metrics))
    text = exposition.text_of(registry).decode()
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(re.sub("# TYPE.*", "", text))  # or it renames counters
        for sample in family.samples
    }


def test_a_value_at_a_bound_is_within_it():
    histogram = Histogram("h", "A histogram.", ("model",), (2, 4, 8))
    histogram.at(("m",)).add(4)
    found = samples(histogram)
    at = {limit: found[("h_bucket", ("le", limit), ("model", "m"))] for limit in ("2", "4", "8", "+Inf")}
    assert at == {"2": 0, "4": 1, "8": 1, "+Inf": 1}
    assert found[("h_sum", ("model", "m"))] == 4
    assert found[("h_count", ("model", "m"))] == 1


@given(st.lists(st.sampled_from([0, 1, 2, 3, 4, 7.5, 8, 9, 100])))
def test_values_count_the_same_together_as_one_by_one(values):
    together, one_by_one = (Histogram("h", "A histogram.", (), (2, 4, 8)) for _ in range(2))
    together.at(()).add_all(values)
    counts = one_by_one.at(())
    for value in values:
        counts.add(value)
    assert samples(together) == samples(one_by_one)


def test_counter_has_exactly_its_name_and_counts_by_labels():
    counter = Counter("c", "A counter.", ("status",))
    counter.add(("OK",))
    counter.add(("OK",), 2)
    counter.add(("NOT_FOUND",))
    assert samples(counter) == {("c", ("status", "OK")): 3, ("c", ("status", "NOT_FOUND")): 1}


def test_gauge_without_labels_has_one_value():
    assert samples(gauge("g", "A gauge.", (), {(): 5})) == {("g",): 5}


def test_labels_are_escaped():
    assert samples(gauge("g", "A gauge.", ("model",), {('a"\\\n',): 1})) == {("g", ("model", 'a"\\\n')): 1}
