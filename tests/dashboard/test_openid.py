"""Signing in at an OpenID Connect provider, and ending sessions everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from joserfc.jwk import OctKey, RSAKey
from pydantic import SecretStr

from rescind.config.openid_settings import open_id
from rescind.config.settings import Settings, SettingsError
from rescind.dashboard.openid import CALLBACK
from rescind.dashboard.openid_sign_in import STARTS
from tests.dashboard.identity_provider import CLIENT, SECRET, Provider, providing
from tests.dashboard.stage import (
    OPERATOR,
    READER,
    Served,
    Visitor,
    served,
    settings_over,
)

ROLES = "operations:read+operate, support:read"


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with providing() as found:
        yield found


@pytest.fixture(scope="module")
def shared(
    provider: Provider, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("openid")
    plain = settings_over(f"sqlite:///{sqlite_template}", home)
    chosen = {
        "oidc_issuer": provider.issuer,
        "oidc_client_id": CLIENT,
        "oidc_client_secret": SecretStr(SECRET),
        "oidc_roles": ROLES,
        "public_url": "http://127.0.0.1:8080",
    }
    with served(plain.model_copy(update=chosen)) as found:
        yield found


@pytest.fixture
def site(
    shared: Served, provider: Provider, sqlite_ledger_url: str
) -> Iterator[Served]:
    shared.reset(sqlite_ledger_url)
    provider.claims, provider.signing_key = {"groups": ["operations"]}, None
    provider.algorithm = "RS256"
    yield shared
    shared.engine.dispose()


def begin(visitor: Visitor, provider: Provider, back: str = "/desk/groups") -> str:
    """Begin a sign-in that the provider grants; where it sends the browser then."""
    asked = visitor.get(f"/desk/openid?next={back}")
    assert asked.status_code == 303
    where = urlsplit(provider.authorize(asked.headers["location"]))
    return f"{where.path}?{where.query}"


def test_a_user_signs_in_and_is_led_back(site: Served, provider: Provider) -> None:
    visitor = site.visitor()
    done = visitor.get(begin(visitor, provider), **{"sec-fetch-site": "cross-site"})
    assert done.status_code == 200
    assert 'url=/desk/groups"' in done.text
    page = visitor.get("/desk/groups")
    assert page.status_code == 200
    assert "ayse@example.com" in page.text
    # The scope operate came from the role.
    assert visitor.get("/desk/lanes/hold?lane=ithink/default").status_code == 200


def test_the_role_decides_what_a_user_may_do(site: Served, provider: Provider) -> None:
    provider.claims = {"groups": ["support"]}
    visitor = site.visitor()
    visitor.get(begin(visitor, provider))
    assert "view only" in visitor.get("/desk/groups").text
    provider.claims = {"groups": "guests"}
    other = site.visitor()
    refused = other.get(begin(other, provider))
    assert refused.status_code == 403
    assert "RESCIND_OIDC_ROLES" in refused.text
    assert other.get("/desk/groups").status_code == 303


FORGED: dict[str, dict[str, object]] = {
    "another nonce": {"nonce": "x"},
    "no nonce": {"nonce": None},
    "another client": {"aud": "somebody"},
    "another issuer": {"iss": "https://evil.example.com"},
    "an old one": {"exp": 1_700_000_000},
    "one without an end": {"exp": None},
}


@pytest.mark.parametrize("name", FORGED)
def test_an_answer_that_is_not_for_us_signs_in_nobody(
    site: Served, provider: Provider, name: str
) -> None:
    provider.claims |= FORGED[name]
    visitor = site.visitor()
    assert visitor.get(begin(visitor, provider)).status_code == 403
    assert visitor.get("/desk/groups").status_code == 303


@pytest.mark.parametrize("how", ["another key", "a shared secret"])
def test_an_answer_with_another_signature_signs_in_nobody(
    site: Served, provider: Provider, how: str
) -> None:
    if how == "another key":
        provider.signing_key = RSAKey.generate_key(2048)
    else:
        provider.signing_key = OctKey.import_key(SECRET.encode())
        provider.algorithm = "HS256"
    visitor = site.visitor()
    assert visitor.get(begin(visitor, provider)).status_code == 403
    assert visitor.get("/desk/groups").status_code == 303


def test_an_answer_counts_only_in_the_browser_that_asked_and_once(
    site: Served, provider: Provider
) -> None:
    victim, attacker = site.visitor(), site.visitor()
    where = begin(attacker, provider)
    assert victim.get(where).status_code == 403
    victim.get("/desk/openid")
    assert victim.get(where).status_code == 403
    assert attacker.get(where).status_code == 200
    assert site.visitor().get(where).status_code == 403


@pytest.mark.parametrize(
    "query", ["", "?error=access_denied&state=x", "?code=x&state=ş", "?code=x"]
)
def test_a_wrong_answer_is_refused_in_words(site: Served, query: str) -> None:
    visitor = site.visitor()
    visitor.get("/desk/openid")
    done = visitor.get(CALLBACK + query)
    assert done.status_code == 403
    assert "try again" in done.text


def test_sign_ins_of_one_address_are_bounded(site: Served) -> None:
    visitor = site.visitor()
    statuses = [visitor.get(CALLBACK).status_code for _ in range(STARTS.amount + 1)]
    assert set(statuses[:-1]) == {403}
    assert statuses[-1] == 429


# --- the settings -------------------------------------------------------------------

WRONG: dict[str, dict[str, str | None]] = {
    "RESCIND_OIDC_CLIENT_ID": {"oidc_client_id": None},
    "RESCIND_PUBLIC_URL": {"public_url": None},
    "RESCIND_OIDC_ROLES": {"oidc_roles": None},
    "must be an https address": {"oidc_issuer": "http://login.example.com"},
    "must be such as": {"oidc_roles": "operations:everything"},
}


@pytest.mark.parametrize("said", WRONG)
def test_a_wrong_setting_is_named(said: str) -> None:
    good: dict[str, str | None] = {
        "oidc_issuer": "https://login.example.com",
        "oidc_client_id": CLIENT,
        "oidc_roles": ROLES,
        "public_url": "https://rescind.example.com",
    }
    assert open_id(Settings().model_copy(update=good)) is not None
    with pytest.raises(SettingsError, match=said):
        open_id(Settings().model_copy(update={**good, **WRONG[said]}))


# --- ending sessions ----------------------------------------------------------------


def copied(visitor: Visitor) -> Visitor:
    """Another browser with a copy of this one's cookie."""
    other = Visitor(visitor.base)
    other.session.cookies.update(visitor.session.cookies)
    return other


def test_a_session_that_was_ended_stays_ended_after_a_restart(site: Served) -> None:
    one, other = site.visitor(READER), site.visitor(READER)
    copy = copied(one)
    one.post("/desk/sign-out", {})
    site.reset(site.engine.url.render_as_string(hide_password=False))
    assert copy.get("/desk/groups").status_code == 303
    assert other.get("/desk/groups").status_code == 200


def test_every_session_of_a_token_is_ended_and_no_other(site: Served) -> None:
    browsers = [site.visitor(READER) for _ in range(3)]
    other = site.visitor(OPERATOR)
    browsers[0].post("/desk/sign-out", {"everywhere": "yes"})
    assert {one.get("/desk/groups").status_code for one in browsers} == {303}
    assert other.get("/desk/groups").status_code == 200
    assert site.visitor(READER).get("/desk/groups").status_code == 200
