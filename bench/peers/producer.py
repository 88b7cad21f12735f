"""A producer that is told what to send: ``python -m bench.peers.producer MODULE``.

Each line of its input is a JSON object: ``first`` and ``count`` name the orders. With
``provider``, ``many`` says whether they go together; with ``lanes``, a list of pairs of
a provider and an account, they go to these one after the other. ``more`` are further
fields of each. Each line of its output says when the sending began (``at``, Unix time)
and how many seconds it took (``took``).
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
    elif asked["many"]:
        module.send_many(asked["provider"], orders)
    else:
        for order in orders:
            module.send(asked["provider"], order, **more)


if __name__ == "__main__":
    main()
