"""The real HTTP API takes the plans that the documents show, as they say."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import ApiServer

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "plans.md").read_text()
BLOCK = re.compile(r"```json\n(.*?)```", re.DOTALL)
EXAMPLES = [json.loads(one) for one in BLOCK.findall(GUIDE)]
[SINGLES] = [one for one in EXAMPLES if "cancellations" in one]
[WISH] = [one for one in EXAMPLES if "plan" in one]
[REFUSAL] = [one for one in EXAMPLES if "faults" in one]


@pytest.fixture(autouse=True)
def _example(shared_api: ApiServer) -> Iterator[None]:
    """The plans of `plans.example.toml`."""
    file = shared_api.context.plans_file
    former, file._file.path = file._file.path, ROOT / "plans.example.toml"
    yield
    file._file.path = former


def test_the_guide_shows_the_plan_of_the_example_file() -> None:
    [shown] = re.findall(r"```toml\n(\[web-order\]\n.*?)```", GUIDE, re.DOTALL)
    file = (ROOT / "plans.example.toml").read_text()
    assert tomllib.loads(shown) == tomllib.loads(file)


def test_the_plan_of_the_guide_is_accepted(api: ApiServer) -> None:
    answer = api.post("/v1/plans", json=WISH)
    assert answer.status_code == 202, answer.text
    assert {one["receipt"] for one in answer.json()["steps"]} == {"accepted"}


def test_the_cancellations_of_the_guide_are_accepted(api: ApiServer) -> None:
    counts = api.post("/v1/cancellations", json=SINGLES).json()["counts"]
    assert counts == {"accepted": 3, "duplicate": 0, "refused": 0}


def test_a_refused_plan_is_answered_as_the_guide_says(api: ApiServer) -> None:
    wrong = {**WISH, "input": {**WISH["input"], "awb": "?"}}
    told = api.post("/v1/plans", json=wrong).json()
    assert _in_order(told) == _in_order({**REFUSAL, "request_id": told["request_id"]})


def _in_order(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def test_every_plan_of_the_openapi_document_is_accepted(api: ApiServer) -> None:
    document = api.get("/openapi.json", token=None).json()
    body = document["paths"]["/v1/plans"]["post"]["requestBody"]
    for example in body["content"]["application/json"]["examples"].values():
        answer = api.post("/v1/plans", json=example["value"])
        assert answer.status_code == 202, answer.text
