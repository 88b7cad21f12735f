"""What does one call cost, and how much of it is ours?"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable
from itertools import count
from urllib.parse import urlsplit

import requests

from bench.bench_plan import Plan, rows
from bench.results import US, Result, Target
from bench.stage import Stage
from bench.team import FIRST
from providers.iletimerkezi import POLICY, IletiMerkezi, IletiMerkeziAccount
from rescind.provider.http import Evidence, exchange
from rescind.provider.outcomes import Order

CASE = "iletiMerkezi"
PLAIN, BARE = "requests, a session", "http.client"
HOW = (
    "The processor time of this process for one cancel call on a kept connection to the"
    " stub provider, its reply read as JSON. Rescind's also builds the request, bounds"
    " its time and size, judges the reply, and masks secrets in it."
)

Once = Callable[[str], object]


def ask(plan: Plan) -> Result:
    """Measure the microseconds of each call."""
    ways = {US: _ours, PLAIN: _plain, BARE: _bare}
    tries = {name: _try(plan, make) for name, make in ways.items()}
    targets = [Target(CASE, US, 1.0, PLAIN, at_most=True)]
    found = rows(plan, CASE, "µs", tries)
    return Result("call", "The cost of a call", HOW, found, targets)


def _try(plan: Plan, make: Callable[[Stage], Once]) -> Callable[[], float]:
    calls = plan.size(5_000, 1_000)

    def once() -> float:
        call = make(plan.stage("sqlite"))
        numbers = count(FIRST)
        for _ in range(200):
            call(str(next(numbers)))
        began = time.process_time()
        for _ in range(calls):
            call(str(next(numbers)))
        return (time.process_time() - began) / calls * 1e6

    return once


def _ours(stage: Stage) -> Once:
    base = f"{stage.provider.url}/iletimerkezi"
    account = IletiMerkeziAccount.model_validate(
        {"base_url": base, "key": "k", "hash": "h"}
    )
    provider, secrets = IletiMerkezi(), account.secrets()

    def call(number: str) -> None:
        orders = [Order(number)]
        request = provider.build_cancel(account, None, orders)
        made = exchange(
            request, lambda reply: provider.parse_cancel(orders, reply), POLICY, secrets
        )
        if made.evidence is not Evidence.ANSWERED:
            raise RuntimeError(made.detail)

    return call


def _body(number: str) -> dict[str, object]:
    login = {"key": "k", "hash": "h"}
    return {"request": {"authentication": login, "order": {"id": number}}}


PATH = "/iletimerkezi/v1/cancel-order/json"


def _plain(stage: Stage) -> Once:
    session = requests.Session()
    session.trust_env = False
    url = stage.provider.url + PATH

    def call(number: str) -> object:
        return session.post(url, json=_body(number), timeout=(5, 30)).json()

    return call


def _bare(stage: Stage) -> Once:
    parts = urlsplit(stage.provider.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    headers = {"Content-Type": "application/json"}

    def call(number: str) -> object:
        connection.request("POST", PATH, json.dumps(_body(number)), headers)
        return json.loads(connection.getresponse().read())

    return call
