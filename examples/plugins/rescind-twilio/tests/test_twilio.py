"""Twilio passes the suite that every provider of Rescind passes."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from rescind.provider import (
    Event,
    Finding,
    Findings,
    Held,
    InvalidRequestError,
    Order,
    Outcome,
    Parsed,
    Reason,
    Reply,
    UnreadableEventError,
)
from rescind.provider.testing import MARK, Case, ProviderSuite, judged
from rescind_twilio.provider import POLICY, Twilio, TwilioAccount
from rescind_twilio.simulation import TwilioSimulation

ACCOUNT = "AC00000000000000000000000000000001"
SID = "SM00000000000000000000000000000002"
OTHER = "MM00000000000000000000000000000003"
TWILIO = Twilio()
CALLBACK = "https://shop.example/twilio?shop=1"
SEND_AT = "2020-11-20T18:00:00Z"


def message(status: str, sid: str = SID) -> dict[str, Any]:
    return {"sid": sid, "account_sid": ACCOUNT, "status": status, "error_code": None}


def error(code: int, status: int) -> dict[str, Any]:
    return {"code": code, "message": "no", "more_info": "x", "status": status}


def proof(
    call: str, finding: Finding, order: Order, asked: Sequence[Order], reply: Reply
) -> bool:
    """A message that is said to be canceled or scheduled is shown so, by its SID."""
    if finding.outcome not in (Outcome.CANCELLED, Outcome.ACTIVE):
        return True
    word = "canceled" if finding.outcome is Outcome.CANCELLED else "scheduled"
    shown = reply.json()
    return bool(
        reply.ok and shown["sid"] == order.id and shown["status"].lower() == word
    )


class TestTwilio(ProviderSuite):
    case = Case(
        provider=TWILIO,
        credentials={
            "account_sid": ACCOUNT,
            "auth_token": MARK,
            "callback_url": CALLBACK,
        },
        orders=[Order(SID, {"send_at": SEND_AT}), Order(OTHER)],
        cancels=[message("canceled"), message("scheduled"), error(30409, 409)],
        reads=[message(word) for word in ("canceled", "scheduled", "sent", "received")],
        also_asked=[[Order(OTHER)]],
        proof=proof,
        simulation=TwilioSimulation,
    )


def reply(document: Any, status: int = 200) -> Reply:
    return Reply(status, {}, json.dumps(document).encode())


def cancelled(document: Any, status: int = 200) -> Any:
    parsed = TWILIO.parse_cancel([Order(SID)], reply(document, status))
    return parsed.of(SID) if isinstance(parsed, Findings) else parsed


def read(document: Any, status: int = 200) -> Any:
    parsed = TWILIO.parse_read([Order(SID)], reply(document, status))
    return parsed.of(SID) if isinstance(parsed, Findings) else parsed


def account(**more: Any) -> TwilioAccount:
    return TwilioAccount.model_validate({"account_sid": ACCOUNT, **more})


def test_a_cancel_updates_the_message() -> None:
    sent = TWILIO.build_cancel(account(auth_token="t0ken"), None, [Order(SID)])
    assert (sent.method, sent.body) == ("POST", b"Status=canceled")
    path = f"/2010-04-01/Accounts/{ACCOUNT}/Messages/{SID}.json"
    assert sent.url == f"https://api.twilio.com{path}"
    pair = b64encode(f"{ACCOUNT}:t0ken".encode()).decode()
    assert sent.headers["Authorization"] == f"Basic {pair}"


def test_a_reading_changes_nothing() -> None:
    for sent in (
        TWILIO.build_read(account(auth_token="t"), None, [Order(SID)]),
        TWILIO.build_probe(account(auth_token="t"), None),
    ):
        assert sent is not None
        assert (sent.method, sent.body) == ("GET", b"")


@pytest.mark.parametrize(
    ("status", "outcome", "reason"),
    [
        ("canceled", Outcome.CANCELLED, Reason.CONFIRMED),
        ("scheduled", Outcome.ACTIVE, None),
        ("accepted", Outcome.REFUSED, Reason.WINDOW_CLOSED),
        ("queued", Outcome.REFUSED, Reason.WINDOW_CLOSED),
        ("sending", Outcome.REFUSED, Reason.WINDOW_CLOSED),
        ("sent", Outcome.REFUSED, Reason.WINDOW_CLOSED),
        ("delivered", Outcome.REFUSED, Reason.ALREADY_COMPLETED),
        ("read", Outcome.REFUSED, Reason.ALREADY_COMPLETED),
        ("partially_delivered", Outcome.REFUSED, Reason.ALREADY_COMPLETED),
        ("undelivered", Outcome.REFUSED, Reason.ALREADY_COMPLETED),
        ("failed", Outcome.REFUSED, Reason.ALREADY_COMPLETED),
        ("received", Outcome.REFUSED, Reason.NOT_SUPPORTED),
        ("a new word", Outcome.UNKNOWN, None),
    ],
)
def test_each_status_of_a_message(
    status: str, outcome: Outcome, reason: Reason | None
) -> None:
    finding = read(message(status))
    assert (finding.outcome, finding.reason) == (outcome, reason)
    assert finding.code == status


@pytest.mark.parametrize("status", ["scheduled", "sent", "failed", "delivered"])
def test_only_the_word_canceled_is_a_success(status: str) -> None:
    assert cancelled(message(status)).outcome is Outcome.UNKNOWN
    assert cancelled(message("canceled")).outcome is Outcome.CANCELLED


def test_a_message_of_another_sid_says_nothing() -> None:
    assert cancelled(message("canceled", OTHER)).outcome is Outcome.UNKNOWN
    assert read(message("canceled", OTHER)).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("status", [400, 409, 422])
def test_a_message_that_cannot_be_canceled_is_read(status: int) -> None:
    finding = cancelled(error(30409, status), status)
    assert (finding.outcome, finding.reason) == (Outcome.REFUSED, None)
    assert finding.code == "30409"


def test_a_message_that_does_not_exist() -> None:
    refused, gone = cancelled(error(20404, 404), 404), read(error(20404, 404), 404)
    assert (refused.outcome, refused.reason) == (Outcome.REFUSED, Reason.NOT_FOUND)
    assert gone.outcome is Outcome.GONE


@pytest.mark.parametrize(
    ("code", "status", "advice"),
    [
        (20003, 401, "check account_sid"),
        (20403, 403, "suspended or closed"),
        (70051, 403, "no permission"),
        (10001, 400, "not active"),
    ],
)
def test_a_fault_of_the_account_holds_the_lane(
    code: int, status: int, advice: str
) -> None:
    for parse in (cancelled, read):
        held = parse(error(code, status), status)
        assert isinstance(held, Held)
        assert advice in held.why


def test_a_wrong_account_sid_is_found_by_the_probe() -> None:
    assert isinstance(TWILIO.parse_probe(reply(error(20404, 404), 404)), Held)
    assert TWILIO.parse_probe(reply({"messages": []})) == Findings({})


KEY = {"api_key": "SK00000000000000000000000000000004", "api_key_secret": "s3cret"}
TOKEN = {"auth_token": "0123456789abcdef0123456789abcdef"}


@pytest.mark.parametrize("fields", [TOKEN, KEY])
def test_an_echoed_header_shows_neither_a_secret_nor_its_base64(
    fields: dict[str, str],
) -> None:
    ours = account(**fields)
    sent = TWILIO.build_cancel(ours, None, [Order(SID)])
    header, pair = sent.headers["Authorization"], sent.headers["Authorization"][6:]
    quoted = f"you sent {header} to {sent.url}, {pair.lower()}"
    said = reply({**error(20003, 401), "message": quoted}, 401)
    kept = judged(sent, said, cancel_of_sid, POLICY, ours.secrets())
    shown = f"{kept.body} {kept.parsed}"
    assert "Twilio refused the call (401, 20003" in shown
    for secret in (pair, pair.lower(), *ours.login(), ACCOUNT):
        assert secret not in shown


def cancel_of_sid(said: Reply) -> Parsed:
    return TWILIO.parse_cancel([Order(SID)], said)


def read_of_sid(said: Reply) -> Parsed:
    return TWILIO.parse_read([Order(SID)], said)


@pytest.mark.parametrize("parse", [cancel_of_sid, read_of_sid])
def test_the_text_of_a_message_is_not_kept(parse: Callable[[Reply], Parsed]) -> None:
    said = reply({**message("odd"), "body": "Dear Ann", "to": "+15558675310"})
    sent = TWILIO.build_read(account(auth_token="t0ken"), None, [Order(SID)])
    kept = judged(sent, said, parse, POLICY)
    assert f'"sid": "{SID}", "account_sid": "***", "status": "odd"' in str(kept.body)
    assert "Ann" not in repr(kept)


def test_an_api_key_takes_the_place_of_the_auth_token() -> None:
    sent = TWILIO.build_read(account(**KEY), None, [Order(SID)])
    pair = b64encode(f"{KEY['api_key']}:s3cret".encode()).decode()
    assert sent.headers["Authorization"] == f"Basic {pair}"
    assert f"/Accounts/{ACCOUNT}/" in sent.url


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "api_key and api_key_secret are required"),
        ({"api_key": KEY["api_key"]}, "api_key and api_key_secret are required"),
        ({**KEY, "auth_token": "t"}, "set either auth_token"),
        ({"auth_token": "t", "account_sid": KEY["api_key"]}, "account_sid"),
    ],
)
def test_an_account_has_one_way_in(fields: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        account(**fields)


# --- the planned time ----------------------------------------------------------------


@pytest.mark.parametrize("spelt", [SEND_AT, "2020-11-20T21:00:00.5+03:00"])
def test_nothing_is_sent_from_the_planned_time_on(spelt: str) -> None:
    params = TWILIO.canonical_params(TWILIO.check_params({"send_at": spelt}))
    assert params == {"send_at": SEND_AT}
    until = TWILIO.cancellable_until(SID, params)
    assert until == datetime(2020, 11, 20, 18, tzinfo=UTC)
    assert TWILIO.cancellable_until(SID, {}) is None


@pytest.mark.parametrize(
    "wrong", ["2020-11-20T18:00:00", "tomorrow", "9999-12-31T23:59:59-10:00", 5]
)
def test_a_planned_time_has_an_offset(wrong: object) -> None:
    with pytest.raises(InvalidRequestError, match="send_at"):
        TWILIO.check_params({"send_at": wrong})


# --- status callbacks ----------------------------------------------------------------

# The example of twilio-python, tests/unit/test_request_validator.py.
EXAMPLE_URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
EXAMPLE_BODY = (
    b"CallSid=CA1234567890ABCDE&Digits=1234&From=%2B14158675309"
    b"&To=%2B18005551212&Caller=%2B14158675309"
)
EXAMPLE_SIGNATURE = "RSOYDt4T1cUTdK1PDd93/VVr8B8="


def callback(body: bytes, signature: str | None = EXAMPLE_SIGNATURE) -> Event:
    headers = {} if signature is None else {"x-twilio-signature": signature}
    now = datetime(2020, 11, 20, tzinfo=UTC)
    return Event(headers=headers, body=body, received_at=now)


def signs(fields: dict[str, str], event: Event) -> bool:
    return TWILIO.is_signed(account(**{**KEY, **fields}), event)


SIGNED = {"callback_url": EXAMPLE_URL, "callback_auth_token": "12345"}


@pytest.mark.parametrize("host", ["mycompany.com", "mycompany.com:443"])
def test_the_example_of_twilios_own_client_is_signed(host: str) -> None:
    url = EXAMPLE_URL.replace("mycompany.com", host)
    assert signs({**SIGNED, "callback_url": url}, callback(EXAMPLE_BODY))
    token = {"auth_token": "12345", "callback_url": url}
    assert TWILIO.is_signed(account(**token), callback(EXAMPLE_BODY))


@pytest.mark.parametrize(
    ("fields", "event"),
    [
        ({**SIGNED, "callback_auth_token": "12346"}, callback(EXAMPLE_BODY)),
        ({**SIGNED, "callback_url": EXAMPLE_URL + "3"}, callback(EXAMPLE_BODY)),
        (SIGNED, callback(EXAMPLE_BODY.replace(b"1234", b"1235"))),
        (SIGNED, callback(EXAMPLE_BODY + b"&More=1")),
        (SIGNED, callback(EXAMPLE_BODY, None)),
        (SIGNED, callback(EXAMPLE_BODY, "\ud800")),
        ({"callback_url": EXAMPLE_URL}, callback(EXAMPLE_BODY)),
        ({"callback_auth_token": "12345"}, callback(EXAMPLE_BODY)),
    ],
)
def test_any_other_callback_is_not_signed(fields: dict[str, str], event: Event) -> None:
    assert signs(fields, event) is False


def test_a_callback_names_its_message() -> None:
    body = f"MessageSid={SID}&MessageStatus=canceled&AccountSid={ACCOUNT}".encode()
    assert TWILIO.parse_event(callback(body)).orders == [SID]
    for other in (b"", b"MessageSid=&MessageStatus=sent", b"\xff=\xff"):
        with pytest.raises(UnreadableEventError):
            TWILIO.parse_event(callback(other))
