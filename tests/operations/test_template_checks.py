"""What ``rescind doctor`` says of the plans file."""

from __future__ import annotations

from pathlib import Path

from rescind.config.callbacks import NO_CALLBACKS
from rescind.operations.findings import Check, Level
from rescind.operations.template_checks import template_checks
from tests.intake.test_validation import ACCOUNTS

STEP = '[a.steps.x]\nprovider = "ithink"\norder = "{o}"\n'


def checks(path: Path) -> list[Check]:
    return list(template_checks(path, ACCOUNTS, NO_CALLBACKS))


def test_a_missing_file_is_reported_only_if_it_was_named(tmp_path: Path) -> None:
    assert checks(tmp_path / "plans.toml") == []
    [one] = checks(tmp_path / "other.toml")
    assert (one.level, one.problem) == (Level.WARNING, "plans-file")


def test_an_unusable_file_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "plans.toml"
    path.write_text("a = ")
    [one] = checks(path)
    assert one.level is Level.WRONG
    assert "keep its former plans" in one.says


def test_an_account_that_does_not_exist_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "plans.toml"
    path.write_text(f'{STEP}account = "other"\n')
    [one] = checks(path)
    assert (one.what, one.level) == ("plan a", Level.WRONG)


def test_an_address_that_is_not_allowed_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "plans.toml"
    path.write_text(f'[a]\ncallback_url = "https://shop.example"\n{STEP}')
    [one] = checks(path)
    assert one.level is Level.WRONG
    assert one.says.startswith("callback_url is not accepted")
    path.write_text(STEP)
    assert checks(path)[0].level is Level.OK
