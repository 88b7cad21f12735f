"""The codes of problems: the closed vocabulary that programs compare."""

from __future__ import annotations

from enum import StrEnum

from rescind.provider.refusal_codes import RefusalCode


class ProblemCode(StrEnum):
    """Codes of whole requests; an entry that is refused has a ``RefusalCode``."""

    MALFORMED_HTTP = "malformed_http"
    INVALID_JSON = "invalid_json"
    INVALID_BODY = "invalid_body"
    IDEMPOTENCY_KEY = "idempotency_key"
    UNKNOWN_PARAMETER = "unknown_parameter"
    INVALID_PARAMETER = "invalid_parameter"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    CONFLICT = "conflict"
    ALREADY_SENT = "already_sent"
    ALREADY_ENDED = "already_ended"
    BODY_TOO_LARGE = "body_too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    UNSUPPORTED_ENCODING = "unsupported_encoding"
    TOO_MANY_REQUESTS = "too_many_requests"
    INTERNAL_ERROR = "internal_error"
    LEDGER_UNREACHABLE = "ledger_unreachable"
    REDIS_UNREACHABLE = "redis_unreachable"
    REDIS_REFUSES = "redis_refuses"
    NOT_READY = "not_ready"
    NO_WORKER = "no_worker"
    CLOCK = "clock"
    INVALID_REQUEST = "invalid_request"


CODES = (*ProblemCode, *RefusalCode)


def code_of(slug: str) -> str:
    """The code of a problem that has no more exact one."""
    return slug.replace("-", "_")
