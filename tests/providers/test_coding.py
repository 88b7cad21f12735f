"""A reply is the same in any content coding; words that are no coding are ignored."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rescind.provider.content_coding import (
    CODINGS,
    MOST_TIMES,
    SMALL,
    CodedError,
    uncoded,
)
from rescind.provider.http_messages import Reply

LARGEST = 1_000_000
BODY = '{"response":{"status":{"code":200,"message":"İşlem başarılı"}}}'.encode()


def bare(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "Deflate": bare,
    " GZip ": gzip.compress,
    "identity, gzip": gzip.compress,
    "gzip, UTF-8": lambda data: gzip.compress(data[:9]) + gzip.compress(data[9:]),
}


def coded(coding: str, body: bytes) -> Reply:
    return Reply(200, {"content-encoding": coding}, body)


@pytest.mark.parametrize("coding", PACKED)
def test_gzip_and_deflate_are_decoded_in_each_format(coding: str) -> None:
    assert uncoded(coded(coding, PACKED[coding](BODY)), LARGEST).body == BODY


@pytest.mark.parametrize("coding", PACKED)
def test_a_plain_body_with_a_coding_header_is_read(coding: str) -> None:
    assert uncoded(coded(coding, BODY), LARGEST).body == BODY


@given(st.text(max_size=12).filter(lambda name: "," not in name))
def test_a_header_that_names_no_coding_is_ignored(name: str) -> None:
    reply = coded(name, BODY)
    if name.strip().lower() not in CODINGS:
        assert uncoded(reply, LARGEST) is reply


@pytest.mark.parametrize("name", ["none", "UTF-8", "", "Identity", "identity, none"])
def test_words_of_gateways_are_no_codings(name: str) -> None:
    assert uncoded(coded(name, BODY), LARGEST).body == BODY


@pytest.mark.parametrize("name", sorted(CODINGS - {"gzip", "x-gzip", "deflate"}))
def test_another_coding_is_refused_by_its_name(name: str) -> None:
    with pytest.raises(CodedError, match=rf"\({name}, HTTP 200\)"):
        uncoded(coded(name.upper(), BODY), LARGEST)


@pytest.mark.parametrize("name", ["gzip, gzip", "deflate, br"])
def test_two_codings_are_refused(name: str) -> None:
    with pytest.raises(CodedError, match=" and "):
        uncoded(coded(name, gzip.compress(BODY)), LARGEST)


@given(st.integers(1, len(gzip.compress(BODY)) - 1))
def test_a_truncated_body_is_refused(size: int) -> None:
    if size > 1:
        with pytest.raises(CodedError, match="broken"):
            uncoded(coded("gzip", gzip.compress(BODY)[:size]), LARGEST)
    with pytest.raises(CodedError, match="broken"):
        uncoded(coded("deflate", zlib.compress(BODY)[: min(size, 20)]), LARGEST)


def test_no_more_than_the_largest_body_is_decoded() -> None:
    fits = gzip.compress(b"x" * SMALL)
    assert len(uncoded(coded("gzip", fits), SMALL).body) == SMALL
    for packed in (gzip.compress(b"x" * (SMALL + 1)), fits + fits):
        with pytest.raises(CodedError, match="too large"):
            uncoded(coded("gzip", packed), SMALL)


def test_a_body_may_grow_only_by_a_limited_ratio() -> None:
    for pack in (gzip.compress, zlib.compress, bare):
        packed = pack(b"x" * SMALL * 3)
        assert len(packed) * MOST_TIMES < SMALL * 3
        with pytest.raises(CodedError, match="too large"):
            uncoded(
                coded("gzip" if pack is gzip.compress else "deflate", packed), 10**9
            )


@given(st.sampled_from(sorted(CODINGS)), st.binary(max_size=200))
def test_any_bytes_are_a_body_or_refused(coding: str, body: bytes) -> None:
    try:
        uncoded(coded(coding, body), LARGEST)
    except CodedError as error:
        assert coding in str(error)  # noqa: PT017  (either is right)
