"""What is sent to the desk is read before anybody knows who sent it: little of it."""

from __future__ import annotations

import pytest
import requests

from desk.guard import LARGEST_FORM
from tests.desk.stage import OPERATOR, Visitor
from tests.desk.test_sign_in import ACTS

POSTS = [*ACTS, "/desk/sign-in", "/desk/sign-out"]


@pytest.mark.parametrize("path", POSTS)
def test_a_strangers_form_is_not_read_beyond_what_forms_have(
    stranger: Visitor, path: str
) -> None:
    form = {"token": OPERATOR, "more": "x" * LARGEST_FORM}
    refused = stranger.post(path, form)
    assert refused.status_code == 413
    assert "nothing was done" in refused.text
    assert not stranger.session.cookies


@pytest.mark.parametrize("charset", ["utf-8", "punycode", "unicode_escape"])
@pytest.mark.parametrize("path", POSTS)
def test_a_form_in_parts_of_an_encoding_of_its_own_is_not_read(
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
        timeout=20,
    )


def test_as_many_as_may_be_ticked_go_in_one_form(operator: Visitor) -> None:
    ids = [f"01a1ff28-08b0-70c3-a63c-{n:012}" for n in range(200)]
    assert operator.send("/desk/retry", id=ids).status_code == 200


@pytest.mark.parametrize("origin", ["http://[", "http://", "[", "://", "x:1"])
def test_an_origin_that_is_no_address_is_another_sites(
    stranger: Visitor, origin: str
) -> None:
    refused = stranger.post("/desk/sign-in", {"token": OPERATOR}, Origin=origin)
    assert refused.status_code == 403
    assert not stranger.session.cookies
