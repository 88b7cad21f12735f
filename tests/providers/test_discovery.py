"""A package adds a provider by an entry point; a faulty one stops nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rescind.provider.discovery import GROUP, Discovered, discover
from tests.plugins import environment, found_in, install, install_sixth

OURS = ("notpanel", "ithink")
GOOD = "rescind_{name}.provider:{title}"
VERSION = "interface_version: ClassVar[int] = 1"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that this process imports from."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def looked_up(site: Path) -> Discovered:
    return discover(found_in(site), OURS)


def test_an_installed_package_adds_its_provider(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = install_sixth(tmp_path, "fine_one")
    monkeypatch.syspath_prepend(str(source))
    found = looked_up(source)
    assert [one.name for one in found.providers] == ["fine_one"]
    assert found.packages == {"fine_one": "rescind-fine_one 1.2"}
    assert found.broken == {}


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("notpanel", "m:K", "a name that is Rescind's own: uninstall"),
        ("rescind", "m:K", "a name that is Rescind's own: uninstall"),
        ("celery", "m:K", "a name that is Rescind's own: uninstall"),
        ("unacked_index", "m:K", "a name that is Rescind's own: uninstall"),
        ("Twilio", "m:K", "has a wrong name: a name has small letters"),
        ("two-words", "m:K", "has a wrong name: a name has small letters"),
        ("1st", "m:K", "has a wrong name: a name has small letters"),
        ("x" * 41, "m:K", "has a wrong name: a name has small letters"),
        ("absent", "no_such_module:K", "cannot be imported (ModuleNotFoundError"),
        ("empty", "json:NoSuchClass", "cannot be imported (AttributeError"),
        ("other", "json:JSONDecoder", "is not a class that derives from"),
        ("value", "json:loads", "is not a class that derives from"),
    ],
)
def test_a_faulty_entry_point_is_a_broken_provider(
    site: Path, name: str, value: str, says: str
) -> None:
    install(site, "rescind-extra", {GROUP: {name: value}})
    found = looked_up(site)
    assert found.providers == []
    why = found.broken[name].why
    assert says in why
    assert "of rescind-extra 1.2" in why
    assert "uninstall" in why


@pytest.mark.parametrize(
    ("line", "instead", "says"),
    [
        (VERSION, VERSION.replace("1", "7"), "has interface version 7, and this Resc"),
        (VERSION, "", "has interface version None"),
        ("def build_read(", "def build_reed(", "cannot be made (TypeError"),
        ("policy: ClassVar[Policy] = POLICY", "policy = {}", "must have policy"),
        (
            "account_model: ClassVar[type[Account]] = OddAccount",
            "account_model = dict",
            "must have account_model, which derives from Account",
        ),
        ('= "odd"', '= "even"', "calls itself 'even'"),
        (
            "    policy: ClassVar",
            '    advice = {"unresolved": "by 100%"}\n    policy: ClassVar',
            "has advice that cannot be shown (unresolved)",
        ),
        (
            "    policy: ClassVar",
            '    advice = {"unheard_of": "call them"}\n    policy: ClassVar',
            "has advice that cannot be shown (unheard_of)",
        ),
        (
            "facts: ClassVar[tuple[Fact, ...]] = FACTS",
            "facts = 3",
            "must have facts, which is a tuple",
        ),
        ("seconds=30)", "seconds=3)", "must have active_trusted_after of at least 30"),
        ("import re\n", "raise SystemExit(3)\n", "cannot be imported (SystemExit: 3)"),
        ("import re\n", "1 / 0\n", "cannot be imported (ZeroDivisionError"),
    ],
)
def test_a_faulty_class_is_a_broken_provider(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    line: str,
    instead: str,
    says: str,
) -> None:
    source = install_sixth(tmp_path, "odd")
    module = source / "rescind_odd" / "provider.py"
    written = module.read_text()
    assert line in written
    module.write_text(written.replace(line, instead, 1))
    monkeypatch.syspath_prepend(str(source))
    for name in [one for one in sys.modules if one.startswith("rescind_odd")]:
        monkeypatch.delitem(sys.modules, name)
    found = looked_up(source)
    assert says in found.broken["odd"].why
    assert "of rescind-odd 1.2" in found.broken["odd"].why


def test_a_name_that_two_packages_give_is_no_providers(site: Path) -> None:
    install(site, "rescind-one", {GROUP: {"same": "json:loads"}})
    install(site, "rescind-two", {GROUP: {"same": "json:loads"}})
    why = looked_up(site).broken["same"].why
    assert "is there more than once" in why
    assert "rescind-one 1.2" in why
    assert "rescind-two 1.2" in why


def test_a_broken_provider_stops_no_other(tmp_path: Path) -> None:
    source = install_sixth(tmp_path, "whole")
    install(source, "rescind-extra", {GROUP: {"absent": "no_such_module:K"}})
    code = (
        "import json; from providers.registry import BROKEN, BY_NAME, provider_named\n"
        "print(json.dumps([sorted(BY_NAME), sorted(BROKEN)]))\n"
        "provider_named('absent')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(source),
        capture_output=True,
        text=True,
        check=False,
    )
    usable, broken = json.loads(done.stdout)
    assert {"notpanel", "whole"} <= set(usable)
    assert broken == ["absent"]
    assert "provider cannot be used: the provider absent of resc" in done.stderr
