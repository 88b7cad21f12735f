"""Problems that the HTTP door answers with, as ``application/problem+json``."""

from __future__ import annotations

from rescind.errors.kind import Group, Problem

DOOR = Group(
    "The HTTP door",
    "Each is answered as `application/problem+json`, whose `type` ends in the name"
    " below. It answers `invalid-request`, `conflict`, `redis-unreachable` and"
    " `ledger-unreachable` too, which stand above.",
    (
        Problem(
            "unauthorized",
            "No token, or none that is known",
            "401. The request carries no bearer token, or one that no caller has.",
            "Send `Authorization: Bearer TOKEN`, with the token alone: of"
            " `name:scopes:token` in `RESCIND_API_TOKENS` only what stands last. A"
            " token that was taken out of the setting is refused from the next start"
            " on.",
        ),
        Problem(
            "forbidden",
            "The token is not allowed to do this",
            "403. The token is good, and has not the scope that this needs: `submit`"
            " to hand in, `read` to look, `operate` to hold, resume and retry.",
            "Use another token, or give this one the scope in `RESCIND_API_TOKENS`.",
        ),
        Problem(
            "not-found",
            "There is nothing here",
            "404. There is no such path, cancellation, group or lane. An id that was"
            " never answered with 202 was not accepted.",
            "Check the address. If it is a cancellation that you need, submit it: a"
            " repetition does no harm.",
        ),
        Problem(
            "method-not-allowed",
            "This address does not take that method",
            "405. The header `Allow` lists the methods that it takes.",
            "Use one of those; the OpenAPI file of the door has them all.",
        ),
        Problem(
            "body-too-large",
            "The body is too large",
            "413. More bytes, or more than 1,000 cancellations, than one request"
            " takes. None of it was taken in.",
            "Send it in several requests.",
        ),
        Problem(
            "too-many-requests",
            "Too many requests",
            "429. This token has used up its rate (`RESCIND_API_RATE`). Nothing was"
            " taken in.",
            "Wait for as many seconds as `Retry-After` says, then send it again. Up to"
            " 1,000 cancellations go in one request.",
        ),
        Problem(
            "idempotency-key",
            "The Idempotency-Key cannot be used",
            "400. The header is not 1 to 200 printable characters, differs from the"
            " `key` in the body, or came with more than one cancellation.",
            "Send it with a single cancellation, or give each of many its own `key`."
            " Without any, the order itself is the key.",
        ),
        Problem(
            "not-ready",
            "The door is not ready",
            "503. It is starting or stopping, or something that it needs is away; the"
            " answer says what. Nothing was taken in.",
            "Try again in some seconds. Let the load balancer go by `/readyz`.",
        ),
        Problem(
            "no-worker",
            "No worker has been seen lately",
            "503 from `/healthz`. What is submitted is accepted and kept, and nobody"
            " sends it.",
            "Start a worker (`rescind up`, or `celery -A worker worker`), and look at"
            " its log if there is one.",
        ),
        Problem(
            "internal-error",
            "Something went wrong on our side",
            "500. It is a fault of Rescind's, and its log has the details. Whether the"
            " request was taken in is not known.",
            "Send it again, with the same key: what was taken in is not taken twice."
            " If it stays, report it with the lines of the log.",
        ),
    ),
)
