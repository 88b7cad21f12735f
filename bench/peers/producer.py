"""A producer that is told what to send: ``python -m bench.peers.producer MODULE``.

Each line of its input is a JSON object, ``{"provider", "first", "count", "many"}``;
each line of its output says when the sending began and how many seconds it took.
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
        print(json.dumps(_send(module, json.loads(line))), flush=True)


def _send(module: Any, asked: dict[str, Any]) -> dict[str, float]:
    provider, first, count = asked["provider"], asked["first"], asked["count"]
    orders = [str(number) for number in range(first, first + count)]
    at, began = time.time(), time.perf_counter()
    if asked["many"]:
        module.send_many(provider, orders)
    else:
        for order in orders:
            module.send(provider, order, **asked.get("more", {}))
    return {"at": at, "took": time.perf_counter() - began}


if __name__ == "__main__":
    main()
