"""A producer that its input controls: ``python -m bench.peers.producer MODULE``.

Each line of the input is a JSON object. ``first`` and ``count`` name the orders. With
``provider``, ``many`` says whether the orders go together. With ``lanes``, a list of
pairs of a provider and an account, the orders go to these lanes in turns. With
``plans``, they go in plans of three. ``more`` are further fields of each order. Each
line of the output says when the sending began (``at``, Unix time) and how many seconds
it took (``took``).
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from typing import Any


def main() -> None:
    module = importlib.import_module(f"bench.peers.{sys.argv[1]}")
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(_timed(module, json.loads(line))), flush=True)


def _timed(module: Any, asked: dict[str, Any]) -> dict[str, float]:
    first, count = asked["first"], asked["count"]
    orders = [str(number) for number in range(first, first + count)]
    at, began = time.time(), time.perf_counter()
    _send(module, asked, orders)
    return {"at": at, "took": time.perf_counter() - began}


def _send(module: Any, asked: dict[str, Any], orders: list[str]) -> None:
    more = asked.get("more", {})
    if "lanes" in asked:
        module.send_spread(asked["lanes"], orders, **more)
    elif asked.get("plans"):
        module.send_plans(asked["provider"], orders, many=asked["many"])
    elif asked["many"]:
        module.send_many(asked["provider"], orders)
    else:
        for order in orders:
            module.send(asked["provider"], order, **more)


if __name__ == "__main__":
    main()
