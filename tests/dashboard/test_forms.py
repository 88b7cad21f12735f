"""Forms are read before authentication, so only a bounded part is read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from rescind.dashboard.page_guard import LARGEST_FORM
from tests.dashboard.stage import OPERATOR, Served, Visitor
from tests.dashboard.test_sign_in import ACTS

POSTS = [*ACTS, "/desk/sign-in", "/desk/sign-out"]


@pytest.mark.parametrize("path", POSTS)
def test_a_strangers_form_is_read_only_up_to_a_bound(
    stranger: Visitor, path: str
) -> None:
    form = {"token": OPERATOR, "more": "x" * LARGEST_FORM}
    refused = stranger.post(path, form)
    assert refused.status_code == 413
    assert "at most" in refused.text
    assert not stranger.session.cookies


@pytest.mark.parametrize("charset", ["utf-8", "punycode", "unicode_escape"])
@pytest.mark.parametrize("path", POSTS)
def test_a_multipart_form_is_not_read(
    stranger: Visitor, path: str, charset: str
) -> None:
    refused = in_parts(stranger, path, charset)
    assert refused.status_code == 415
    assert "application/x-www-form-urlencoded" in refused.text
    assert not stranger.session.cookies


def in_parts(who: Visitor, path: str, charset: str) -> requests.Response:
    body = f'--b\r\nContent-Disposition: form-data; name="token"\r\n\r\n{OPERATOR}'
    kind = f"multipart/form-data; boundary=b; charset={charset}"
    headers = {"Content-Type": kind}
    url = who.base + path
    return who.session.post(
        url,
        data=f"{body}\r\n--b--\r\n".encode(),
        headers=headers,
        allow_redirects=False,
        timeout=60,
    )


def test_one_form_can_hold_all_ticks(operator: Visitor) -> None:
    ids = [f"01a1ff28-08b0-70c3-a63c-{n:012}" for n in range(200)]
    assert operator.follow("/desk/retry", id=ids).status_code == 200


@pytest.mark.parametrize("origin", ["http://[", "http://", "[", "://", "x:1"])
def test_a_malformed_origin_counts_as_another_site(
    stranger: Visitor, origin: str
) -> None:
    refused = stranger.post("/desk/sign-in", {"token": OPERATOR}, Origin=origin)
    assert refused.status_code == 403
    assert not stranger.session.cookies


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/desk/cancellations/%00", 404),
        ("/desk/cancellations?after=%00", 200),
        ("/desk/cancellations?account=%00&group=%00", 200),
        ("/desk/cancellations?q=%00x", 200),
        ("/desk/groups?after=%00", 200),
        ("/desk/groups?name=%00", 200),
        ("/desk/undelivered?behind=%00", 200),
        ("/desk/lanes/hold?lane=%00", 404),
    ],
)
def test_a_text_that_no_ledger_can_hold_is_not_found(
    shared_site: Served, ledger_url: str, path: str, status: int
) -> None:
    with over(shared_site, ledger_url) as operator:
        assert operator.get(path).status_code == status


def test_ticks_that_no_ledger_can_hold_select_nothing(
    shared_site: Served, ledger_url: str
) -> None:
    with over(shared_site, ledger_url) as operator:
        for path in ("/desk/retry", "/desk/retry/now"):
            done = operator.follow(path, id=["\0", "x"])
            assert done.status_code == 200


@contextmanager
def over(site: Served, url: str) -> Iterator[Visitor]:
    site.reset(url)
    yield site.visitor(OPERATOR)
    site.engine.dispose()
