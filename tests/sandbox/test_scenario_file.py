"""A wrong scenario file is refused: where, what is wrong, and what is allowed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rescind.sandbox import sandbox_server
from rescind.sandbox.faults import EXPLAINED, OPS
from rescind.sandbox.sandbox_scenario import Scenario
from rescind.sandbox.sandbox_settings import Settings
from rescind.sandbox.scenario_checks import ScenarioError
from rescind.sandbox.scenario_file import load_scenario, read_scenario
from rescind.sandbox.world import World
from tests.loops import in_a_thread

ROOT = Path(__file__).parents[2]
SIMULATIONS = World(Settings()).simulations
ORDER = {"provider": '"notpanel"', "id": '"ord_1"', "state": '"pending"'}
RULE = {"provider": '"notpanel"', "steps": '["ok"]'}
ROWS = "row_contradicted, row_dropped, row_missing"


def read(written: str) -> Scenario:
    return read_scenario(written, "my.toml", SIMULATIONS)


def table(name: str, usual: dict[str, str], **changes: str | None) -> str:
    values = {**usual, **changes}
    lines = [f"{key} = {value}" for key, value in values.items() if value is not None]
    return "\n".join([f"[[{name}]]", *lines])


def order(**changes: str | None) -> str:
    return table("orders", ORDER, **changes)


def rule(**changes: str | None) -> str:
    return table("calls", RULE, **changes)


WRONG = {
    "a =\nb = 1": "my.toml: is not TOML: .* line 1",
    "order = 1": r"order: is not known \(did you mean orders\?\); allowed: calls,",
    "orders = 1": r"orders: must be tables, each begun by \[\[orders\]\]",
    "settings = 1": r"\[settings\]: must be a table",
    "[settings]\nsetle = 1": r"setle: is not known \(did you mean settle\?\); allowed:",
    "[settings]\nsettle = -1": r"\[settings\]: settle must be a number, not negative",
    "[settings]\nauto = 1": r"\[settings\]: auto must be true or false",
    order(provider='"notpanl"'): r"1: provider: .*mean notpanel\?\); allowed: ileti",
    order(provider=None): r"\[\[orders\]\] 1: provider: is missing",
    order(state='"canceled"'): r"1: state: 'canceled' .*mean cancelled\?\); allow",
    order(state=None): r"\[\[orders\]\] 1: state: is missing",
    order(ids='["a"]'): "must have id or ids, and not both",
    order(id=None): "must have id or ids, and not both",
    order(id=None, ids="[]"): "ids: must be a list with one id or more",
    order(id="7"): "id: must be letters, digits, _ and -, as a text in quot.*, not 7",
    order(id='"a b"'): "id: 'a b' must be letters, digits, _ and -",
    order(ends='"gone"'): "ends: must be one of pending, in_progress",
    order(items='["1"]'): "items: is not known; allowed: charge, ends, id, ids, prov",
    order(settle="true"): "settle: must be a number of 0 or more",
    order() + "\n" + order(): r"\[\[orders\]\] 2: order ord_1 of notpanel is .* twice",
    rule(steps=None): r"\[\[calls\]\] 1: steps: is missing",
    rule(steps="[]"): "steps: must be a list with one step or more",
    rule(steps='["drop"]'): r"steps.1.fault: 'drop' is not known.*allowed: ok, drop_be",
    rule(steps='["ok", 3]'): "steps.2: must be a fault's name, or a table",
    rule(steps="[{ times = 2 }]"): "steps.1: must have fault, or status for an answer",
    rule(steps='[{ fault = "ok", times = 0 }]'): "steps.1.times: must be a whole .* 1",
    rule(steps='[{ fault = "ok", seconds = 1 }]'): "seconds: ok lasts no time; allow.*",
    rule(steps='[{ fault = "late", seconds = "1" }]'): "seconds: must be a number, n",
    rule(steps='[{ fault = "ok", status = 200 }]'): "steps.1.fault: is not known",
    rule(steps="[{ status = 99, text = 'a' }]"): "status: must be .* from 200 to 599",
    rule(steps="[{ status = 200 }]"): "steps.1: must have json or text, and not both",
    rule(steps="[{ status = 200, json = 2026-01-01 }]"): "json: must hold texts, num",
    rule(steps="[{ status = 200, text = 1 }]"): "steps.1.text: must be a text, not 1",
    rule(steps="[{ status = 200, text = 'a', acts = 1 }]"): "acts: must be true or",
    rule(
        steps="[{ status = 200, text = 'a', headers = { Content-Length = '1' } }]"
    ): "steps.1.headers.Content-Length: must be a header's name, and none of",
    rule(
        steps="[{ status = 200, text = 'a', headers = { X-A = \"a\\r\\nb\" } }]"
    ): "headers.X-A: must be a text of printable ASCII",
    rule(call='"cancl"'): r"call: 'cancl' .*mean cancel\?\); allowed: cancel, read",
    rule(call='"login"', order='"a"'): "call: a login call names no order; allowed w",
    rule(account='"a b"'): "account: must be 1 to 64 letters, digits, - and _",
    rule(repeat='"no"'): "repeat: must be true or false, not 'no'",
    rule(when="1"): "when: is not known; allowed: account, call, order, prov",
    rule(
        provider='"ithink"', steps='["row_dropped"]'
    ): "ithink has no fault row_dropped: of rows it has row_missing",
    rule(
        provider='"akinon"', steps='["row_missing"]'
    ): "akinon has no fault row_missing: of rows it has none of rows",
}


@pytest.mark.parametrize("written", WRONG)
def test_a_wrong_file_says_where_and_what_is_allowed(written: str) -> None:
    with pytest.raises(ScenarioError) as error:
        read(written)
    assert str(error.value).startswith("my.toml: ")
    assert re.search(WRONG[written], str(error.value))


@pytest.mark.parametrize("name", sorted(SIMULATIONS))
def test_every_state_of_every_provider_can_be_given(name: str) -> None:
    ids = {"dukkango": "3E9CAF87-5CB7-4C4E-ADCB-FC2EC54CF24E"}
    world = World(Settings())
    for state in world.simulations[name].truths:
        written = order(
            provider=f'"{name}"', id=f'"{ids.get(name, "31")}"', state=f'"{state}"'
        )
        world.play(read(written))
        (found,) = world.simulations[name].orders.values()
        assert found.state == state


def test_the_page_of_the_docs_has_every_fault_state_option_and_call() -> None:
    page = (ROOT / "docs" / "sandbox.md").read_text()
    for kind, explanation in EXPLAINED.items():
        assert f"| `{kind}` | {explanation} |" in page
    for simulation in SIMULATIONS.values():
        for name in (*simulation.truths, *simulation.order_options):
            assert f"`{name}`" in page
    for op in OPS:
        assert f"`{op}`" in page


TOML = st.sampled_from(
    ["1", "-1", "true", '""', '"ord_1"', "[]", "{}", '["ok"]', "2026-01-01", "nan"]
)
KEYS = st.sampled_from(
    [*ORDER, *RULE, "ids", "account", "call", "order", "repeat", "ends", "settle"]
)


@given(
    st.sampled_from(["orders", "calls"]),
    st.dictionaries(KEYS, TOML, max_size=5),
    st.booleans(),
)
def test_any_file_is_read_or_refused_in_one_sentence(
    name: str, values: dict[str, str], usual: bool
) -> None:
    base = {"orders": ORDER, "calls": RULE}[name] if usual else {}
    said = "my.toml: "
    try:
        world = World(Settings())
        world.play(read(table(name, {**base, **values})))
    except ScenarioError as error:
        said = str(error)
    assert said.startswith("my.toml: ")
    assert "\n" not in said


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none.toml"
    with pytest.raises(ScenarioError, match=r"none.toml: cannot be read: No such"):
        load_scenario(path, SIMULATIONS)
    path.write_bytes(b"\xff")
    with pytest.raises(ScenarioError, match="is not UTF-8"):
        load_scenario(path, SIMULATIONS)


@pytest.mark.parametrize("more", [[], ["--accounts"]])
def test_the_command_ends_with_status_2_and_the_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str]
) -> None:
    path = tmp_path / "my.toml"
    path.write_text(rule(call='"cancl"'))
    arguments = ["--port=0", f"--scenario={path}", *more]
    with pytest.raises(SystemExit) as ended:
        in_a_thread(lambda: sandbox_server.main(arguments))
    assert ended.value.code == 2
    assert "my.toml: [[calls]] 1: call: 'cancl'" in capsys.readouterr().err
