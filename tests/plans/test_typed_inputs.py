"""The types of values that a person types for a plan."""

from __future__ import annotations

from rescind.plans.plan_rendering import fill_plan
from rescind.plans.template_reading import template_of
from rescind.plans.typed_inputs import typed

TEMPLATE = template_of(
    "p",
    {
        "steps": {
            "order": {
                "provider": "akinon",
                "order": "{order}",
                "params": {"is_all": "{all}", "reasons": "{reasons}"},
                "metadata": {"note": "{note}", "tags": "{tags}"},
            }
        }
    },
)
TEXTS = {
    "order": "0012",
    "all": "true",
    "reasons": '{"101": 2}',
    "note": "12",
    "tags": '["a"]',
}


def test_a_parameter_gets_its_type_and_all_else_stays_a_text() -> None:
    assert typed(TEMPLATE, TEXTS) == {
        "order": "0012",
        "all": True,
        "reasons": {"101": 2},
        "note": "12",
        "tags": ["a"],
    }
    assert fill_plan(TEMPLATE, typed(TEMPLATE, TEXTS)).steps


def test_what_only_begins_like_json_stays_a_text() -> None:
    assert typed(TEMPLATE, {"note": "{a", "tags": "[NaN]"}) == {
        "note": "{a",
        "tags": "[NaN]",
    }
