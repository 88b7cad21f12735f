"""The sandbox explains itself, and prints an accounts file for itself."""

from __future__ import annotations

import re
import socket
import tomllib
from argparse import SUPPRESS
from contextlib import closing
from pathlib import Path
from urllib.request import urlopen

import pytest

from providers.registry import BY_NAME
from rescind.config.accounts import load_accounts
from rescind.sandbox import Sandbox, sandbox_server
from rescind.sandbox.control import Control
from rescind.sandbox.guide import accounts_file
from rescind.sandbox.ithink import IThink
from rescind.sandbox.notpanel import NotPanel
from rescind.sandbox.sandbox_options import parser
from rescind.sandbox.sandbox_server import chosen_port, main
from rescind.sandbox.sandbox_settings import Settings
from tests.deployment.files import ROOT

COMMAND = re.compile(r"^(?:\$ )?(?:curl|rescind) ", re.MULTILINE)


def text(url: str) -> str:
    with urlopen(url) as answer:
        return str(answer.read().decode())


def test_the_accounts_file_has_a_good_account_at_each_provider(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--accounts", "--port", "4711"]) == 0
    path = tmp_path / "accounts.toml"
    path.write_text(capsys.readouterr().out)
    path.chmod(0o600)
    found = load_accounts(path)
    assert (found.fault, found.warnings) == (None, ())
    assert {provider for provider, _ in found.lanes} == set(BY_NAME)
    for (provider, _), lane in found.lanes.items():
        assert lane.fault is None
        assert lane.account is not None
        assert lane.account.base_url == f"http://127.0.0.1:4711/{provider}"


def test_the_first_page_says_what_is_there(sandbox: Sandbox) -> None:
    page = text(f"{sandbox.url}/")
    assert all(sandbox.base_url(name) in page for name in BY_NAME)
    assert text(f"{sandbox.url}/accounts.toml") == accounts_file(sandbox.url)
    routes = Control.__init__.__code__.co_consts
    named = {one for one in routes if isinstance(one, tuple)}
    for method, route in {one for one in named if len(one) == 2}:
        assert re.search(rf"{method}\b.* /_sandbox/{route}\b", page), route


def test_every_option_is_explained() -> None:
    for action in parser()._actions:
        assert action.help not in (None, "", SUPPRESS), action.dest


def test_what_it_prints_can_be_redirected_into_an_accounts_file(
    sandbox: Sandbox,
) -> None:
    printed = f"# sandbox listening on {sandbox.url}\n{accounts_file(sandbox.url)}"
    assert set(tomllib.loads(printed)) == set(BY_NAME)


def test_a_usual_port_that_is_taken_is_said_and_another_is_used(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        taken = listener.getsockname()[1]
        monkeypatch.setattr(sandbox_server, "PORT", taken)
        port = chosen_port("127.0.0.1", None)
    assert port != taken
    said = capsys.readouterr().err
    assert f"port {taken} of 127.0.0.1 is taken by " in said
    assert f"port {port} is used instead" in said


@pytest.mark.parametrize("page", ["README.md", "docs/http.md", "docs/walkthrough.md"])
def test_the_orders_of_a_pages_first_commands_can_be_cancelled(page: str) -> None:
    """A user who types them starts the sandbox with its defaults."""
    console = re.compile(r"```(?:console)?\n(.*?)```", re.DOTALL)
    text = (ROOT / page).read_text("utf-8")
    shown = "\n".join(block for block in console.findall(text) if COMMAND.search(block))
    named = {
        *re.findall(r"(notpanel)[ ,\"]+(?:order\": \")?(ord_\w+)", shown),
        *re.findall(r"(ithink)[ ,\"]+(?:order\": \")?(\d{11})", shown),
    }
    assert named
    worlds = {"notpanel": NotPanel(Settings()), "ithink": IThink(Settings())}
    for provider, order in named:
        world = worlds[provider]
        assert world.truth(world.order(order, now=0.0), now=0.0) == "active", order
