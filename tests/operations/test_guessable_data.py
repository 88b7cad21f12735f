"""Nobody can guess personal data from a copy of the ledger without the seal key.

A phone number or an IBAN has so few possible values that a computer tries them all. So
a digest shows it as clearly as the number itself, unless a key was used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from rescind.intake.entry_records import as_new, is_refused
from rescind.intake.submissions import take_in
from rescind.ledger.seal import Seal, new_key
from rescind.ledger.states import State
from rescind.operations.provider_events import ProvenEvent, take_in_event
from rescind.plans.plan_submission import PlanWish, submit_plan
from rescind.plans.refused_plans import keep_refused
from rescind.plans.step_entries import Sender
from rescind.plans.templates_file import templates_of
from rescind.provider.events import Event
from tests.intake.test_submissions import ALLOWED
from tests.intake.test_validation import ACCOUNTS, ENTRY, GOOD, JSON
from tests.ledger.build import BY, HOUR, LANE, NOW, add
from tests.ledger.copies import copy_of, put_back

ONE, OTHER = "TR330006100519786457841326", "TR560006100519786457845678"
FIRST, SECOND = Seal(new_key()), Seal(new_key())
REFUND = {"is_all": True, "reasons": {"101": 2}}
TEMPLATES = templates_of(
    {
        "refund": {
            "steps": {
                "money": {
                    "provider": "akinon",
                    "order": "{no}",
                    "params": {**REFUND, "ibans": {"101": "{iban}"}},
                }
            }
        }
    }
)
Way = Callable[[Engine, Seal, str], object]


def entries(made: Callable[[str], list[object]]) -> Way:
    def submit(engine: Engine, seal: Seal, data: str) -> object:
        return take_in(engine, ACCOUNTS, seal, made(data), NOW, ALLOWED, by=BY)

    return submit


def plan(made: Callable[[str], dict[str, Any]]) -> Way:
    def submit(engine: Engine, seal: Seal, data: str) -> object:
        wish = PlanWish("refund", made(data))
        sender = Sender(by=BY, callbacks=ALLOWED)
        taken = submit_plan(engine, ACCOUNTS, seal, TEMPLATES, wish, NOW, sender=sender)
        kept = (engine, seal, TEMPLATES, wish, taken, NOW, ALLOWED)
        return keep_refused(*kept, by=BY)

    return submit


def event(made: Callable[[str], Event]) -> Way:
    def come(engine: Engine, seal: Seal, data: str) -> object:
        add(engine, State.REQUESTED, order="ord_1", due_at=NOW + HOUR)
        return take_in_event(engine, seal, LANE, ProvenEvent(made(data), ["ord_1"]))

    return come


def refund(iban: str, **more: Any) -> dict[str, Any]:
    params = {**REFUND, "ibans": {"101": iban}, **more}
    return {"provider": "akinon", "order": "71", "params": params}


def deep(text: str) -> object:
    """A value that Python cannot write as JSON."""
    found: object = text
    for _ in range(100_000):
        found = [found]
    return found


WAYS: dict[str, Way] = {
    "a valid entry": entries(lambda iban: [refund(iban)]),
    "a wrong param": entries(lambda iban: [refund(iban, colour=1)]),
    "a wrong field": entries(lambda phone: [{**GOOD, "to": phone}]),
    "a wrong name of a field": entries(lambda name: [{**GOOD, name: 1}]),
    "a wrong key": entries(lambda iban: [{**GOOD, "key": [iban]}]),
    "a wrong provider": entries(lambda x: [{"provider": "x", "metadata": {"x": x}}]),
    "no object": entries(lambda iban: [[iban]]),
    "an entry that is too deep": entries(
        lambda iban: [{**GOOD, "key": f"refused:{iban}", "metadata": deep(iban)}]
    ),
    "a key with other params": entries(lambda x: [refund(x), refund(x[::-1])]),
    "a plan": plan(lambda iban: {"no": 71, "iban": iban}),
    "a plan with a wrong order": plan(lambda iban: {"no": "x", "iban": iban}),
    "a plan without an order": plan(lambda iban: {"iban": iban}),
    "an event": event(lambda x: Event(body=x.encode(), received_at=NOW)),
    "an event with a query": event(lambda x: Event(query=x, received_at=NOW)),
}
"""Ways in which personal data comes to the ledger. Each gets the data as a text."""


def _stored(engine: Engine) -> set[str]:
    """Each word that the ledger holds."""
    rows = (row for rows in copy_of(engine).values() for row in rows)
    cells = (str(cell) for row in rows for cell in row.values())
    return {word for cell in cells for word in re.findall(r"[\w-]+", cell)}


def _stored_after(way: Way, engine: Engine, seal: Seal, data: str) -> set[str]:
    before = copy_of(engine)
    way(engine, seal, data)
    found = _stored(engine)
    put_back(engine, before)
    return found


@pytest.mark.parametrize("way", WAYS)
def test_what_the_ledger_holds_depends_on_personal_data_only_by_the_seal_key(
    engine: Engine, way: str
) -> None:
    known = _stored_after(WAYS[way], engine, FIRST, ONE)
    if_other = _stored_after(WAYS[way], engine, FIRST, OTHER)
    # Without the key, only what is the same under any key can be computed.
    computable = known & _stored_after(WAYS[way], engine, SECOND, ONE)
    assert computable - if_other == set()


@given(JSON | ENTRY | st.just({}))
def test_the_key_of_a_refused_entry_tells_nothing_without_the_seal_key(
    entry: object,
) -> None:
    one, again, other = (
        as_new(entry, ACCOUNTS, seal, NOW, by=BY) for seal in (FIRST, FIRST, SECOND)
    )
    assert one.key == again.key
    assert (one.key != other.key) is is_refused(one)


# --- digests without a key ------------------------------------------------------------

WITHOUT_A_KEY = {
    "rescind/config/openid_settings.py": "a digest of settings, in memory",
    "rescind/config/token_list.py": "a digest of a long secret, in memory",
    "rescind/dashboard/self_update.py": "a digest of a page, sent to its reader",
    "rescind/dashboard/sessions.py": "a digest of a digest, in an encrypted cookie",
    "rescind/dashboard/static_files.py": "a digest of our own files",
    "rescind/dashboard/submission/kept_uploads.py": "a digest of a random key",
    "rescind/ledger/changes/unknown_words.py": "a digest of what its row shows",
    "rescind/ledger/storage/ended_sessions.py": "a digest of a random key",
    "rescind/plans/step_entries.py": "a digest of keys that the ledger shows",
    "rescind/plans/template_reading.py": "a digest of a file of the operator",
}
"""The modules that use ``hashlib``, and why nothing personal can be guessed from it."""
ROOT = Path(__file__).parents[2]


def _modules() -> Iterator[Path]:
    for room in ("providers", "rescind", "tasks", "worker"):
        yield from (ROOT / room).rglob("*.py")


def test_each_digest_without_a_key_has_a_reason() -> None:
    """A new one belongs into ``Seal.digest``, or into the list with its reason."""
    used = re.compile(r"^\s*(?:from|import) hashlib\b", re.MULTILINE)
    found = {
        str(one.relative_to(ROOT)) for one in _modules() if used.search(one.read_text())
    }
    simulated = {one for one in found if one.startswith("rescind/sandbox/")}
    assert found - simulated == set(WITHOUT_A_KEY)
