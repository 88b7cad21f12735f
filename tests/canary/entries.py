"""Entries that producers submit: good and bad ones, with IBANs and names."""

from __future__ import annotations

from typing import Any

from tests.canary.marks import HOLDER, IBAN, SPACED
from tests.conftest import free_port

REFUNDS, OTHERS = 16, 6


def refund(number: int, iban: str = IBAN, **more: Any) -> dict[str, Any]:
    """An order whose refund goes to a bank account."""
    personal = {"ibans": {"101": iban}, "holder_names": {"101": HOLDER}}
    params = {"is_all": True, "reasons": {"101": 2}, **personal}
    return {"provider": "akinon", "order": str(number), "params": params, **more}


def entries() -> list[dict[str, Any]]:
    """Good entries for every provider, and entries refused for each kind of fault."""
    good = [refund(50_000 + n, IBAN if n % 2 else SPACED) for n in range(REFUNDS)]
    told = {"callback_url": f"http://127.0.0.1:{free_port()}/hook"}
    for n in range(OTHERS):
        good += [
            {"provider": "iletimerkezi", "order": str(60_000 + n)},
            {"provider": "ithink", "order": f"8621001{n:04}"},
            {"provider": "notpanel", "order": f"ord_{n:04}", **told},
            {
                "provider": "dukkango",
                "order": f"3e9caf87-5cb7-4c4e-adcb-fc2ec54c{n:04x}",
                "params": {"reason_id": 4},
            },
        ]
    stuck = [
        refund(70_001, account="static"),
        {"provider": "notpanel", "order": "ord_9", "account": "down"},
        {**good[-1], "account": "wrong"},
    ]
    swapped, listed = refund(70_002), refund(70_003)
    swapped["params"]["ibans"] = {IBAN: "101"}
    listed["params"]["ibans"] = [IBAN, SPACED]
    nobody = refund(70_004, account="nobody")
    return [*good, *stuck, swapped, listed, nobody, {**refund(1), "iban": IBAN}]
