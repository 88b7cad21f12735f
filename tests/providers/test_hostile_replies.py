"""No reply of any content is read as an outcome that it does not prove."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.registry import BY_NAME, PROVIDERS
from rescind.provider.http import Evidence, exchange
from rescind.provider.http_messages import Reply, Request
from rescind.provider.interface import Provider, Token, WithLogin
from rescind.provider.outcomes import (
    BatchRefused,
    Finding,
    Findings,
    Held,
    Order,
    Outcome,
    Parsed,
    UnreadableReplyError,
)
from rescind.provider.replies import LARGEST_BODY
from tests.providers.conftest import Wire
from tests.providers.evidence import CANCEL_CALLS, READINGS, holds
from tests.providers.samples import ASKED, CANCELS, ODD_VALUES, READS, places, replies
from tests.providers.test_contract import check_parsed
from tests.providers.test_hostile_sockets import ON_ONE_WIRE, PATIENT

NAMES = sorted(BY_NAME)
LOGINS = [one.name for one in PROVIDERS if isinstance(one, WithLogin)]
CALLS = ("cancel", "read")
NOW = datetime(2020, 11, 20, 18, 9, tzinfo=UTC)


def parser(name: str, call: str) -> Any:
    provider = BY_NAME[name]
    return provider.parse_cancel if call == "cancel" else provider.parse_read


def proved(
    name: str, call: str, finding: Finding, order: Order, asked: Any, reply: Reply
) -> bool:
    """Whether the reply itself proves ``finding``, in the right place."""
    if call == "cancel":
        shown, good = CANCEL_CALLS[name]
        settled = finding.outcome is Outcome.CANCELLED
        return not settled or holds(shown, good, order, asked, reply)
    shown, words = READINGS[name]
    settled = finding.outcome in (Outcome.CANCELLED, Outcome.ACTIVE, Outcome.GONE)
    good = words.get(finding.outcome, set())
    return not settled or holds(shown, good, order, asked, reply)


def can_be_kept(finding: Finding) -> bool:
    """Whether both databases can store the provider's words."""
    words = (finding.code or "") + (finding.message or "")
    longest = max(len(finding.code or ""), len(finding.message or ""))
    return longest <= 500 and "\x00" not in words and bool(words.encode() or True)


def check(name: str, call: str, asked: Sequence[Order], reply: Reply) -> Parsed | None:
    try:
        parsed: Parsed = parser(name, call)(asked, reply)
    except UnreadableReplyError:
        return None
    check_parsed(parsed, list(asked))
    for order in asked:
        if isinstance(parsed, Findings):
            finding = parsed.of(order.id)
            assert proved(name, call, finding, order, asked, reply)
            assert can_be_kept(finding)
    if isinstance(parsed, BatchRefused):
        assert can_be_kept(parsed.finding)
    if isinstance(parsed, Held):
        parsed.why.encode()
    return parsed


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(max_examples=100)
def test_an_outcome_is_read_only_if_the_reply_proves_it(
    name: str, call: str, data: st.DataObject
) -> None:
    asked = data.draw(st.sampled_from(ASKED[name]))
    documents = (CANCELS if call == "cancel" else READS)[name]
    check(name, call, asked, data.draw(replies(documents)))


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", NAMES)
def test_any_member_of_a_reply_may_hold_any_value(name: str, call: str) -> None:
    for document in copy.deepcopy((CANCELS if call == "cancel" else READS)[name]):
        for where, key in places([document]):
            kept = where[key]
            for odd in ODD_VALUES:
                where[key] = odd
                body = json.dumps(document).encode()
                check(name, call, ASKED[name][0], Reply(200, {}, body))
            where[key] = kept


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("call", CALLS)
def test_the_documented_replies_prove_outcomes(name: str, call: str) -> None:
    found = set()
    for asked in ASKED[name]:
        for document in (CANCELS if call == "cancel" else READS)[name]:
            reply = Reply(200, {}, json.dumps(document).encode())
            parsed = check(name, call, asked, reply)
            if isinstance(parsed, Findings):
                found |= {parsed.of(order.id).outcome for order in asked}
    expected = Outcome.REQUESTED if (name, call) == ("notpanel", "cancel") else None
    assert (expected or Outcome.CANCELLED) in found


@pytest.mark.parametrize(
    "body",
    [
        b'{"status": false, "status": true}',
        b'{"data": [{"1": {"status": "Failed"}, "1": {"status": "Success"}}]}',
        b'{"a": NaN, "a": NaN}',
    ],
)
def test_a_name_with_two_values_makes_a_reply_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableReplyError):
        Reply(200, {}, body).json()


def test_a_name_with_the_same_value_twice_is_read() -> None:
    reply = Reply(200, {}, b'{"status": true, "status": true}')
    assert reply.json() == {"status": True}


LOGIN = {
    "key": "a" * 40,
    "status": True,
    "data": {"access_token": "f" * 64, "expiration_date": "2020-11-21 18:09:00"},
}
ODD_LOGINS = [*ODD_VALUES, "a\nb", "a b", "9999-12-31T23:59:59-23:59", "0001-01-01"]


def check_login(name: str, reply: Reply) -> Token | Held | None:
    provider = BY_NAME[name]
    assert isinstance(provider, WithLogin)
    try:
        read = provider.parse_login(reply, NOW)
    except UnreadableReplyError:
        return None
    if isinstance(read, Token):
        assert read.value.isascii()
        assert read.value.isprintable()
        assert 0 < len(read.value.replace(" ", "")) == len(read.value)
        assert read.expires_at is None or read.expires_at > NOW
    return read


@pytest.mark.parametrize("name", LOGINS)
def test_a_login_returns_a_valid_token_or_none(name: str) -> None:
    document = copy.deepcopy(LOGIN)
    for where, key in places([document]):
        kept = where[key]
        for where[key] in ODD_LOGINS:
            check_login(name, Reply(200, {}, json.dumps(document).encode()))
        where[key] = kept
    assert isinstance(
        check_login(name, Reply(200, {}, json.dumps(document).encode())), Token
    )


@pytest.mark.parametrize("name", LOGINS)
@given(reply=replies([LOGIN]))
def test_a_broken_login_reply_raises_nothing_else(name: str, reply: Reply) -> None:
    check_login(name, reply)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_a_broken_probe_reply_raises_nothing_else(
    name: str, data: st.DataObject
) -> None:
    provider: Provider[Any] = BY_NAME[name]
    try:
        parsed = provider.parse_probe(data.draw(replies(READS[name])))
    except UnreadableReplyError:
        return
    assert not isinstance(parsed, Held) or parsed.why


NEST = LARGEST_BODY // 64
LARGE: dict[str, bytes] = {
    "deep lists": b"[" * NEST + b"]" * NEST,
    "deep objects": b'{"data":' * NEST + b"1" + b"}" * NEST,
    "many empty lists": b'{"data":[' + b"[]," * NEST + b"[]]}",
    "many names": b"{%s}" % b",".join(b'"%d":{}' % n for n in range(NEST // 3)),
    "a long text": json.dumps(
        dict.fromkeys(("message", "error", "status"), "&lt; a<" * NEST)
    ).encode(),
    "long words": json.dumps(
        dict.fromkeys(("message", "html_message"), "AA00 iptal order <" * (NEST // 12))
    ).encode(),
    "a long number": b'{"status":' + b"9" * NEST + b"}",
    "spaces": b" " * NEST + b"{}" + b" " * NEST,
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("what", LARGE)
def test_the_largest_reply_is_read_or_refused(name: str, call: str, what: str) -> None:
    for status in (200, 400):
        check(name, call, ASKED[name][0], Reply(status, {}, LARGE[what]))


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(ON_ONE_WIRE, max_examples=25)
def test_a_reply_through_a_socket_is_read_in_the_same_way(
    wire: Wire, name: str, data: st.DataObject
) -> None:
    asked = ASKED[name][0]
    reply = data.draw(replies(CANCELS[name]))
    kind = data.draw(st.sampled_from(["application/json", "text/html;charset=x"]))
    head = [f"HTTP/1.1 {reply.status} So", f"Content-Length: {len(reply.body)}"]
    head += [f"Content-Type: {kind}", "Connection: close"]
    wire.answers("\r\n".join([*head, "\r\n"]), reply.body)

    def parse(received: Reply) -> Parsed:
        parsed: Parsed = parser(name, "cancel")(asked, received)
        return parsed

    result = exchange(Request("POST", wire.url, {}, b"{}"), parse, PATIENT)
    expected = check(name, "cancel", asked, reply)
    known = Evidence.MAYBE_DONE if expected is None else Evidence.ANSWERED
    assert result.evidence is known
    assert type(result.parsed) is type(expected)
