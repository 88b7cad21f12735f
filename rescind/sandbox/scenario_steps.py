"""Reads the steps of a rule of a scenario file: faults, and answers given in full."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from rescind.sandbox.faults import EXPLAINED, OF_ROWS, TIMED
from rescind.sandbox.raw_http import HTML, JSON, Reply
from rescind.sandbox.sandbox_scenario import Step
from rescind.sandbox.scenario_checks import (
    Place,
    flag,
    known_keys,
    number,
    one_of,
    text,
    whole,
)
from rescind.sandbox.simulation import Simulation

MOST_TIMES = 1000
OF_FAULT = ("fault", "seconds", "times")
OF_ANSWER = ("status", "json", "text", "headers", "acts", "times")
HEADER = re.compile(r"[A-Za-z0-9-]{1,100}")
VALUE = re.compile(r"[\x20-\x7e]{0,1000}")
OWN_HEADERS = ("content-type", "content-length", "connection", "transfer-encoding")


def steps_of(
    place: Place, value: object, simulation: Simulation, order: str | None
) -> list[Step]:
    """The steps of a rule; one with ``times`` is there so many times."""
    if not isinstance(value, list) or not value:
        raise place.wrong("must be a list with one step or more")
    found: list[Step] = []
    for count, one in enumerate(value, 1):
        found += _steps(place.at(str(count)), one, simulation, order)
    return found


def _steps(
    place: Place, one: object, simulation: Simulation, order: str | None
) -> list[Step]:
    if isinstance(one, str):
        one = {"fault": one}
    if not isinstance(one, dict):
        raise place.wrong("must be a fault's name, or a table")
    times = whole(place.at("times"), one.get("times", 1), 1, MOST_TIMES)
    if "status" in one:
        return [_answer(place, one)] * times
    return [_fault(place, one, simulation, order)] * times


def _fault(
    place: Place, one: Mapping[str, Any], simulation: Simulation, order: str | None
) -> Step:
    known_keys(place, one, OF_FAULT if "fault" in one else OF_FAULT + OF_ANSWER)
    if "fault" not in one:
        raise place.wrong("must have fault, or status for an answer of your own")
    kind = one_of(place.at("fault"), one["fault"], ("ok", *EXPLAINED))
    if kind in OF_ROWS and kind not in simulation.row_faults:
        can = ", ".join(sorted(simulation.row_faults)) or "none of rows"
        says = f"{simulation.name} has no fault {kind}: of rows it has {can}"
        raise place.at("fault").wrong(says)
    if "seconds" not in one:
        return Step(kind, order=order)
    if kind not in TIMED:
        says = f"{kind} lasts no time; allowed for {', '.join(sorted(TIMED))}"
        raise place.at("seconds").wrong(says)
    return Step(kind, number(place.at("seconds"), one["seconds"]), order=order)


def _answer(place: Place, one: Mapping[str, Any]) -> Step:
    known_keys(place, one, OF_ANSWER)
    status = whole(place.at("status"), one["status"], 200, 599)
    if ("json" in one) == ("text" in one):
        raise place.wrong("must have json or text, and not both")
    body, kind = _body(place, one)
    headers = _headers(place.at("headers"), one.get("headers", {}))
    acts = flag(place.at("acts"), one.get("acts", False))
    reply = Reply(status, body, tuple(headers), kind)
    return Step("answer_after" if acts else "answer_before", reply=reply)


def _body(place: Place, one: Mapping[str, Any]) -> tuple[bytes, str]:
    if "text" in one:
        body = text(place.at("text"), one["text"])
        plain = "text/plain; charset=utf-8"
        return body.encode(), HTML if body.lstrip().startswith("<") else plain
    try:
        return json.dumps(one["json"], ensure_ascii=False).encode(), JSON
    except TypeError:
        says = "must hold texts, numbers, true, false, lists and tables only"
        raise place.at("json").wrong(says) from None


def _headers(place: Place, value: object) -> Sequence[tuple[str, str]]:
    if not isinstance(value, dict):
        raise place.wrong("must be a table of names and texts")
    for name, said in value.items():
        if not HEADER.fullmatch(name) or name.lower() in OWN_HEADERS:
            own = ", ".join(OWN_HEADERS)
            raise place.at(name).wrong(f"must be a header's name, and none of {own}")
        if not isinstance(said, str) or not VALUE.fullmatch(said):
            raise place.at(name).wrong("must be a text of printable ASCII characters")
    return list(value.items())
