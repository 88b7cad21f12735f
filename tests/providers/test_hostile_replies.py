"""JSON that says two things, and hostile replies that come through a socket."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rescind.provider.http import Evidence, exchange
from rescind.provider.http_messages import Reply, Request
from rescind.provider.outcomes import Parsed, UnreadableReplyError
from rescind.provider.testing.damaged_replies import replies
from rescind.provider.testing.reply_checks import read
from tests.providers.cases import CASES
from tests.providers.conftest import Wire
from tests.providers.test_hostile_sockets import ON_ONE_WIRE, PATIENT


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


@pytest.mark.parametrize("name", CASES)
@given(data=st.data())
@settings(ON_ONE_WIRE, max_examples=25)
def test_a_reply_through_a_socket_is_read_in_the_same_way(
    wire: Wire, name: str, data: st.DataObject
) -> None:
    case = CASES[name]
    asked = case.asked
    reply = data.draw(replies(case.documents("cancel"), case))
    kind = data.draw(st.sampled_from(["application/json", "text/html;charset=x"]))
    head = [f"HTTP/1.1 {reply.status} So", f"Content-Length: {len(reply.body)}"]
    head += [f"Content-Type: {kind}", "Connection: close"]
    wire.answers("\r\n".join([*head, "\r\n"]), reply.body)

    def parse(received: Reply) -> Parsed:
        parsed: Parsed = case.parser("cancel")(asked, received)
        return parsed

    result = exchange(Request("POST", wire.url, {}, b"{}"), parse, PATIENT)
    expected = read(case, "cancel", asked, reply)
    known = Evidence.MAYBE_DONE if expected is None else Evidence.ANSWERED
    assert result.evidence is known
    assert type(result.parsed) is type(expected)
