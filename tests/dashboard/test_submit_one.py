"""One cancellation is submitted by a form, whose faults stand beside its fields."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from providers.registry import OURS, PROVIDERS, provider_named
from rescind.browse.browsing import list_rows
from rescind.browse.wanted import Wanted
from rescind.dashboard.submission.browser_zone import zone_named
from rescind.dashboard.submission.param_fields import (
    ParamField,
    check_each,
    param_fields,
    read_params,
)
from rescind.intake.local_times import with_offset
from rescind.ledger.reading.predecessors import predecessors_of
from rescind.ledger.storage.milliseconds import from_ms
from rescind.ledger.storage.transactions import reading
from tests.dashboard.stage import PANEL, Served, Visitor
from tests.ledger.build import add
from tests.tasks.conftest import until

PANEL_FORM = {"lane": "notpanel/default", "order": "ord_1"}
PANEL_PAGE = "/desk/submit?lane=notpanel/default"
UUID = "3E9CAF87-5cb7-4c4e-adcb-fc2ec54cf24e"


def rows(engine: Engine) -> list[Any]:
    with reading(engine) as connection:
        return list_rows(connection, Wanted(), 100)


def beside(page: str, field: str) -> str | None:
    """The sentence beside a field."""
    found = re.search(rf'id="wrong-{re.escape(field)}" dir="auto">([^<]*)<', page)
    return found[1] if found else None


def test_an_order_is_submitted_and_its_page_shown(
    site: Served, clerk: Visitor, ledger: Engine
) -> None:
    form = {**PANEL_FORM, "group": "refunds", "metadata": "shop = 17\nby=ann"}
    done = clerk.send("/desk/submit/one", **form)
    (row,) = rows(ledger)
    assert done.headers["location"] == f"/desk/cancellations/{row.id}?done=accepted"
    assert (row.state, row.group_name) == ("queued", "refunds")
    assert row.meta == {"shop": "17", "by": "ann"}
    until(lambda: site.notified.asked == [(PANEL, "cancel")], "the lane is notified")
    assert "It was accepted" in clerk.get(done.headers["location"]).text


def test_submitting_twice_changes_nothing(clerk: Visitor, ledger: Engine) -> None:
    clerk.send("/desk/submit/one", **PANEL_FORM)
    again = clerk.send("/desk/submit/one", **PANEL_FORM)
    assert again.headers["location"].endswith("?done=known")
    assert len(rows(ledger)) == 1


def test_every_wrong_field_has_its_sentence_beside_it(
    clerk: Visitor, ledger: Engine
) -> None:
    form = {
        **PANEL_FORM,
        "key": "refused:1",
        "group": "x" * 201,
        "not_before": "soon",
        "cancel_before": "later",
        "metadata": "no equals sign",
    }
    shown = clerk.send("/desk/submit/one", **form)
    assert shown.status_code == 422
    assert beside(shown.text, "metadata") == "each line must be NAME=VALUE"
    shown = clerk.send("/desk/submit/one", **{**form, "metadata": ""})
    for name in ("key", "group", "not_before", "cancel_before"):
        assert (beside(shown.text, name) or "").startswith(name)
    assert 'value="refused:1"' in shown.text
    assert rows(ledger) == []


def test_an_order_waits_for_those_that_the_form_names(
    site: Served, clerk: Visitor, ledger: Engine
) -> None:
    first, second = (add(ledger, order=one, lane=PANEL) for one in ("ord_8", "ord_9"))
    named = f"{site.base}/desk/cancellations/{first}?done=known\nnotpanel/default/ord_9"
    form = {**PANEL_FORM, "after": f" {named}\n", "only_if": "rejected expired"}
    done = clerk.send("/desk/submit/one", **form)
    assert done.headers["location"].endswith("?done=accepted")
    with reading(ledger) as connection:
        (one,) = list_rows(connection, Wanted(states=["scheduled"]), 9)
        known = predecessors_of(connection, [one.id])[one.id]
    assert {each.id for each in known} == {first, second}
    assert {each.condition for each in known} == {"expired rejected"}


@pytest.mark.parametrize(
    ("field", "written"),
    [
        ("after", {"after": "notpanel/default/nothing"}),
        ("after", {"after": "\n".join("123456789"), "only_if": "any"}),
        ("only_if", {"after": "notpanel/default/ord_8", "only_if": "nonsense"}),
        ("only_if", {"only_if": "any"}),
    ],
)
def test_what_is_wrong_with_the_waiting_stands_beside_it(
    clerk: Visitor, ledger: Engine, field: str, written: dict[str, str]
) -> None:
    add(ledger, order="ord_8", lane=PANEL)
    shown = clerk.send("/desk/submit/one", **PANEL_FORM, **written)
    assert shown.status_code == 422
    assert beside(shown.text, field)
    other = "only_if" if field == "after" else "after"
    assert beside(shown.text, other) is None
    assert len(rows(ledger)) == 1


def test_params_are_fields_with_their_own_faults(
    clerk: Visitor, ledger: Engine
) -> None:
    lane = "dukkango/kadikoy"
    asked = clerk.get(f"/desk/submit?lane={lane}").text
    assert '<option value="4" >4: the customer cancelled</option>' in asked
    form = {"lane": lane, "order": UUID}
    shown = clerk.send("/desk/submit/one", **form).text
    assert beside(shown, "param.reason_id") == "reason_id is required"
    clerk.send("/desk/submit/one", **form, **{"param.reason_id": "4"})
    (row,) = rows(ledger)
    assert (row.order_id, row.params) == (UUID.lower(), {"reason_id": 4})


def test_params_with_several_values_are_read(clerk: Visitor, ledger: Engine) -> None:
    form = {
        "lane": "akinon/shop",
        "order": "17",
        "param.cancel_items": "9, 8",
        "param.reasons": "9=1\n8 = 2",
        "param.is_all": "",
        "param.forced_refund_amount": "12.50",
    }
    clerk.send("/desk/submit/one", **form)
    (row,) = rows(ledger)
    assert row.params == {
        "cancel_items": [8, 9],
        "reasons": {"9": 1, "8": 2},
        "forced_refund_amount": "12.50",
    }


@pytest.mark.parametrize("query", ["", "?lane=", "?lane=nothing/here"])
def test_no_account_is_chosen_for_the_user(clerk: Visitor, query: str) -> None:
    page = clerk.get(f"/desk/submit{query}").text
    assert '<option value="" selected>choose</option>' in page
    assert "Choose the provider and the account of the order first" in page
    assert 'name="order"' not in page
    assert "Submit this order" not in page


def test_the_account_of_the_address_and_the_only_account_are_chosen(
    clerk: Visitor, site: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = "<option selected>notpanel/default</option>"
    assert chosen in clerk.get(PANEL_PAGE).text
    only = "rescind.dashboard.submission.submit_page.lanes_of"
    monkeypatch.setattr(only, lambda _accounts, _within: [PANEL])
    page = clerk.get("/desk/submit").text
    assert chosen in page
    assert 'name="order"' in page
    monkeypatch.setattr(only, lambda _accounts, _within: [])
    assert "there is nothing to submit to" in clerk.get("/desk/submit").text


def test_the_forms_say_what_address_they_take(clerk: Visitor) -> None:
    page = clerk.get(PANEL_PAGE).text
    assert page.count("An e-mail address does not work") == 2
    described = set(re.findall(r'type="url"[^>]*aria-describedby=" ?([\w-]+)"', page))
    assert described == {"file-on_group_end-hint", "on_group_end-hint"}
    assert all(f'id="{one}"' in page for one in described)


def test_a_date_has_a_year_of_four_digits(clerk: Visitor) -> None:
    page = clerk.get(PANEL_PAGE).text
    fields = re.findall(r'<input [^>]*type="datetime-local"[^>]*>', page)
    assert len(fields) == 2
    assert all('max="9999-12-31T23:59"' in one for one in fields)


def test_a_key_in_use_for_another_order_is_refused_and_kept_nowhere(
    clerk: Visitor, ledger: Engine
) -> None:
    clerk.send("/desk/submit/one", **PANEL_FORM, key="k")
    form = {**PANEL_FORM, "order": "ord_2"}
    shown = clerk.send("/desk/submit/one", **form, key="k").text
    assert "stands for order" in (beside(shown, "key") or "")
    assert len(rows(ledger)) == 1


def test_times_are_those_of_the_viewers_zone(clerk: Visitor, ledger: Engine) -> None:
    soon = (datetime.now(UTC) + timedelta(days=2)).replace(hour=9, minute=30, second=0)
    local = soon.strftime("%Y-%m-%dT%H:%M")
    form = {**PANEL_FORM, "not_before": local, "zone": "Europe/Istanbul"}
    clerk.send("/desk/submit/one", **form)
    (row,) = rows(ledger)
    assert from_ms(row.not_before) == soon.replace(microsecond=0) - timedelta(hours=3)


def test_a_passed_deadline_is_refused(clerk: Visitor, ledger: Engine) -> None:
    form = {**PANEL_FORM, "cancel_before": "2026-01-01T10:00"}
    shown = clerk.send("/desk/submit/one", **form).text
    assert "has passed" in (beside(shown, "cancel_before") or "")
    assert rows(ledger) == []


def test_a_start_that_has_long_passed_is_refused(
    clerk: Visitor, ledger: Engine
) -> None:
    def at(moment: datetime) -> dict[str, str]:
        return {**PANEL_FORM, "not_before": f"{moment:%Y-%m-%dT%H:%M}"}

    shown = clerk.send("/desk/submit/one", **at(datetime(2025, 1, 1, tzinfo=UTC))).text
    assert "has passed: leave it empty" in (beside(shown, "not_before") or "")
    assert rows(ledger) == []
    # The present minute began some seconds ago.
    assert clerk.send("/desk/submit/one", **at(datetime.now(UTC))).status_code == 303


def test_an_account_that_is_gone_is_never_replaced_by_another(
    clerk: Visitor, ledger: Engine
) -> None:
    gone = clerk.send("/desk/submit/one", lane="notpanel/gone", order="ord_1")
    assert gone.status_code == 422
    assert rows(ledger) == []


def test_the_fields_of_one_account_never_submit_to_another(
    clerk: Visitor, ledger: Engine
) -> None:
    mixed = {"lane": "ithink/default", "fields_of": "akinon/shop", "order": "17"}
    shown = clerk.send("/desk/submit/one", **mixed)
    assert shown.status_code == 422
    assert "were those of akinon/shop" in (beside(shown.text, "lane") or "")
    assert "<option selected>ithink/default" in shown.text
    assert 'name="fields_of" value="ithink/default"' in shown.text
    assert 'value="17"' in shown.text
    assert rows(ledger) == []


def test_without_scripts_the_fields_follow_the_list(clerk: Visitor) -> None:
    mixed = {"lane": "ithink/default", "fields_of": "akinon/shop", "choose": "yes"}
    led = clerk.send("/desk/submit/one", **mixed).headers["location"]
    assert 'name="fields_of" value="ithink/default"' in clerk.get(led).text


@pytest.mark.parametrize("who", ["operator", "reader"])
def test_only_a_token_with_the_scope_submits(
    request: pytest.FixtureRequest, ledger: Engine, who: str
) -> None:
    visitor: Visitor = request.getfixturevalue(who)
    form = {**PANEL_FORM, "form_key": visitor.form_key()}
    for refused in (
        visitor.get("/desk/submit"),
        visitor.post("/desk/submit/one", form),
        visitor.post("/desk/submit/file/now", form),
    ):
        assert refused.status_code == 403
        assert "has no right to submit" in refused.text
    assert rows(ledger) == []
    assert 'href="/desk/submit"' not in visitor.get("/").text


# --- without a page -------------------------------------------------------------------


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda one: str(one.name))
def test_every_param_of_every_provider_has_a_field(provider: Any) -> None:
    fields = param_fields(provider)
    declared = provider.params_model.model_fields
    assert [f.name for f in fields] == list(declared)
    required = {name for name, one in declared.items() if one.is_required()}
    assert {f.name for f in fields if f.required} == required
    assert {f.kind for f in fields} <= {
        "boolean",
        "integer",
        "string",
        "array",
        "object",
    }


@pytest.mark.parametrize("provider", OURS, ids=lambda one: str(one.name))
def test_every_param_of_ours_says_what_to_write(provider: Any) -> None:
    for field in param_fields(provider):
        declared = provider.params_model.model_fields[field.name]
        assert declared.title, field.name
        assert field.description.endswith("."), field.name
        chosen = field.kind == "boolean" or field.labels
        assert chosen or field.example_lines, field.name


@pytest.mark.parametrize("provider", OURS, ids=lambda one: str(one.name))
def test_each_example_is_read_as_the_value_that_it_shows(provider: Any) -> None:
    fields = [one for one in param_fields(provider) if one.example is not None]
    form = {f"param.{one.name}": "\n".join(one.example_lines) for one in fields}
    values, wrong = read_params(fields, form)
    assert (values, wrong) == ({one.name: one.example for one in fields}, {})
    assert check_each(provider, values) == {}


def test_the_form_of_a_provider_shows_the_help_of_each_param(
    clerk: Visitor,
) -> None:
    for language, label, help_ in (
        ("en", "Reason for each item", "Each shop has its own reasons"),
        (
            "tr",
            "Her kalem için iptal nedeni",
            "Her mağazanın nedenleri kendine özgüdür",
        ),
    ):
        asked = clerk.get(
            "/desk/submit?lane=akinon/shop", **{"Accept-Language": language}
        )
        [field] = re.findall(r'<label for="param.reasons">.*?<label', asked.text, re.S)
        assert label in field
        assert help_ in field
        assert "<code>4711=12</code>" in field
        assert "<code>param.reasons</code>" in field


@given(
    st.dictionaries(st.sampled_from(["is_all", "cancel_items", "reasons"]), st.text())
)
def test_any_text_in_a_field_is_read_or_has_a_sentence(texts: dict[str, str]) -> None:
    provider = provider_named("akinon")
    form = {f"param.{name}": text for name, text in texts.items()}
    values, wrong = read_params(param_fields(provider), form)
    assert all(check_each(provider, values).values())
    assert all(wrong.values())


def test_personal_data_is_not_repeated_in_a_sentence() -> None:
    iban = "TR330006100519786457841326"
    field = ParamField("ibans", "object", False, None, {})
    said = check_each(provider_named("akinon"), {"ibans": field.value(f"{iban}=1")})
    assert iban not in str(said)


@pytest.mark.parametrize(
    ("written", "zone", "found"),
    [
        ("2026-11-20T18:00", "Europe/Istanbul", "2026-11-20T18:00:00+03:00"),
        ("2026-07-01T12:00", "Europe/Berlin", "2026-07-01T12:00:00+02:00"),
        ("2026-11-20T18:00", "No/Such", "2026-11-20T18:00:00+00:00"),
        ("2026-11-20T18:00", "../../etc/passwd", "2026-11-20T18:00:00+00:00"),
        ("2026-11-20T18:00Z", "Europe/Istanbul", "2026-11-20T18:00Z"),
        ("+15m", "Europe/Istanbul", "+15m"),
    ],
)
def test_a_time_gets_the_offset_of_its_zone(
    written: str, zone: str, found: str
) -> None:
    assert with_offset(written, zone_named(zone)) == found


@given(st.text())
def test_any_text_may_name_a_zone(zone: str) -> None:
    assert with_offset("2026-11-20T18:00", zone_named(zone)).startswith("2026-11-20T18")


def test_a_deadline_without_a_time_is_the_end_of_its_day(
    clerk: Visitor, ledger: Engine
) -> None:
    form = {**PANEL_FORM, "zone": "Europe/Istanbul", "cancel_before": "2999-12-01"}
    clerk.send("/desk/submit/one", **form)
    (row,) = rows(ledger)
    found = from_ms(row.cancel_before)
    assert found == datetime(2999, 12, 1, 20, 59, 59, tzinfo=UTC)


def test_a_day_that_does_not_exist_is_said_beside_its_field(clerk: Visitor) -> None:
    shown = clerk.send(
        "/desk/submit/one", **PANEL_FORM, cancel_before="2999-02-31T10:00"
    )
    said = beside(shown.text, "cancel_before") or ""
    assert "names a day or a time that does not exist" in said
