"""The text of the metrics is what Prometheus reads."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from rescind.telemetry.measured import Measured
from rescind.telemetry.text_format import as_text

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=9)
VALUES = st.integers(0, 2**53) | st.floats(0, 1e12)


@given(st.dictionaries(st.tuples(WORDS, WORDS), VALUES, min_size=1, max_size=5))
def test_every_label_and_value_is_read_back(
    values: dict[tuple[str, str], float],
) -> None:
    found: list[Measured] = [("rescind_lane_failures", k, v) for k, v in values.items()]
    text = as_text(found).decode()
    [family] = text_string_to_metric_families(text)
    read = {(o.labels["provider"], o.labels["account"]): o for o in family.samples}
    assert {labels: one.value for labels, one in read.items()} == values


def test_a_histogram_has_its_buckets_sum_and_count() -> None:
    labels = ("notpanel", "cancel", "answered")
    name = "rescind_provider_call_duration_seconds"
    text = as_text([(name, labels, ([("1", 2), ("+Inf", 5)], 7.5))]).decode()
    [family] = text_string_to_metric_families(text)
    found = [(o.name[len(name) :], o.labels.get("le"), o.value) for o in family.samples]
    assert found == [
        ("_bucket", "1", 2),
        ("_bucket", "+Inf", 5),
        ("_sum", None, 7.5),
        ("_count", None, 5),
    ]
