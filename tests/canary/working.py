"""Submits marked values: by the command line, by messages and by HTTP."""

from __future__ import annotations

import base64
import json
from typing import Any

import redis
from celery import Celery

from rescind.browse.browsing import list_rows
from rescind.browse.wanted import Wanted
from rescind.ledger.storage.transactions import open_ledger, reading
from tests.canary.commands import submit
from tests.canary.entries import OTHERS, REFUNDS, entries, refund
from tests.canary.http_api import answer_of, ask
from tests.canary.marks import HOLDER, IBAN, SPACED
from tests.canary.world import World


def work(world: World) -> None:
    listed = entries()
    file = world.home / "cancellations.jsonl"
    lines = [json.dumps(one, ensure_ascii=False) for one in listed[:REFUNDS]]
    # Lines that cannot be parsed, with marks in them.
    lines += [f'{{"order": "{IBAN}"', f'{{"order": NaN, "x": "{IBAN}"}}', IBAN]
    file.write_text("\n".join(lines))
    submit(world, str(file))
    _produce(world, listed[REFUNDS - 5 :])
    _spoil(world)
    _submit_by_http(world, listed)
    world.until(lambda: _is_done(world), "the work")


def _produce(world: World, rest: list[dict[str, Any]]) -> None:
    with Celery(broker=world.system.redis_url) as producer:
        others: list[dict[str, Any]] = [refund(50_000, SPACED.replace("56", "65"))]

        def send(name: str = "rescind.submit", **kwargs: Any) -> None:
            producer.send_task(name, kwargs=kwargs, queue="rescind")

        send(cancellations=[*rest, *others])
        send("rescind.sumbit", cancellations=[refund(80_001)])
        send("akinon.cancel", cancellations=[refund(80_002)])
        send(cancelations=[refund(80_003)])
        send(cancellations=refund(80_004))
        send(cancellations=[[refund(80_005)], SPACED, None])
        send(cancellations=[refund(80_006)] * 1001)
        producer.send_task("rescind.submit", args=[IBAN, HOLDER], queue="rescind")


def _spoil(world: World) -> None:
    """Send malformed messages: bad encodings, no call, missing headers."""
    head = {"task": "rescind.submit", "id": "spoilt", "kwargsrepr": IBAN}
    whole = {"content-type": "application/json", "content-encoding": "utf-8"}
    where = {"exchange": "", "routing_key": "rescind"}
    short = json.dumps([[IBAN], {}, {}]).encode()
    bodies = (b"\xff" + IBAN.encode(), b"{" + IBAN.encode(), b'"x"', short)
    with redis.Redis.from_url(world.system.redis_url) as client:
        for number, body in enumerate(bodies):
            properties = {"delivery_tag": f"spoilt-{number}", "delivery_info": where}
            properties |= {"body_encoding": "base64"}
            coded = base64.b64encode(body).decode()
            message = {**whole, "headers": head, "properties": properties}
            client.lpush("rescind", json.dumps({**message, "body": coded}))
        client.lpush("rescind", json.dumps({"body": IBAN, "headers": head}))
        client.lpush("notpanel", IBAN)


def _submit_by_http(world: World, listed: list[dict[str, Any]]) -> None:
    """Submit by HTTP: good entries, wrong ones, and bodies that are not JSON."""
    base = world.system.api_url or ""
    world.until(lambda: answer_of(f"{base}/readyz") is not None, "the HTTP API")
    wrong = {**refund(90_001), "params": {"ibans": {IBAN: HOLDER}}}
    swapped = refund(50_000, SPACED.replace("56", "65"))
    whole = json.dumps({"cancellations": [*listed, wrong, swapped, IBAN]})
    misnamed = {**refund(90_003), "params": {"is_all": True, IBAN: 1, HOLDER: 1}}
    good = (refund(90_002), wrong, misnamed, {IBAN: HOLDER}, [IBAN])
    broken = (f'{{"{IBAN}"', f'{{"a": NaN, "{IBAN}": 1}}')
    for number, body in enumerate((whole, *map(json.dumps, good), *broken)):
        ask(world, f"sent {number}", "/v1/cancellations", body)


def _is_done(world: World) -> bool:
    with redis.Redis.from_url(world.system.redis_url) as client:
        if client.llen("rescind") or client.hlen("rescind:unacked"):
            return False
    engine = open_ledger(world.system.settings.database)
    try:
        with reading(engine) as connection:
            rows = list_rows(connection, Wanted(account="default"), 10_000)
    finally:
        engine.dispose()
    all_of_them = len(rows) > REFUNDS + 4 * OTHERS
    return all_of_them and all(row.finished_at for row in rows)
