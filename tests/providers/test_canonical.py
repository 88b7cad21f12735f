"""All spellings of one order, and of one set of params, have one canonical form."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.registry import BY_NAME

ULID = "ord_01HG9X7KJP4NQ8RSTVWXYZ0123"
SAME: dict[str, list[tuple[str, str]]] = {
    "iletimerkezi": [("0312891245", "312891245"), ("000", "0"), ("312", "312")],
    "dukkango": [
        (
            "3E9CAF87-5CB7-4C4E-ADCB-FC2EC54CF24E",
            "3e9caf87-5cb7-4c4e-adcb-fc2ec54cf24e",
        )
    ],
    "akinon": [("1883", "1883")],
    "ithink": [("sf-1234ab", "SF-1234AB"), ("0012345", "0012345")],
    "notpanel": [
        ("0023501", "23501"),
        (ULID.lower(), ULID),
        (ULID.upper(), ULID),
        ("aB1-x", "aB1-x"),
        ("ord_bad1", "ord_bad1"),
    ],
}


@pytest.mark.parametrize("name", SAME)
def test_spellings_of_one_order_have_one_form(name: str) -> None:
    provider = BY_NAME[name]
    for written, canonical in SAME[name]:
        checked = provider.check_order(written)
        assert provider.canonical_order(checked) == canonical


@pytest.mark.parametrize("name", SAME)
@given(data=st.data())
def test_a_canonical_order_is_valid_and_does_not_change_again(
    name: str, data: st.DataObject
) -> None:
    provider = BY_NAME[name]
    written = data.draw(st.from_regex(provider.order_pattern, fullmatch=True))
    found = provider.canonical_order(provider.check_order(written))
    assert provider.check_order(found) == found
    assert provider.canonical_order(found) == found
    assert found.lower().lstrip("0") == written.strip().lower().lstrip("0")


@given(st.integers(0, 10**18), st.integers(0, 10**18))
def test_two_numbers_stay_two_orders(one: int, other: int) -> None:
    for name in ("iletimerkezi", "notpanel"):
        canonical = BY_NAME[name].canonical_order
        same = canonical(f"0{one}") == canonical(f"00{other}")
        assert same is (one == other)


def params(**given: Any) -> dict[str, Any]:
    akinon = BY_NAME["akinon"]
    return akinon.canonical_params(akinon.check_params(given))


IBAN = "TR330006100519786457841326"
WHOLE = {"is_all": True, "reasons": {"1": 2, "2": 3}}
SOME = {"cancel_items": [1, 2], "reasons": {"1": 2, "2": 3}}
WHOLE_AGAIN: list[dict[str, Any]] = [
    {"cancel_items": []},
    {"reasons": {2: 3, "01": 2}},
    {"forced_refund_amount": None},
    {"is_cargo_refund": False},
    {"return_details": True},
]
SOME_AGAIN: list[dict[str, Any]] = [
    {"cancel_items": [2, 1]},
    {"cancel_items": ["2", "01"]},
    {"is_all": False},
    {"reasons": {"2": 3, "1": 2}},
]


@pytest.mark.parametrize("again", WHOLE_AGAIN)
def test_default_values_change_nothing(again: dict[str, Any]) -> None:
    assert params(**{**WHOLE, **again}) == params(**WHOLE)


@pytest.mark.parametrize("again", SOME_AGAIN)
def test_the_order_and_spelling_of_items_change_nothing(
    again: dict[str, Any],
) -> None:
    assert params(**{**SOME, **again}) == params(**SOME)


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("forced_refund_amount", "12.50", "012.5"),
        ("forced_refund_amount", "100", "100.00"),
        ("ibans", {"1": IBAN}, {"01": "tr33 0006 1005 1978 6457 8413 26"}),
        ("holder_names", {"1": "Ayşe  Öz "}, {"1": "Ayşe Öz"}),
    ],
)
def test_amounts_ibans_and_names_have_one_form(
    name: str, one: object, other: object
) -> None:
    assert params(**WHOLE, **{name: one}) == params(**WHOLE, **{name: other})


@pytest.mark.parametrize(
    "other",
    [
        {"reasons": {"1": 2, "2": 4}},
        {"return_details": False},
        {"is_cargo_refund": True},
        {"forced_refund_amount": "12.51"},
        {"ibans": {"1": "TR330006100519786457841327"}},
    ],
)
def test_different_params_stay_different(other: dict[str, Any]) -> None:
    assert params(**{**WHOLE, **other}) != params(**WHOLE)


@given(st.permutations([1, 2, 30]), st.booleans())
def test_canonical_params_do_not_change_again(items: list[int], details: bool) -> None:
    akinon = BY_NAME["akinon"]
    given_params = {
        "cancel_items": items,
        "reasons": {str(one): 2 for one in items},
        "return_details": details,
        "forced_refund_amount": "5.00",
        "ibans": {"1": "tr33 0006 1005 1978 6457 8413 26"},
    }
    found = params(**given_params)
    assert found["cancel_items"] == [1, 2, 30]
    stored = json.loads(json.dumps(found))
    assert akinon.canonical_params(stored) == found
    assert akinon.canonical_params(akinon.check_params(stored)) == found


def test_dukkangos_reason_is_kept() -> None:
    dukkango = BY_NAME["dukkango"]
    assert dukkango.canonical_params({"reason_id": 4}) == {"reason_id": 4}
