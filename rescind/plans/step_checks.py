"""Checks a step's fields as far as they are known before there is an input."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from providers.registry import provider_named
from rescind.config.names import NAME, NAME_FORM
from rescind.config.times import parse_time
from rescind.intake.entry_objects import object_of
from rescind.intake.validation import text_of
from rescind.plans.placeholders import names_in, pieces, texts_in
from rescind.provider.guarded import asked, refused
from rescind.provider.interface import Provider
from rescind.provider.outcomes import InvalidRequestError
from rescind.provider.validation_errors import explain_errors

OBJECTS = ("params", "metadata")
TIMES = ("not_before", "cancel_before")
TEXTS = ("account", "key", *TIMES, "callback_url", "callback_task", "callback_queue")
FIELDS = ("provider", "order", *TEXTS, *OBJECTS)
"""The fields that a step's entry may have."""
_KINDS = {dict, list, str, bool, int, float}


def faults_of(fields: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for each fault of a step's fields, without the step's name."""
    wrong = list(_wrong_texts(fields))
    yield from wrong
    provider, fault = _provider(fields)
    if fault is not None:
        yield fault
    if "order" not in fields:
        yield "order is required"
    if not wrong:
        yield from _wrong_values(fields, provider)


def _provider(fields: Mapping[str, Any]) -> tuple[Provider[Any] | None, str | None]:
    name = fields.get("provider")
    if name in (None, ""):
        return None, "provider is required"
    if isinstance(name, str) and "{" in name:
        return None, "provider must be a provider's name, without names in braces"
    try:
        return provider_named(name), None
    except InvalidRequestError as error:
        return None, str(error)


# --- texts ------------------------------------------------------------------------


def _wrong_texts(fields: Mapping[str, Any]) -> Iterator[str]:
    """What keeps the values from being filled at all."""
    for name, value in fields.items():
        if name in TEXTS and (not isinstance(value, str) or not value):
            yield f"{name} must be a text"
        elif name in OBJECTS:
            yield from _said(lambda name=name: object_of(fields, name))
        if name != "provider" and (wrong := wrong_text(value)) is not None:
            yield f"{name} {wrong}"
    order = fields.get("order")
    if not isinstance(order, str | int | None) or isinstance(order, bool):
        yield "order must be a text"


def wrong_text(value: object) -> str | None:
    """What is wrong with a text in ``value``, as the end of a sentence."""
    for text in texts_in(value):
        try:
            pieces(text)
        except ValueError as error:
            return str(error)
    return None


def _said(check: Any) -> Iterator[str]:
    """The sentence of the ``InvalidRequestError`` that ``check`` raises, if any."""
    try:
        check()
    except InvalidRequestError as error:
        yield str(error)


# --- values that have no placeholder ----------------------------------------------


def _wrong_values(
    fields: Mapping[str, Any], provider: Provider[Any] | None
) -> Iterator[str]:
    fixed = {name: one for name, one in fields.items() if not names_in(one)}
    account = fixed.get("account")
    if account is not None and not NAME.fullmatch(account):
        yield f"account must be {NAME_FORM}"
    if "key" in fixed:
        yield from _said(lambda: text_of(fixed, "key"))
    for name in TIMES:
        if name in fixed:
            yield from _wrong_time(name, fixed[name])
    if provider is None:
        return
    if "order" in fixed:
        yield from _said(lambda: _check_order(provider, fixed["order"]))
    yield from _wrong_params(provider, fields.get("params", {}))


def _wrong_time(name: str, value: str) -> Iterator[str]:
    try:
        parse_time(value, datetime.now(UTC))
    except (ValueError, OverflowError) as error:
        yield f"{name} {error}"


def _check_order(provider: Provider[Any], order: object) -> None:
    asked(provider, lambda: provider.check_order(order), refused)


def _wrong_params(provider: Provider[Any], params: Mapping[str, Any]) -> Iterator[str]:
    if not names_in(dict(params)):
        yield from _said(
            lambda: asked(provider, lambda: provider.check_params(params), refused)
        )
        return
    items = asked(provider, lambda: _errors(provider, params), lambda _: [])
    known = [one for one in items if _is_known(params, one["loc"])]
    if known:
        yield f"params: {explain_errors(known)}"


def _errors(provider: Provider[Any], params: Mapping[str, Any]) -> list[Any]:
    try:
        provider.params_model.model_validate(dict(params))
    except ValidationError as error:
        return list(error.errors())
    return []


def _is_known(params: Mapping[str, Any], where: tuple[Any, ...]) -> bool:
    """Whether an error there remains, whatever the placeholders stand for.

    The value of a placeholder may have members of its own, so an error within it, or
    of the whole object, may be gone then.
    """
    value: Any = params
    for depth, part in enumerate(where):
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            # A field that is missing at the outermost level stays missing.
            return depth == 0 or not names_in(value)
    return bool(where) and not names_in(value)


def has_placeholders(fields: Mapping[str, Any]) -> bool:
    try:
        return bool(names_in(dict(fields)))
    except ValueError:
        # A fault of the text itself, which another sentence names.
        return True
