"""Reads request bodies: bounded in size, and JSON that is not ambiguous."""

from __future__ import annotations

import json
import re
from typing import Any

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from rescind.api.problem_codes import ProblemCode
from rescind.api.problem_details import ProblemError

LARGEST = 4 * 1024 * 1024
"""Bytes in a body: 1,000 cancellations of 4 KiB each, where 200 bytes are usual."""
SMALL = 64 * 1024
"""Bytes of JSON that are parsed in about a millisecond."""
_JSON = ("application/json", "text/json")


async def read_json(request: Request, empty: Any = None) -> Any:
    """The body as JSON, ``empty`` if it has no bytes; raises ``ProblemError``."""
    body = await _read(request)
    if not body:
        return empty
    _check_type(request)
    # On the event loop, parsing megabytes would delay all other callers.
    return await run_in_threadpool(parse, body) if len(body) > SMALL else parse(body)


def _check_type(request: Request) -> None:
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given and given not in _JSON and not given.endswith("+json"):
        says = "The body must be JSON: send Content-Type: application/json."
        raise ProblemError(
            415,
            "invalid-request",
            says,
            {"Accept-Post": "application/json"},
            code=ProblemCode.UNSUPPORTED_MEDIA_TYPE,
            param="/header/Content-Type",
        )


async def _read(request: Request) -> bytes:
    announced = request.headers.get("content-length", "")
    if re.fullmatch(r"[0-9]{1,19}", announced) and int(announced) > LARGEST:
        raise _too_large()
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            raise _too_large()
    return bytes(body)


def _too_large() -> ProblemError:
    return ProblemError(
        413,
        "body-too-large",
        f"The body has more than {LARGEST:,} bytes, and none of it was accepted: send"
        " it in several requests.",
        # The rest of the body is not read.
        {"Connection": "close"},
    )


def parse(body: bytes) -> Any:
    """``body`` as JSON; raises ``ProblemError``, whose text shows none of the body."""
    try:
        return json.loads(
            body.decode("utf-8-sig"),
            parse_constant=_no_constant,
            object_pairs_hook=_object,
        )
    except UnicodeDecodeError:
        raise _not_json("it is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise _not_json(
            f"{error.msg} at line {error.lineno}, column {error.colno}"
        ) from None
    except RecursionError:
        raise _not_json("it is nested too deeply") from None
    except ValueError as error:
        # Python's own text for a number with too many digits names Python settings.
        says = (
            str(error)
            if isinstance(error, _AmbiguousError)
            else "a number has too many digits"
        )
        raise _not_json(says) from None


class _AmbiguousError(ValueError):
    """JSON that different parsers read differently."""


def _no_constant(name: str) -> Any:
    raise _AmbiguousError(f"{name} is not a JSON number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _AmbiguousError("an object has the same name twice")
    return found


def _not_json(why: str) -> ProblemError:
    says = f"The body is not valid JSON: {why}."
    return ProblemError(400, "invalid-request", says, code=ProblemCode.INVALID_JSON)
