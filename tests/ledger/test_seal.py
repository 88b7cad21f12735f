from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rescind.ledger.seal import Seal, SealError, new_key

OLD, NEW = new_key(), new_key()
PERSONAL = {
    "ibans": {"101": "TR330006100519786457"},
    "holder_names": {"101": "Ş"},
}
SEAL = Seal(OLD)


def test_a_sealed_value_shows_nothing_and_can_be_opened() -> None:
    sealed = SEAL.close(PERSONAL)
    assert "TR33" not in sealed
    assert SEAL.open(sealed) == PERSONAL


@given(st.recursive(st.none() | st.booleans() | st.text(), st.lists, max_leaves=5))
def test_any_value_is_opened_as_it_was_sealed(value: object) -> None:
    assert SEAL.open(SEAL.close(value)) == value


def test_keys_are_rotated_by_putting_the_new_one_in_front() -> None:
    sealed = SEAL.close(PERSONAL)
    both = Seal(f" {NEW} , {OLD} ,")
    assert both.open(sealed) == PERSONAL
    renewed = both.renew(sealed)
    assert Seal(NEW).open(renewed) == PERSONAL
    with pytest.raises(SealError):
        SEAL.open(renewed)


def test_a_new_value_is_sealed_with_the_first_key() -> None:
    assert Seal(NEW).open(Seal(f"{NEW},{OLD}").close(1)) == 1


@given(st.binary(), st.binary())
def test_two_digests_are_the_same_only_for_the_same_content_and_first_key(
    one: bytes, other: bytes
) -> None:
    made = SEAL.digest(one)
    assert made == Seal(OLD).digest(one) == Seal(f"{OLD},{NEW}").digest(one)
    assert made != Seal(f"{NEW},{OLD}").digest(one)
    assert (made == SEAL.digest(other)) is (one == other)


@pytest.mark.parametrize(
    "sealed",
    [pytest.param(SEAL.close(1), id="former"), "", "nonsense", "gAAAAA==", "ş"],
)
def test_the_error_of_a_wrong_key_is_a_sentence(sealed: str) -> None:
    with pytest.raises(SealError, match="put the former key behind the present one"):
        Seal(NEW).open(sealed)


@pytest.mark.parametrize("keys", ["", " ", ",", " , "])
def test_the_error_of_a_missing_key_is_a_sentence(keys: str) -> None:
    with pytest.raises(SealError, match="RESCIND_SEAL_KEY is not set"):
        Seal(keys)


@pytest.mark.parametrize(
    "keys",
    ["short", "ğ" * 44, f"{OLD},x", OLD[:-1], "=" * 44],
    ids=["short", "letters", "second", "cut", "signs"],
)
def test_the_error_of_a_malformed_key_is_a_sentence_without_the_key(keys: str) -> None:
    with pytest.raises(SealError, match="RESCIND_SEAL_KEY is not a key") as caught:
        Seal(keys)
    assert keys not in str(caught.value)
    assert caught.value.__cause__ is None
