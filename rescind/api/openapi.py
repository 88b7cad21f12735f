"""Builds the OpenAPI document: FastAPI's routes, and the schemas of cancellations.

The schemas come from the code that validates a cancellation: each provider's patterns
and params, and the limits of ``rescind.intake.validation``.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from providers.registry import PROVIDERS
from rescind.api.openapi_fields import COMMON, Schema, nullable, timed
from rescind.api.openapi_headers import add_headers
from rescind.api.openapi_webhooks import webhooks
from rescind.api.problem_details import MEDIA_TYPE
from rescind.intake.submissions import MOST
from rescind.intake.validation import FIELDS
from rescind.provider.interface import Provider

REFERENCE = "#/components/schemas/{model}"
DESCRIPTION = (
    f"Cancels orders at {', '.join(one.name for one in PROVIDERS)}, durably. A"
    " cancellation answered with 202 is in the ledger, and ends exactly once."
    " Submitting it again changes nothing."
)


def reference(name: str) -> Schema:
    return {"$ref": REFERENCE.format(model=name)}


def product_version() -> str:
    try:
        return version("rescind")
    except PackageNotFoundError:
        return "0"


# --- a cancellation -----------------------------------------------------------------


def _params(provider: Provider[Any]) -> tuple[Schema, dict[str, Schema]]:
    """The schema of a provider's params, and those that it refers to, by name."""
    own = f"{provider.name.capitalize()}Params"
    template = REFERENCE.replace("{model}", own + "{model}")
    schema = provider.params_model.model_json_schema(ref_template=template)
    more = schema.pop("$defs", {})
    return schema, {f"{own}{name}": one for name, one in more.items()}


def _entry(provider: Provider[Any]) -> Schema:
    params, _ = _params(provider)
    own: dict[str, Schema] = {
        "provider": {"type": "string", "const": provider.name},
        "order": {
            "type": "string",
            "pattern": f"^(?:{provider.order_pattern.pattern})$",
            "description": provider.order_form,
        },
        "params": params if "required" in params else nullable(params, "None."),
    }
    required = ["provider", "order", *(["params"] if "required" in params else [])]
    return {
        "type": "object",
        "title": provider.name,
        "properties": {name: {**COMMON, **own}[name] for name in FIELDS},
        "required": required,
        "additionalProperties": False,
    }


def _name(provider: Provider[Any]) -> str:
    return f"{provider.name.capitalize()}Cancellation"


def _entries() -> dict[str, Schema]:
    found = {_name(one): _entry(one) for one in PROVIDERS}
    mapping = {one.name: reference(_name(one))["$ref"] for one in PROVIDERS}
    found["Cancellation"] = {
        "oneOf": [reference(name) for name in found],
        "discriminator": {"propertyName": "provider", "mapping": mapping},
    }
    found["Cancellations"] = {
        "type": "object",
        "properties": {
            "cancellations": {
                "type": "array",
                "items": reference("Cancellation"),
                "minItems": 1,
                "maxItems": MOST,
            }
        },
        "required": ["cancellations"],
        "additionalProperties": False,
    }
    for one in PROVIDERS:
        found |= _params(one)[1]
    return found


ONE_EXAMPLE = {
    "provider": "notpanel",
    "order": "ord_01HG9X7KJP4N",
    "metadata": {"shop": "1001"},
}
_EXAMPLES = {
    "one": {"summary": "One", "value": ONE_EXAMPLE},
    "many": {
        "summary": "Up to 1,000",
        "value": {
            "cancellations": [
                {"provider": "ithink", "order": "86210010465", "group": "2026-11-21"},
                ONE_EXAMPLE,
            ]
        },
    },
}
SUBMISSION: Schema = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "oneOf": [reference("Cancellation"), reference("Cancellations")]
                },
                "examples": _EXAMPLES,
            }
        },
    }
}
"""``openapi_extra`` of the route that accepts cancellations."""

RETRY: Schema = {
    "requestBody": {
        "required": False,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {"cancel_before": timed("A new deadline.")},
                    "additionalProperties": False,
                },
                "examples": {"deadline": {"value": {"cancel_before": "+1h"}}},
            }
        },
    }
}


# --- problems -----------------------------------------------------------------------

_SAYS = {
    400: "The body cannot be read, or a query parameter is unknown.",
    401: "The token is missing or unknown.",
    403: "The token lacks the scope, or its limits do not allow this.",
    404: "It does not exist.",
    408: "The body did not arrive in time.",
    409: "The state of the cancellation does not allow it.",
    413: "More bytes, or more cancellations, than one request may hold.",
    415: "The body is not JSON, or has a content coding.",
    422: "A value in the request is wrong.",
    429: "The token's rate is used up.",
    500: "A fault in Rescind.",
    503: "The ledger cannot be used now, or too many requests are under way.",
}
_HEADERS = {401: "WWW-Authenticate", 429: "Retry-After", 503: "Retry-After"}


def problems(*statuses: int, model: str = "Problem") -> dict[int | str, Schema]:
    """``responses`` for these statuses."""
    return {status: _problem(status, model) for status in statuses}


def _problem(status: int, model: str) -> Schema:
    found: Schema = {
        "description": _SAYS[status],
        "content": {MEDIA_TYPE: {"schema": reference(model)}},
    }
    if name := _HEADERS.get(status):
        found["headers"] = {name: {"required": True, "schema": {"type": "string"}}}
    return found


TOKEN_PROBLEMS = problems(400, 401, 403, 415, 422, 429, 500, 503)
"""``responses`` that every route with a token has."""


# --- the file -----------------------------------------------------------------------


def describe(app: FastAPI, schemas: dict[str, Schema]) -> None:
    """Add ``schemas`` and those of cancellations to the app's OpenAPI document."""

    def openapi() -> Schema:
        if not app.openapi_schema:
            found = get_openapi(
                title="Rescind",
                version=product_version(),
                description=DESCRIPTION,
                routes=app.routes,
                servers=[{"url": "/", "description": "Where this document is"}],
            )
            components = found.setdefault("components", {}).setdefault("schemas", {})
            components.update({**schemas, **_entries()})
            found["webhooks"] = webhooks()
            add_headers(found)
            app.openapi_schema = found
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
