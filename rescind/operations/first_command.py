"""The command that a new user is shown to cancel a first order."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from providers.registry import BY_NAME
from rescind.config.accounts import Lane
from rescind.provider.interface import Params


def easiest(lanes: Iterable[Lane]) -> Lane | None:
    """The first lane whose provider needs no param, or else the first one."""
    return min(lanes, key=lambda lane: bool(_params(lane[0])), default=None)


def first_command(provider: str, account: str) -> str:
    """The command that cancels a first order. Params that the provider needs have the
    values of its examples."""
    named = "" if account == "default" else f" --account {account}"
    written = (
        f"{name}={json.dumps(value, ensure_ascii=False)}"
        for name, value in _params(provider).items()
    )
    params = "".join(f" --param {shlex.quote(one)}" for one in written)
    return f"rescind cancel {provider} ORDER{named}{params} --wait"


def needs_params(provider: str) -> bool:
    return bool(_params(provider))


def _params(provider: str) -> Mapping[str, Any]:
    """The fewest params with which a cancel of this provider is valid."""
    known = BY_NAME.get(provider)
    if known is None:
        return {}
    tried = list(_some_params(known.params_model))
    return next((one for one in tried if _valid(known.params_model, one)), tried[0])


def _some_params(model: type[Params]) -> Iterator[dict[str, Any]]:
    """What is required; then that, and one of the others."""
    values = {name: _value(field) for name, field in model.model_fields.items()}
    required = {
        name: values[name]
        for name, field in model.model_fields.items()
        if field.is_required()
    }
    yield required
    for name, value in values.items():
        if name not in required:
            yield {name: value, **required}


def _value(field: Any) -> Any:
    """An example of the field's values."""
    if field.annotation is bool:
        return True
    return field.examples[0] if field.examples else "VALUE"


def _valid(model: type[Params], params: Mapping[str, Any]) -> bool:
    try:
        model.model_validate(params)
    except ValidationError:
        return False
    return True
