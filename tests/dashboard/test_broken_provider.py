"""An installed provider that cannot be used holds its own lanes, and stops nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from rescind.config.token_list import parsed
from rescind.dashboard import board
from rescind.operations import doctor
from rescind.provider.discovery import GROUP, BrokenProvider
from tests.cli.test_cli_support import Home
from tests.dashboard.stage import OPERATOR, Served
from tests.plugins import environment, install, install_sixth

WHY = "the provider courier of rescind-courier 1.2 cannot be imported"
BOTH = '[courier.eu]\nkey = "k"\n[notpanel.default]\nkey = "k"\n'


def test_its_lanes_are_held_with_the_sentence_and_the_others_work(
    home: Home, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    install(site, "rescind-courier", {GROUP: {"courier": "no_such_module:Courier"}})
    path = environment(site)["PYTHONPATH"]
    home.write("accounts.toml", BOTH)
    lanes = home.process("lanes", "--json", PYTHONPATH=path)
    found = {one["lane"]: one for one in lanes.records}
    assert found["courier/eu"]["status"] == "held"
    assert WHY in found["courier/eu"]["why"]
    assert found["notpanel/default"]["status"] == "open"
    assert home.process("cancel", "notpanel", "ord_1", PYTHONPATH=path).status == 0
    refused = home.process("cancel", "courier", "1", "--account", "eu", PYTHONPATH=path)
    assert refused.status == 2
    assert WHY in refused.err


def test_doctor_and_the_page_name_it(
    home: Home, site: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = {"courier": BrokenProvider("courier", WHY)}
    monkeypatch.setattr(doctor, "BROKEN", broken)
    monkeypatch.setattr(doctor, "PACKAGES", {"sixth": "rescind-sixth 1.2"})
    monkeypatch.setattr(board, "BROKEN", broken)
    checks = {one["what"]: one for one in home.run("doctor", "--json").records}
    assert checks["packages"]["says"] == "they add sixth (rescind-sixth 1.2)"
    assert checks["providers"]["level"] == "wrong"
    assert checks["providers"]["problem"] == "provider-broken"
    assert WHY in checks["providers"]["says"]
    assert WHY in site.visitor(OPERATOR).get("/").text


def test_a_package_adds_a_provider_to_every_way_in(home: Home, tmp_path: Path) -> None:
    path = environment(install_sixth(tmp_path / "made"))["PYTHONPATH"]
    home.write("accounts.toml", '[sixth.default]\napi_key = "k"\n')
    accepted = home.process("cancel", "sixth", "1000001", "--json", PYTHONPATH=path)
    assert [one["state"] for one in accepted.records] == ["queued"]
    lanes = home.process("lanes", "--json", PYTHONPATH=path)
    assert [(one["lane"], one["status"]) for one in lanes.records] == [
        ("sixth/default", "open")
    ]
    # Uninstalled, its row stays, and its lane says what to install.
    assert [one["order"] for one in home.run("list", "--json").records] == ["1000001"]
    assert [
        one["order"]
        for one in home.run("list", "--provider", "sixth", "--json").records
    ] == ["1000001"]
    (held,) = home.run("lanes", "--json").records
    assert "no provider sixth is installed" in held["why"]


def test_a_token_that_is_limited_to_a_former_provider_closes_no_api(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = "shop:read@courier/*:0123456789abcdef"
    monkeypatch.setenv("RESCIND_API_TOKENS", written)
    (token,) = parsed([("here", written)])
    assert token.limits.touches("courier", "eu")
    assert not token.limits.touches("notpanel", "default")
    checks = {one["what"]: one for one in home.run("doctor", "--json").records}
    assert checks["http door"]["level"] == "warning"
    assert "courier, which is not installed" in checks["http door"]["says"]
