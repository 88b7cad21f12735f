"""The command for a first order is one that can be pasted."""

from __future__ import annotations

import shlex
from itertools import pairwise

import pytest

from providers.registry import BY_NAME
from rescind.intake.values import named_values, param_value
from rescind.operations.first_command import easiest, first_command, needs_params
from tests.cli.test_cli_support import Home


@pytest.mark.parametrize("provider", sorted(BY_NAME))
def test_the_params_of_the_first_command_are_valid_as_they_are(provider: str) -> None:
    words = shlex.split(first_command(provider, "default"))
    given = [value for name, value in pairwise(words) if name == "--param"]
    params = {
        name: param_value(provider, name, text)
        for name, text in named_values(given, "--param").items()
    }
    BY_NAME[provider].params_model.model_validate(params)
    assert needs_params(provider) == bool(params)


def test_the_first_command_of_a_lane_can_be_pasted(home: Home) -> None:
    command = first_command("akinon", "default").replace("ORDER", "9001")
    assert home.run(*shlex.split(command)[1:-1]).status == 0
    assert [one["order"] for one in home.run("list", "--json").records] == ["9001"]


def test_a_command_without_needed_params_has_none() -> None:
    command = first_command("notpanel", "default")
    assert command == "rescind cancel notpanel ORDER --wait"


def test_the_whole_order_is_cancelled_where_a_param_says_so() -> None:
    assert "--param is_all=true" in first_command("akinon", "default")


def test_a_lane_that_needs_no_param_comes_first() -> None:
    needy, free = ("akinon", "default"), ("notpanel", "second")
    assert easiest([needy, free]) == free
    assert easiest([needy]) == needy
    assert easiest([]) is None
