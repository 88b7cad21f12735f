"""Who may see the dashboard, and who may change things there."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select

from rescind.config.access_tokens import Access, access
from rescind.config.settings import Settings
from rescind.dashboard import sessions
from rescind.dashboard.security_headers import HEADERS
from rescind.dashboard.session_cookies import COOKIE
from rescind.dashboard.sessions import LASTS, Sessions
from rescind.dashboard.sign_in import FAILURES
from rescind.ledger.seal import Seal, SealError, new_key
from rescind.ledger.storage.ended_sessions import end_sessions
from rescind.ledger.storage.operator_tables import ENDED_SESSION
from rescind.ledger.storage.transactions import open_ledger, writing
from tests.dashboard.stage import (
    OPERATOR,
    READER,
    SUBMITTER,
    TOKENS,
    Served,
    Visitor,
    served,
    settings_over,
)
from tests.ledger.build import NOW

PAGES = [
    "/",
    "/desk/cancellations",
    "/desk/undelivered",
    "/desk/cancellations?q=1",
    "/desk/cancellations.csv",
    "/desk/statistics",
    "/desk/groups",
    "/desk/schedules",
    "/desk/notifications",
    "/desk/workers",
    "/desk/words",
    "/desk/cancellations/1",
    "/desk/lanes/hold?lane=ithink/default",
    "/desk/lanes",
    "/desk/lanes/resume?lane=ithink/default",
    "/desk/retry?id=1",
    "/desk/withdraw?id=1",
    "/desk/results/1",
    "/desk/submit",
]
ACTS = [
    "/desk/lanes/hold",
    "/desk/lanes/resume",
    "/desk/retry",
    "/desk/retry/now",
    "/desk/undelivered/again",
    "/desk/withdraw",
    "/desk/withdraw/now",
    "/desk/submit/one",
    "/desk/submit/file/now",
    "/desk/schedules/run",
    "/desk/notifications/test",
]


@pytest.mark.parametrize("path", PAGES)
def test_a_stranger_is_sent_to_sign_in_and_led_back(
    stranger: Visitor, path: str
) -> None:
    asked = stranger.get(path)
    assert asked.status_code == 303
    where = asked.headers["location"]
    assert where.startswith("/desk/sign-in")
    back = stranger.get(where).text.partition('name="next" value="')[2]
    assert back.partition('"')[0] == path
    assert stranger.sign_in(READER, next=path).headers["location"] == path


@pytest.mark.parametrize("path", ACTS)
def test_a_stranger_can_do_nothing(stranger: Visitor, path: str) -> None:
    done = stranger.post(path, {"lane": "ithink/default"})
    assert done.status_code == 303
    assert done.headers["location"] == "/desk/sign-in?unsent=yes"


@pytest.mark.parametrize("path", ACTS)
def test_a_form_of_an_ended_session_leads_back_and_says_that_nothing_was_done(
    stranger: Visitor, path: str
) -> None:
    form = "/desk/submit?lane=ithink/default"
    sent = stranger.post(path, {"order": "1"}, Referer=stranger.base + form)
    where = sent.headers["location"]
    asked = stranger.get(where).text
    assert "Nothing was submitted or changed: your session had ended" in asked
    assert f'name="next" value="{form}"' in asked
    assert "session had ended" not in stranger.get("/desk/sign-in").text


def test_a_form_of_another_site_leads_to_no_page_of_that_site(
    stranger: Visitor,
) -> None:
    for page in ("https://elsewhere.example/x", "https://[", "//elsewhere.example"):
        sent = stranger.post("/desk/retry", {}, Referer=page)
        asked = stranger.get(sent.headers["location"]).text
        assert 'name="next" value="/"' in asked


def test_a_stranger_gets_no_events(stranger: Visitor) -> None:
    assert stranger.get("/desk/events").status_code == 204


def test_the_cookie_is_for_this_site_and_no_script(stranger: Visitor) -> None:
    said = stranger.sign_in(OPERATOR).headers["set-cookie"]
    name, _, rest = said.partition("=")
    assert name == COOKIE
    told = {part.strip().lower() for part in rest.split(";")[1:]}
    seconds = int(LASTS.total_seconds())
    assert {"httponly", "samesite=strict", "path=/", f"max-age={seconds}"} <= told
    assert "secure" not in told


def test_behind_tls_the_cookie_is_sent_only_over_tls(stranger: Visitor) -> None:
    form = {"token": OPERATOR}
    done = stranger.post("/desk/sign-in", form, **{"X-Forwarded-Proto": "https"})
    assert done.headers["set-cookie"].startswith("__Host-")
    assert "; secure" in done.headers["set-cookie"].lower()


def test_the_cookie_holds_no_token_and_opens_nothing_sealed(
    site: Served, operator: Visitor
) -> None:
    cookie = operator.session.cookies[COOKIE]
    keys = site.context.settings.seal_keys()
    assert OPERATOR not in cookie
    with pytest.raises(SealError):
        Seal(keys).open(cookie)
    made = Fernet(sessions._derived(keys)).decrypt(cookie.encode())
    assert OPERATOR.encode() not in made
    assert json.loads(made)[:2] == ["token", "ann"]


def test_a_wrong_token_is_refused_with_a_reason(stranger: Visitor) -> None:
    refused = stranger.sign_in("no-such-token-of-any-length")
    assert refused.status_code == 401
    assert "This access token is not known" in refused.text
    assert "no-such-token-of" not in refused.text
    assert not stranger.session.cookies


def test_a_token_without_the_scope_read_is_refused(stranger: Visitor) -> None:
    refused = stranger.sign_in(SUBMITTER)
    assert refused.status_code == 403
    assert "it has no right to see" in refused.text
    assert not stranger.session.cookies


def test_tokens_cannot_be_guessed_fast(stranger: Visitor) -> None:
    for number in range(FAILURES.amount):
        assert stranger.sign_in(f"guess-{number}").status_code == 401
    refused = stranger.sign_in(OPERATOR)
    assert refused.status_code == 429
    assert "wait a minute" in refused.text


def test_without_a_provider_only_tokens_sign_in(stranger: Visitor) -> None:
    assert stranger.get("/desk/openid").status_code == 404
    assert "/desk/openid" not in stranger.get("/desk/sign-in").text


def test_without_any_token_the_page_says_how_to_make_one(
    sqlite_ledger_url: str, tmp_path: Path
) -> None:
    with served(settings_over(sqlite_ledger_url, tmp_path, tokens="")) as site:
        said = site.visitor().get("/desk/sign-in").text
    assert "RESCIND_API_TOKENS" in said
    assert "Nobody can sign in yet" in said


def test_signing_out_forgets_the_cookie(operator: Visitor) -> None:
    assert operator.get("/").status_code == 200
    assert operator.post("/desk/sign-out", {}).status_code == 303
    assert operator.get("/").status_code == 303


def test_signing_out_ends_a_copy_of_the_cookie_and_no_other_session(
    site: Served, operator: Visitor
) -> None:
    copy, other = site.visitor(), site.visitor(OPERATOR)
    copy.session.cookies.update(operator.session.cookies)
    assert copy.get("/").status_code == 200
    operator.post("/desk/sign-out", {})
    assert copy.get("/").status_code == 303
    assert copy.get("/desk/events").status_code == 204
    assert other.get("/").status_code == 200


@pytest.mark.parametrize(
    "back",
    [
        "//elsewhere.example",
        "https://elsewhere.example",
        "/\\elsewhere.example",
        "/v1/lanes",
        "/desk/\r\nSet-Cookie: x=y",
        "javascript:alert(1)",
    ],
)
def test_signing_in_never_redirects_to_another_site(
    stranger: Visitor, back: str
) -> None:
    assert stranger.sign_in(READER, next=back).headers["location"] == "/"


# --- sessions -------------------------------------------------------------------------


@pytest.fixture
def chosen(tmp_path: Path) -> Settings:
    return settings_over("sqlite://", tmp_path)


def _cookie(sessions: Sessions, who: Access, token: str = READER) -> str:
    found = who.token(token)
    assert found is not None
    return sessions.cookie(found)


def test_a_session_ends_after_its_hours(
    chosen: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    who, made = access(chosen), Sessions(chosen.seal_keys())
    cookie = _cookie(made, who)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + LASTS.total_seconds() - 5)
    assert made.read(cookie, who) is not None
    monkeypatch.setattr(time, "time", lambda: now + LASTS.total_seconds() + 5)
    assert made.read(cookie, who) is None


def test_the_ledger_forgets_an_ended_session_once_it_would_have_expired(
    sqlite_ledger_url: str,
) -> None:
    engine, rows = open_ledger(sqlite_ledger_url), select(ENDED_SESSION.c.subject)
    with writing(engine) as connection:
        for number in range(3):
            end_sessions(connection, f"key:{number}", NOW, NOW + LASTS)
        assert len(connection.execute(rows).all()) == 3
        end_sessions(connection, "key:4", NOW + LASTS, NOW + 2 * LASTS)
        assert connection.execute(rows).scalars().all() == ["key:4"]
    engine.dispose()


@pytest.mark.parametrize(
    "tokens",
    [
        f"ann:read+operate:{OPERATOR}",
        f"ben:read:another-token-of-some-length,ann:read:{OPERATOR}",
        f"ben:submit:{READER}",
    ],
    ids=["removed", "replaced", "may not look any more"],
)
def test_a_session_ends_with_its_token(chosen: Settings, tokens: str) -> None:
    made, now = Sessions(chosen.seal_keys()), access(chosen)
    cookie = _cookie(made, now)
    assert made.read(cookie, now) is not None
    assert tokens != TOKENS
    later = access(chosen.model_copy(update={"api_tokens": _secret(tokens)}))
    assert made.read(cookie, later) is None


def _secret(text: str) -> object:
    from pydantic import SecretStr

    return SecretStr(text)


def test_a_session_is_read_by_every_process_of_the_same_key(chosen: Settings) -> None:
    who = access(chosen)
    cookie = _cookie(Sessions(chosen.seal_keys()), who)
    rotated = f"{new_key()},{chosen.seal_keys()}"
    assert Sessions(rotated).read(cookie, who) is not None
    assert Sessions(new_key()).read(cookie, who) is None
    assert Sessions().read(cookie, who) is None


@pytest.mark.parametrize("cookie", ["", "x", "é", "gAAAAA==", "null"])
def test_a_forged_cookie_opens_nothing(chosen: Settings, cookie: str) -> None:
    assert Sessions(chosen.seal_keys()).read(cookie, access(chosen)) is None


# --- changes --------------------------------------------------------------------------


@pytest.mark.parametrize("path", ACTS)
def test_a_reader_sees_no_buttons_and_is_refused(reader: Visitor, path: str) -> None:
    key = reader.form_key()
    refused = reader.post(path, {"lane": "ithink/default", "form_key": key})
    assert refused.status_code == 403
    what = "submit orders" if "/submit/" in path else "retry, withdraw, hold"
    assert f"has no right to {what}" in refused.text


def test_a_reader_sees_no_forms_that_act(reader: Visitor) -> None:
    said = reader.get("/").text
    assert "Hold…" not in said
    assert "view only" in said


@pytest.mark.parametrize("path", ACTS)
@pytest.mark.parametrize("key", [None, "", "wrong", "é"])
def test_a_form_without_the_sessions_key_does_nothing(
    operator: Visitor, path: str, key: str | None
) -> None:
    form = {"lane": "ithink/default"} | ({} if key is None else {"form_key": key})
    refused = operator.post(path, form)
    assert refused.status_code == 403
    assert "belongs to an earlier session" in refused.text


def test_another_sessions_key_does_not_fit(site: Served, operator: Visitor) -> None:
    key = site.visitor(OPERATOR).form_key()
    form = {"lane": "ithink/default", "form_key": key}
    assert operator.post("/desk/lanes/hold", form).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://elsewhere.example"},
        {"Origin": "null"},
    ],
)
@pytest.mark.parametrize("path", [*ACTS, "/desk/sign-in", "/desk/sign-out"])
def test_a_form_from_another_site_does_nothing(
    operator: Visitor, path: str, headers: dict[str, str]
) -> None:
    key = operator.form_key()
    form = {"lane": "ithink/default", "form_key": key, "token": OPERATOR}
    refused = operator.post(path, form, **headers)
    assert refused.status_code == 403
    assert "A page of another site" in refused.text
    assert operator.get("/").status_code == 200


def test_a_form_works_behind_a_proxy_that_changes_the_host(
    operator: Visitor,
) -> None:
    form = {"lane": "ithink/default", "form_key": operator.form_key()}
    headers = {"Sec-Fetch-Site": "same-origin", "Origin": "https://desk.example"}
    assert operator.post("/desk/lanes/hold", form, **headers).status_code == 303


def test_a_link_from_another_site_reaches_a_signed_in_user(
    stranger: Visitor,
) -> None:
    # Browsers do not send a strict cookie after a link from another site.
    first = stranger.get("/desk/cancellations", **{"Sec-Fetch-Site": "cross-site"})
    assert first.status_code == 200
    assert 'http-equiv="refresh"' in first.text


# --- headers --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", [*PAGES, "/desk/sign-in", "/desk/cancellations?state=x"]
)
def test_every_page_lets_no_foreign_script_in(operator: Visitor, path: str) -> None:
    headers = operator.get(path).headers
    for name, value in HEADERS.items():
        assert headers[name] == value
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy


@pytest.mark.parametrize("path", PAGES)
def test_no_page_has_a_script_or_style_of_its_own(operator: Visitor, path: str) -> None:
    said = operator.get(path).text.lower()
    for forbidden in ("<style", " style=", " onclick=", " hx-on", "javascript:"):
        assert forbidden not in said
    assert said.count("<script") == said.count("<script src=")
