"""No reply of any content is read as an outcome that it does not prove."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rescind.provider.http_messages import Reply
from rescind.provider.interface import Token, WithLogin
from rescind.provider.outcomes import Findings, Held, Outcome, UnreadableReplyError
from rescind.provider.replies import LARGEST_BODY
from rescind.provider.testing.case import Case, json_reply
from rescind.provider.testing.contract import CALLS, SHARED
from rescind.provider.testing.damaged_replies import odd_values, places, replies
from rescind.provider.testing.reply_checks import read

NOW = datetime(2020, 11, 20, 18, 9, tzinfo=UTC)
ODD_TOKENS = ("a\nb", "a b", "9999-12-31T23:59:59-23:59", "0001-01-01")
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


class HostileReplies:
    """Replies that are damaged, huge, or of other shapes."""

    case: ClassVar[Case]

    @pytest.mark.parametrize("call", CALLS)
    @given(data=st.data())
    @settings(SHARED, max_examples=100)
    def test_an_outcome_is_read_only_if_the_reply_proves_it(
        self, call: str, data: st.DataObject
    ) -> None:
        asked = data.draw(st.sampled_from(self.case.every_asked))
        documents = self.case.documents(call)
        read(self.case, call, asked, data.draw(replies(documents, self.case)))

    @pytest.mark.parametrize("call", CALLS)
    def test_any_member_of_a_reply_may_hold_any_value(self, call: str) -> None:
        asked, odd = self.case.every_asked[0], odd_values(self.case)
        for status, document in copy.deepcopy(self.case.answers(call)):
            for where, key in places([document]):
                kept = where[key]
                for where[key] in odd:
                    read(self.case, call, asked, json_reply(document, status))
                where[key] = kept

    @pytest.mark.parametrize("call", CALLS)
    def test_the_documented_replies_prove_outcomes(self, call: str) -> None:
        found = set()
        for asked in self.case.every_asked:
            for status, document in self.case.answers(call):
                reply = json_reply(document, status)
                parsed = read(self.case, call, asked, reply)
                if isinstance(parsed, Findings):
                    found |= {parsed.of(order.id).outcome for order in asked}
        good = {Outcome.CANCELLED}
        if call == "cancel":
            good.add(Outcome.REQUESTED)
        assert good & found, "no document shows a success"

    def test_a_login_returns_a_valid_token_or_none(self) -> None:
        for document in copy.deepcopy(list(self.case.logins)):
            for where, key in places([document]):
                kept = where[key]
                for where[key] in (*odd_values(self.case), *ODD_TOKENS):
                    check_login(self.case, json_reply(document))
                where[key] = kept
            assert isinstance(check_login(self.case, json_reply(document)), Token)

    @given(data=st.data())
    @SHARED
    def test_a_broken_login_reply_raises_nothing_else(
        self, data: st.DataObject
    ) -> None:
        if self.case.logins:
            check_login(self.case, data.draw(replies(self.case.logins, self.case)))

    @given(data=st.data())
    @SHARED
    def test_a_broken_probe_reply_raises_nothing_else(
        self, data: st.DataObject
    ) -> None:
        try:
            parsed = self.case.provider.parse_probe(
                data.draw(replies(self.case.documents("read"), self.case))
            )
        except UnreadableReplyError:
            return
        assert not isinstance(parsed, Held) or parsed.why

    @pytest.mark.parametrize("call", CALLS)
    @pytest.mark.parametrize("what", LARGE)
    def test_the_largest_reply_is_read_or_refused(self, call: str, what: str) -> None:
        for status in (200, 400):
            read(self.case, call, self.case.asked, Reply(status, {}, LARGE[what]))

    def test_a_provider_with_a_login_has_a_documented_one(self) -> None:
        login = isinstance(self.case.provider, WithLogin)
        assert login is bool(self.case.logins)


def check_login(case: Case, reply: Reply) -> Token | Held | None:
    provider: Any = case.provider
    try:
        token: Token | Held = provider.parse_login(reply, NOW)
    except UnreadableReplyError:
        return None
    if isinstance(token, Token):
        assert token.value.isascii()
        assert token.value.isprintable()
        assert 0 < len(token.value.replace(" ", "")) == len(token.value)
        assert token.expires_at is None or token.expires_at > NOW
    return token
