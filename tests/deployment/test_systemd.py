"""The systemd units are valid and hardened, and each name in them exists."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from rescind.api.http_server import GRACE_SECONDS
from rescind.config.settings import Settings
from rescind.provider.policy import Policy
from rescind.runtime.systemd_watchdog import EVERY_SECONDS
from tests.deployment.files import ROOT
from tests.deployment.processes import BIN
from tests.deployment.test_commands import assert_runnable
from worker.signals import LONGER_SECONDS

FOLDER = ROOT / "deploy" / "systemd"
SERVICES = sorted(path.name for path in FOLDER.glob("*.service"))
STAYING = [name for name in SERVICES if name != "rescind-migrate.service"]
INSTALLED = "/opt/rescind/bin/"
MOST_EXPOSED = 15
"""Tenths, as ``systemd-analyze security`` counts: "OK" is below 50."""
needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here"
)
SETTINGS = {f"RESCIND_{name.upper()}" for name in Settings.model_fields}


def entries(name: str) -> dict[str, list[str]]:
    """The values of each key of a unit."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for line in (FOLDER / name).read_text().splitlines():
        key, is_entry, value = line.partition("=")
        if is_entry and not line.startswith("#"):
            found[key].append(value)
    return found


def one(name: str, key: str) -> str:
    [value] = entries(name)[key]
    return value


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The units, with the programs of this machine and an instance of the worker."""
    folder = tmp_path_factory.mktemp("units") / "systemd"
    shutil.copytree(FOLDER, folder)
    for path in folder.glob("*.service"):
        path.write_text(path.read_text().replace(INSTALLED, f"{BIN}/"))
    shutil.copy(folder / "rescind-worker@.service", folder / "rescind-worker@1.service")
    return folder


def analysed(*words: str, folder: Path) -> str:
    ended = subprocess.run(
        ["systemd-analyze", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = ended.stdout + ended.stderr
    assert ended.returncode == 0, said
    return said


def whole(name: str) -> str:
    return f"./{name.replace('@.', '@1.')}"


@needs_systemd
def test_systemd_finds_no_fault(here: Path) -> None:
    units = [*map(whole, SERVICES), "./rescind.target"]
    assert analysed("verify", "--man=no", *units, folder=here) == ""


@needs_systemd
@pytest.mark.parametrize("name", SERVICES)
def test_a_unit_is_hardly_exposed(name: str, here: Path) -> None:
    asked = ("security", "--offline=yes", f"--threshold={MOST_EXPOSED}", "--no-pager")
    analysed(*asked, whole(name), folder=here)


@needs_systemd
def test_without_the_hardening_a_unit_is_exposed(here: Path, tmp_path: Path) -> None:
    shutil.copy(here / "rescind-api.service", tmp_path)
    asked = ("security", "--offline=yes", f"--threshold={MOST_EXPOSED}", "--no-pager")
    with pytest.raises(AssertionError, match="UNSAFE"):
        analysed(*asked, "./rescind-api.service", folder=tmp_path)


def test_the_units_are_the_whole_system() -> None:
    kinds = {re.sub(r"rescind-|@?\.service", "", name) for name in SERVICES}
    assert kinds == {"worker", "beat", "api", "flower", "migrate"}
    for name in STAYING:
        assert one(name, "WantedBy") == one(name, "PartOf") == "rescind.target"


@pytest.mark.parametrize("name", SERVICES)
def test_every_command_exists(name: str) -> None:
    command = one(name, "ExecStart")
    assert command.startswith(INSTALLED)
    assert_runnable(command.removeprefix(INSTALLED).split())


@pytest.mark.parametrize("name", SERVICES)
def test_every_variable_is_a_setting_and_no_secret(name: str) -> None:
    given = dict(value.split("=", 1) for value in entries(name)["Environment"])
    assert given.keys() <= SETTINGS
    for setting in given:
        kind = Settings.model_fields[setting.removeprefix("RESCIND_").lower()]
        assert "Secret" not in str(kind.annotation)


def test_each_program_reads_the_secrets_that_it_needs_and_no_more() -> None:
    files = {
        name: {value.removeprefix("-") for value in entries(name)["EnvironmentFile"]}
        for name in SERVICES
    }
    broker, ledger, credentials, api, flower = (
        f"/etc/rescind/{kind}.env"
        for kind in ("broker", "ledger", "credentials", "api", "flower")
    )
    assert files == {
        "rescind-worker@.service": {broker, ledger, credentials},
        "rescind-api.service": {broker, ledger, credentials, api},
        "rescind-migrate.service": {broker, ledger},
        "rescind-beat.service": {broker},
        "rescind-flower.service": {broker, flower},
    }


@pytest.mark.parametrize("name", STAYING)
def test_a_program_that_ends_is_started_again_and_ends_without_its_children_first(
    name: str,
) -> None:
    assert one(name, "Restart") == "always"
    assert one(name, "StartLimitIntervalSec") == "0"
    assert one(name, "KillMode") == "mixed"


def test_every_program_has_time_to_end() -> None:
    longest = Policy.model_json_schema()["properties"]["read_timeout"]["maximum"]
    stop = {name: int(one(name, "TimeoutStopSec")) for name in STAYING}
    assert stop["rescind-worker@.service"] > longest + LONGER_SECONDS
    assert stop["rescind-api.service"] > GRACE_SECONDS


def test_a_worker_tells_systemd_in_time_that_it_moves() -> None:
    assert int(one("rescind-worker@.service", "WatchdogSec")) > EVERY_SECONDS * 3
    assert one("rescind-worker@.service", "NotifyAccess") == "main"


def test_no_program_starts_before_the_migration_that_is_under_way() -> None:
    for name in ("rescind-worker@.service", "rescind-api.service"):
        assert "rescind-migrate.service" in one(name, "After")
    assert one("rescind-migrate.service", "Type") == "oneshot"


def test_the_documentation_names_every_file() -> None:
    page = (ROOT / "docs" / "operating.md").read_text()
    section = page.partition("\n## systemd\n")[2].partition("\n## ")[0]
    named = {
        path
        for name in SERVICES
        for value in (*entries(name)["EnvironmentFile"], *entries(name)["Environment"])
        for path in re.findall(r"/etc/rescind/[\w.]+", value)
    }
    assert {path for path in named if path.rpartition("/")[2] not in section} == set()
    documented = set(re.findall(r"\bRESCIND_[A-Z_]+", section))
    assert documented <= SETTINGS
