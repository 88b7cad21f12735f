"""The one route that accepts a multipart form, and reads it within bounds.

The form is read only for a signed-in user who may submit. Its texts are UTF-8: an
encoding that the form names itself could take minutes to decode.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from rescind.config.access_tokens import Scope
from rescind.dashboard.page_context import dashboard_of
from rescind.dashboard.page_guard import (
    DashboardRoute,
    NotSignedInError,
    RefusedError,
    bounded_body,
    check_origin,
    check_scope,
)
from rescind.dashboard.session_cookies import session_of
from rescind.dashboard.translation import _
from rescind.provider.text import storable

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MULTIPART = b"multipart/form-data"
LARGEST_UPLOAD = 2 * 1024 * 1024
"""Bytes of an uploaded file."""
AROUND = 16_384
"""Bytes of the form's other fields, and of what separates them."""
MOST_PARTS = 20


@dataclass
class Upload:
    """A multipart form: its texts by field name, and its file."""

    fields: dict[str, str] = field(default_factory=dict)
    content: bytes = b""
    name: str = ""


class UploadRoute(DashboardRoute):
    """A route whose form is in ``request.state.upload``."""

    async def read(self, request: Request) -> Request:
        """The request with its upload; raises ``RefusedError`` or
        ``NotSignedInError``."""
        if request.method != "POST":
            return await super().read(request)
        who = await run_in_threadpool(session_of, request, dashboard_of(request))
        if who is None:
            raise NotSignedInError
        check_origin(request)
        check_scope(who, Scope.SUBMIT)
        boundary = _boundary(request)
        body = await _body(request)
        # In a thread: a hostile body takes the parser seconds.
        request.state.upload = await run_in_threadpool(parse_upload, body, boundary)
        return request


async def _body(request: Request) -> bytes:
    try:
        return await bounded_body(request, LARGEST_UPLOAD + AROUND)
    except RefusedError:
        why = _("The file is larger than 2 MB: split it. Nothing was submitted.")
        raise RefusedError(why, 413) from None


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary", b"")
    if kind != MULTIPART or not 0 < len(boundary) <= 70:
        raise RefusedError(_("A file must be sent as multipart/form-data."), 415)
    return boundary


def parse_upload(body: bytes, boundary: bytes) -> Upload:
    """The form in ``body``; raises ``RefusedError`` if it is malformed."""
    parts = _Parts()
    try:
        parser = MultipartParser(boundary, parts.callbacks())
        parser.write(body)
        parser.finalize()
    except FormParserError:
        raise _malformed() from None
    if not parts.ended:
        raise _malformed()
    return parts.upload


def _malformed() -> RefusedError:
    return RefusedError(_("The form is malformed: nothing was done."), 400)


class _Parts:
    """Collects the parts of a form while its parser runs."""

    def __init__(self) -> None:
        self.upload = Upload()
        self.ended = False
        self._count = 0
        self._header = bytearray()
        self._value = bytearray()
        self._disposition = b""
        self._data = bytearray()

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._more_name,
            "on_header_value": self._more_value,
            "on_header_end": self._end_header,
            "on_part_data": self._more_data,
            "on_part_end": self._end_part,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        self._count += 1
        if self._count > MOST_PARTS:
            raise _malformed()
        self._disposition = b""
        self._data = bytearray()

    def _more_name(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _more_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _more_data(self, data: bytes, start: int, end: int) -> None:
        self._data += data[start:end]

    def _end_header(self) -> None:
        if bytes(self._header).lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header, self._value = bytearray(), bytearray()

    def _end_part(self) -> None:
        _kind, options = parse_options_header(self._disposition)
        name = options.get(b"name")
        if name is None:
            raise _malformed()
        if b"filename" in options:
            self.upload.content = bytes(self._data)
            self.upload.name = _text(options[b"filename"])
        else:
            self.upload.fields[_text(name)] = _text(bytes(self._data))

    def _end(self) -> None:
        self.ended = True


def _text(value: bytes) -> str:
    return storable(value.decode("utf-8", "replace"))
