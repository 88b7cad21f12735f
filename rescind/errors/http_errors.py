"""Problems that the HTTP API answers with, as ``application/problem+json``."""

from __future__ import annotations

from rescind.errors.kind import Group, Problem

HTTP_API = Group(
    "The HTTP API",
    "The HTTP API answers each of these as `application/problem+json`. The `type` of"
    " the answer ends in the name of the section. The API also answers"
    " `invalid-request`, `conflict`, `already-sent`, `already-ended`,"
    " `redis-unreachable` and `ledger-unreachable`, which are described above.",
    (
        Problem(
            "unauthorized",
            "The token is missing or unknown",
            "401. The request carries no bearer token, or a token that is neither in"
            " `RESCIND_API_TOKENS` nor in the file of `RESCIND_API_TOKENS_FILE`.",
            "Send `Authorization: Bearer TOKEN`. Of `name:scopes:token` in"
            " `RESCIND_API_TOKENS`, send only the last part. When you remove a token"
            " from the setting, the API refuses it after its next start; a token that"
            " you remove from the file is refused at once.",
        ),
        Problem(
            "forbidden",
            "The token is not allowed to do this",
            "403. The token is valid, but it lacks the scope that this request needs:"
            " `submit` to submit and withdraw, `read` to look, `operate` to hold,"
            " resume, retry and withdraw. Or its limits do not allow the request: then"
            " the `code` is `outside_limits`.",
            "Use another token, or give this one the scope or the limit in"
            " `RESCIND_API_TOKENS`.",
        ),
        Problem(
            "not-found",
            "There is nothing at this address",
            "404. There is no such path, cancellation, group or lane. A cancellation"
            " is accepted only if the API answered its submission with 202.",
            "Check the address. If you need a cancellation that does not exist, submit"
            " it. Submitting it twice does no harm.",
        ),
        Problem(
            "method-not-allowed",
            "This address does not take that method",
            "405. The header `Allow` lists the methods that the address takes.",
            "Use one of those. The API's OpenAPI file lists all addresses and methods.",
        ),
        Problem(
            "body-too-large",
            "The body is too large",
            "413. The request has more bytes, or more cancellations, than one request"
            " may have: 1,000, or all that `RESCIND_API_ENTRY_RATE` allows. None of its"
            " cancellations was accepted.",
            "Send them in several requests.",
        ),
        Problem(
            "too-many-requests",
            "Too many requests",
            "429. This token has used up its rate of requests (`RESCIND_API_RATE`) or"
            " of cancellations (`RESCIND_API_ENTRY_RATE`), or this address has sent"
            " more than 10 wrong tokens within a minute. No cancellation of this"
            " request was accepted.",
            "Wait for the number of seconds in `Retry-After`, then send the request"
            " again. One request may carry up to 1,000 cancellations.",
        ),
        Problem(
            "idempotency-key",
            "The Idempotency-Key cannot be used",
            "400: the header is not 1 to 200 printable characters. 422: it differs from"
            " the `key` in the body, or the request has more than one cancellation.",
            "Send the header with a single cancellation, or give each cancellation its"
            " own `key`. Without a key, the order itself is the key.",
        ),
        Problem(
            "not-ready",
            "The HTTP API is not ready",
            "503. The API is starting or stopping, a service that it needs cannot be"
            " reached, or too many requests of this caller are under way. The answer"
            " says which. No cancellation was accepted.",
            "Try again in some seconds. Let the load balancer check `/readyz`.",
        ),
        Problem(
            "no-worker",
            "No worker has been seen lately",
            "503 from `/healthz`. Rescind accepts and keeps new cancellations, but no"
            " worker sends them.",
            "Start a worker (`rescind up`, or `celery -A worker worker`). If a worker"
            " runs already, read its log.",
        ),
        Problem(
            "internal-error",
            "Something went wrong on our side",
            "500. This is a fault in Rescind, and its log has the details. It is not"
            " known whether the cancellations of this request were accepted.",
            "Send the request again with the same key: Rescind does not accept the same"
            " cancellation twice. If the fault stays, report it with the lines of the"
            " log.",
        ),
    ),
)
