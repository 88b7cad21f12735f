"""Decodes compressed reply bodies, though every request asks for none.

Some gateways compress all the same, and write words into ``Content-Encoding`` that are
no coding (``none``, ``UTF-8``). Such words are ignored. gzip and deflate are decoded
within size limits. For any other coding the lane is held, and an operator must act.
"""

from __future__ import annotations

import zlib
from dataclasses import replace

from rescind.provider.http_messages import Reply

GZIP = frozenset({"gzip", "x-gzip"})
READ = GZIP | {"deflate"}
UNREAD = frozenset(
    {"compress", "x-compress", "br", "zstd", "dcb", "dcz", "exi", "aes128gcm"}
)
CODINGS = READ | UNREAD | {"pack200-gzip"}
"""The names that are codings (IANA's registry, and the old ``x-`` ones)."""
GZIP_MAGIC = b"\x1f\x8b"
MOST_TIMES = 100
"""Largest ratio of a decoded body to its coded one. A reply of many similar rows has a
ratio of about 40."""
SMALL = 256 * 1024
"""Decoded bytes that are always allowed, even for a very short coded body."""


class CodedError(Exception):
    """A body cannot be decoded; the message is written for an operator."""


def uncoded(reply: Reply, largest: int) -> Reply:
    """``reply`` with its body decoded, at most ``largest`` bytes; raises
    ``CodedError``."""
    named = reply.headers.get("content-encoding", "").lower().split(",")
    codings = [one for one in map(str.strip, named) if one in CODINGS]
    if not codings or not reply.body:
        return reply
    if len(codings) > 1 or codings[0] not in READ:
        raise CodedError(_in_words(reply, codings))
    most = min(largest, max(SMALL, MOST_TIMES * len(reply.body)))
    unpack = _gzip if codings[0] in GZIP else _deflate
    try:
        body = unpack(reply.body, most)
    except zlib.error:
        raise CodedError(f"{_in_words(reply, codings)}, and it is broken") from None
    if len(body) > most:
        raise CodedError(f"{_in_words(reply, codings)}, and it is too large")
    return replace(reply, body=body)


def _in_words(reply: Reply, codings: list[str]) -> str:
    coding = " and ".join(codings)
    return (
        f"the provider, or a gateway before it, sent a compressed reply ({coding},"
        f" HTTP {reply.status}), though none was asked for"
    )


def _gzip(body: bytes, most: int) -> bytes:
    if not body.startswith(GZIP_MAGIC):
        return body  # the header names gzip, but the body is plain
    unpacked = b""
    while body and len(unpacked) <= most:
        part, body = _unpacked(body, most - len(unpacked), 16 + zlib.MAX_WBITS)
        unpacked += part
    return unpacked


def _deflate(body: bytes, most: int) -> bytes:
    # The standard means zlib's format; many servers send raw deflate.
    for form in (zlib.MAX_WBITS, -zlib.MAX_WBITS):
        try:
            unpacked, rest = _unpacked(body, most, form)
        except zlib.error:
            continue
        if not rest or len(unpacked) > most:
            return unpacked
    if body.lstrip()[:1] not in b'{["<':
        raise zlib.error("it is of neither form")
    return body  # the header names deflate, but the body is plain


def _unpacked(body: bytes, most: int, form: int) -> tuple[bytes, bytes]:
    """One stream, up to one byte more than ``most``, and the bytes after it."""
    unpacker = zlib.decompressobj(form)
    unpacked = unpacker.decompress(body, most + 1)
    if len(unpacked) <= most and not unpacker.eof:
        raise zlib.error("it ends too early")
    return unpacked, unpacker.unused_data
