"""Made-up accounts for every provider; every secret is marked."""

from __future__ import annotations

from typing import Any

from providers.registry import BY_NAME
from rescind.provider.account import Account
from rescind.provider.outcomes import Order

MARK = "MARKED-SECRET"

CREDENTIALS: dict[str, dict[str, Any]] = {
    "iletimerkezi": {"key": f"{MARK}-1", "hash": f"{MARK}-2"},
    "dukkango": {"access_token": f"{MARK}-3"},
    "akinon": {"base_url": "https://shop.example", "token": f"{MARK}-4"},
    "ithink": {"access_token": f"{MARK}-5", "secret_key": f"{MARK}-6"},
    "notpanel": {"key": f"{MARK}-7"},
}

ORDERS: dict[str, list[Order]] = {
    "iletimerkezi": [Order("312891245")],
    "dukkango": [Order("3e9caf87-5cb7-4c4e-adcb-fc2ec54cf24e", {"reason_id": 4})],
    "akinon": [Order("7", {"is_all": True, "reasons": {"101": 2}})],
    "ithink": [Order("86210010463"), Order("86210010464"), Order("86210010465")],
    "notpanel": [Order("ord_01HG9X7A"), Order("ord_01HG9X7B"), Order("ord_01HG9X7C")],
}


def account(name: str) -> Account:
    return BY_NAME[name].account_model.model_validate(CREDENTIALS[name])
